"""What was found out lately: so much at most, and never another key's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from foundation.recent import Recent


def test_of_too_many_those_that_were_asked_for_longest_ago_are_forgotten() -> None:
    recent: Recent[int, str] = Recent(2)
    recent.put(1, "one")
    recent.put(2, "two")
    assert recent.get(1) == "one"
    recent.put(3, "three")
    assert (recent.get(1), recent.get(2), recent.get(3)) == ("one", None, "three")


def test_what_is_forgotten_is_gone_and_what_is_put_again_is_new() -> None:
    recent: Recent[str, int] = Recent(8)
    recent.put("a", 1)
    recent.put("a", 2)
    assert (recent.get("a"), len(recent)) == (2, 1)
    recent.forget("a")
    recent.forget("a")
    assert recent.get("a") is None


def test_many_threads_neither_lose_the_bound_nor_get_another_keys_value() -> None:
    recent: Recent[int, int] = Recent(50)

    def use(start: int) -> bool:
        right = True
        for n in range(start, start + 2000):
            key = n % 97
            recent.put(key, key * 2)
            right &= recent.get(key) in (None, key * 2) and len(recent) <= 51
        return right

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(use, range(4)))
    assert len(recent) == 50
