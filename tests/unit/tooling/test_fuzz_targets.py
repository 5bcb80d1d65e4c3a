"""The fuzzer's targets take their seeds, and notice what they are there for."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import TARGETS, _watched


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_a_target_takes_its_seeds_and_nonsense(name: str) -> None:
    target = TARGETS[name]()
    assert target.seeds
    for data in (*target.seeds, b"", b"\x00", b"\x01\xff", bytes(range(256))):
        target.one(data)


def test_an_answer_of_5xx_is_a_finding() -> None:
    class Broken:
        status_code, text = 500, "oh"

    with pytest.raises(AssertionError, match="500"):
        _watched(lambda data: Broken())(b"x")
