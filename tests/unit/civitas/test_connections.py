"""Nobody holds all connections, and whoever holds many leaves as many free."""

from __future__ import annotations

import pytest

from civitas.connections import Connections


class Member:
    def __init__(self, idle: bool = True) -> None:
        self.idle = idle
        self.given_up = False

    def give_up(self) -> None:
        self.given_up = True


def _let_in(connections: Connections, addresses: list[str]) -> int:
    return sum(connections.opened(Member(idle=False), address) for address in addresses)


@pytest.mark.parametrize(
    "addresses",
    [
        ["198.51.100.7"] * 1000,
        [f"2001:db8:{number:x}::1" for number in range(200)] * 5,
    ],
    ids=["one address", "a /40"],
)
def test_one_party_holds_a_fifth_at_most_and_another_still_comes_in(addresses: list[str]) -> None:
    connections = Connections(1000)
    assert _let_in(connections, addresses) == 200
    assert connections.opened(Member(), "203.0.113.5")


def test_what_many_share_is_half_at_most() -> None:
    connections = Connections(1000)
    crowd = [f"198.51.{number // 8}.{number % 8}" for number in range(250)] * 8
    assert _let_in(connections, crowd) == 500


def test_who_closes_makes_room_for_the_next_of_the_network() -> None:
    connections = Connections(20)
    members = [Member() for _ in range(5)]
    let_in = [m for m in members if connections.opened(m, "198.51.100.7")]
    assert len(let_in) == 4
    connections.closed(let_in[0])
    connections.closed(let_in[0])
    assert connections.opened(Member(), "198.51.100.7")
    assert not connections.opened(Member(), "198.51.100.7")


def test_a_trusted_proxy_is_bound_by_all_together_only() -> None:
    connections = Connections(100, proxies=("10.0.0.1",))
    assert _let_in(connections, ["10.0.0.1"] * 150) == 100


def test_the_oldest_that_is_not_being_answered_makes_room_when_all_are_taken() -> None:
    connections = Connections(3)
    working, waiting, later = Member(idle=False), Member(), Member()
    for member in (working, waiting, later):
        assert connections.opened(member, "unix")
    assert connections.opened(Member(), "unix")
    assert [m.given_up for m in (working, waiting, later)] == [False, True, False]
    assert len(connections) == 3
