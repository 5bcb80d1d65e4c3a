"""Status lists: the examples of the specification, and lists that somebody spoiled."""

from __future__ import annotations

import random
import zlib

import pytest

from documents.credentials.sd_jwt import base64url
from documents.credentials.status_list import MOST_BYTES, Unreadable, packed, status_at
from documents.credentials.store import PLACES


@pytest.mark.parametrize(
    ("bits", "lst", "statuses"),
    [
        (1, "eNrbuRgAAhcBXQ", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (2, "eNo76fITAAPfAgc", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ],
)
def test_the_examples_of_the_specification_are_read(
    bits: int, lst: str, statuses: list[int]
) -> None:
    found = {"bits": bits, "lst": lst}
    assert [status_at(found, idx) for idx in range(len(statuses))] == statuses


def test_what_is_packed_is_read_again_and_a_million_places_stay_small() -> None:
    ended = {0, 7, 8, 500_000, PLACES - 1}
    made = packed(ended, PLACES)
    assert {i for i in (*ended, 1, 9, 499_999) if status_at(made, i)} == ended
    assert len(made["lst"]) < 1_000
    # One of a hundred ended, at random places.
    some = random.Random(7).sample(range(PLACES), PLACES // 100)
    assert len(packed(some, PLACES)["lst"]) < 40_000


@pytest.mark.parametrize(
    "spoiled",
    [
        None,
        {},
        {"bits": 3, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": True, "lst": "eNrbuRgAAhcBXQ"},
        {"bits": 1, "lst": 7},
        {"bits": 1, "lst": "no zlib"},
        {"bits": 1, "lst": "eNrbuRgAAhcBX"},
        {"bits": 1, "lst": base64url(zlib.compress(b"\0" * (MOST_BYTES + 1)))},
    ],
)
def test_a_list_that_is_none_or_a_bomb_is_refused(spoiled: object) -> None:
    with pytest.raises(Unreadable):
        status_at(spoiled, 0)


def test_a_place_beyond_the_list_has_no_status() -> None:
    with pytest.raises(Unreadable):
        status_at({"bits": 1, "lst": "eNrbuRgAAhcBXQ"}, 16)
    with pytest.raises(Unreadable):
        status_at({"bits": 1, "lst": "eNrbuRgAAhcBXQ"}, -1)
