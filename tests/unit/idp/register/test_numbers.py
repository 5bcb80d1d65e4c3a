"""Residents' numbers: random, unique, with a check digit that finds every slip — Verhoeff."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import verhoeff as others
from stdnum.in_ import aadhaar

from idp.register.numbers import bare, formats
from idp.register.verhoeff import is_valid, with_check_digit

DIGITS = st.text("0123456789", min_size=1, max_size=20)


def test_100_000_numbers_are_unique_random_and_pass_the_check_of_a_library_of_others() -> None:
    """Aadhaar: its own format is one of ours."""
    form = formats()["twelve"]
    made = [form.new() for _ in range(100_000)]
    assert len(set(made)) == len(made)
    assert all(map(others.is_valid, made))
    # A palindrome is no number of India's, and chance makes few.
    assert sum(not aadhaar.is_valid(one) for one in made) < 50
    for place in range(1, 12):
        counted = Counter(one[place] for one in made)
        assert all(9_000 < counted[digit] < 11_000 for digit in "0123456789")


def test_every_single_wrong_digit_of_a_number_fails() -> None:
    for form in formats().values():
        digits = form.new()
        for place, right in enumerate(digits):
            for wrong in set("0123456789") - {right}:
                assert not is_valid(digits[:place] + wrong + digits[place + 1 :])


@given(DIGITS)
def test_the_check_digit_is_that_of_a_library_of_others(digits: str) -> None:
    assert with_check_digit(digits) == digits + others.calc_check_digit(digits)
    assert is_valid(with_check_digit(digits))


@given(DIGITS)
def test_two_neighbours_that_changed_places_fail(digits: str) -> None:
    whole = with_check_digit(digits)
    place = random.Random(digits).randrange(len(whole) - 1)
    a, b = whole[place], whole[place + 1]
    assert is_valid(whole[:place] + b + a + whole[place + 2 :]) == (a == b)


@pytest.mark.parametrize("written", ["", "x", "²³", "１２３４", "12 34"])
def test_what_is_no_number_is_none(written: str) -> None:
    assert not formats()["twelve"].holds(written or "0")


def test_gaps_do_not_matter() -> None:
    form = formats()["virtual"]
    digits = form.new()
    assert bare(form.shown(digits)) == bare(f" {digits[:5]}-{digits[5:]} ") == digits
