"""Text in any script: the same answers on every Python that we support."""

from __future__ import annotations

import hashlib
import sys
from functools import cache

import pytest
import unicodedata2

from foundation.text import category, digits, fold, invisible, is_letter, trimmed
from foundation.vault import normalise


@cache
def letters() -> tuple[str, ...]:
    return tuple(
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if category(char)[0] in "LM" and not unicodedata2.name(char, "").startswith("CJK UNIFIED")
    )


def test_the_rules_are_those_of_one_version_of_unicode_whichever_python_runs():
    """Whoever moves to another version sees here that names may be told apart otherwise."""
    table = "\n".join(f"{char}{fold(char)}{is_letter(char)}{invisible(char)}" for char in letters())
    assert unicodedata2.unidata_version == "18.0.0"
    assert hashlib.sha256(table.encode()).hexdigest() == DIGEST


DIGEST = "9805a50ce309b14954877600174a1627f80a3d2afcb807a5562aa6d91901badc"


def test_a_folded_letter_stays_as_it_is():
    for char in letters():
        assert fold(fold(char)) == fold(char)


def test_a_capital_that_is_younger_than_this_python_is_folded_too():
    assert fold("\U00010d50\U00010d51") == "\U00010d70\U00010d71"  # Garay, Unicode 16


def test_what_was_found_before_is_found_still():
    assert normalise("  STRASSE\tÉ ﬁ Ａ ") == normalise("straße e\u0301 fi a")


@pytest.mark.parametrize(
    "char",
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200e\u2060\u2800\u3164\ufe0f\ufeff\uffa0"
    "\U00013441\U00016fe4\U000e0041\U000e0101",
)
def test_what_shows_nothing_is_no_letter(char):
    assert invisible(char)
    assert not is_letter(char)


def test_what_is_not_seen_at_the_ends_is_cut_and_what_belongs_to_a_letter_is_not():
    assert trimmed("\ufeff\u200e Anna\u00a0\u200b\t") == "Anna"
    assert trimmed("\u3164\u2800\ufe0f") == ""
    assert trimmed("葛\U000e0100") == "葛\U000e0100"
    assert trimmed("കൃഷ്ണന്\u200d ") == "കൃഷ്ണന്\u200d"
    assert trimmed("علی\u200c") == "علی"


def test_digits_of_every_script_are_digits():
    assert digits("٩०๓６7x½") == "90367x½"
