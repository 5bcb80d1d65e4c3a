"""What an attempt is counted under: the networks of one party, then those of many."""

from __future__ import annotations

import pytest

from foundation import networks


def test_an_ipv6_address_stands_in_networks_of_one_party_up_to_a_40_and_of_many_beyond() -> None:
    around = networks.around("2001:db8:1234:5678::9")
    assert [(n.name, n.shared) for n in around] == [
        ("2001:db8:1234:5678::/64", False),
        ("2001:db8:1234:5600::/56", False),
        ("2001:db8:1234::/48", False),
        ("2001:db8:1200::/40", False),
        ("2001:db8::/32", True),
        ("all", True),
    ]
    assert networks.party("2001:db8:1234:5678::9") == "2001:db8:1200::/40"


def test_an_ipv4_address_is_a_party_in_a_neighbourhood() -> None:
    around = networks.around("198.51.100.7")
    assert [(n.name, n.shared) for n in around] == [
        ("198.51.100.7", False),
        ("198.51.100.0/24", True),
        ("198.51.0.0/16", True),
        ("all", True),
    ]


@pytest.mark.parametrize("source", ["::ffff:198.51.100.7", "198.51.100.7"])
def test_an_ipv4_address_counts_the_same_however_it_is_written(source: str) -> None:
    assert networks.narrowest(source) == "198.51.100.7"


@pytest.mark.parametrize("source", ["2001:db8::1", "198.51.100.7", "fe80::1%eth0", "unix"])
def test_a_network_stands_in_the_same_networks_as_its_addresses(source: str) -> None:
    assert networks.around(networks.narrowest(source)) == networks.around(source)


def test_who_comes_by_no_address_is_a_party_alone() -> None:
    assert [n.name for n in networks.around("unix")] == ["unix", "all"]


def test_limits_never_shrink_as_networks_widen() -> None:
    for source in ("2001:db8::1", "198.51.100.7"):
        times = [n.times for n in networks.around(source)]
        assert times == sorted(times)
