"""`civitas demo` looks at everything before it makes anything, and says what to type instead."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from civitas.commands.demo import BROKER, PROVIDER, _broker_places, _instead, _ports, demo
from civitas.demo import beside
from civitas.demo.city import Place, grown_ups

INSTEAD = "civitas demo --port-base 9000"


def test_a_demo_and_a_brokers_demo_share_no_port() -> None:
    one, other = _ports(PROVIDER, broker=False), _ports(BROKER, broker=True)
    assert not set(one.values()) & set(other.values())
    assert one == {"the portal": 8000, "the e-service": 8001, "devices": 8443}  # as README says
    assert {p.port for p in _broker_places(BROKER)} < set(other.values())


@pytest.mark.parametrize(("family", "host"), beside._HOSTS)
def test_a_port_that_somebody_listens_on_is_named_before_anything_is_made(
    family: int, host: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket(family) as taken:
        taken.bind((host, 0))
        taken.listen()
        base = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            demo(broker=False, folder=tmp_path / "data", port_base=base)
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert f"{base}, for the portal" in said
    assert "Nothing was started. Use other ports: " in said
    assert not list(tmp_path.rglob("civitas.toml"))


def test_all_taken_ports_are_named_at_once(free_port: Callable[[], int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as a, socket.create_server(("127.0.0.1", 0)) as b:
        one, two = a.getsockname()[1], b.getsockname()[1]
        wanted = {"the portal": one, "the e-service": free_port(), "devices": two}
        with pytest.raises(beside.CannotStart) as refused:
            beside.check_ports(wanted, INSTEAD)
    assert f"{one}, for the portal" in str(refused.value)
    assert f"{two}, for devices" in str(refused.value)
    assert "e-service" not in str(refused.value)
    assert str(refused.value).endswith(INSTEAD)


def test_a_second_demo_in_one_folder_is_told_of_the_first_one(tmp_path: Path) -> None:
    with (
        beside.alone_in(tmp_path, "http://localhost:8000", INSTEAD),
        pytest.raises(beside.CannotStart) as refused,
        beside.alone_in(tmp_path, "http://localhost:8000", INSTEAD),
    ):
        pass
    assert "already runs" in str(refused.value)
    assert "http://localhost:8000 (process " in str(refused.value)
    assert INSTEAD in str(refused.value)
    with beside.alone_in(tmp_path, "http://localhost:8000", INSTEAD):
        pass  # the first one is over


def test_a_city_that_was_set_up_for_other_ports_is_not_started_on_these(tmp_path: Path) -> None:
    place = Place("hub", "City Hub", 8100, "broker")
    (tmp_path / "hub").mkdir()
    config = tmp_path / "hub" / "civitas.toml"
    config.write_text('[server]\nurl = "http://localhost:8000"\n')
    with pytest.raises(beside.CannotStart, match="rm -r"):
        beside.check_addresses(tmp_path, [place])
    config.write_text('[server]\nurl = "http://localhost:8100"\n')
    beside.check_addresses(tmp_path, [place])


def test_what_to_type_is_what_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    assert _instead(True, 9000) == "civitas demo --broker --port-base 9000"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert _instead(False, 9000) == 'make demo ARGS="--port-base 9000"'
    assert _instead(True, 9000) == 'make demo-broker ARGS="--port-base 9000"'


def test_the_ports_that_are_offered_instead_are_free() -> None:
    offsets = [p - PROVIDER for p in _ports(PROVIDER, broker=False).values()]
    base = beside.free_base(offsets, 9000)
    assert all(beside.is_free(base + offset) for offset in offsets)


@pytest.mark.parametrize("seed", [1, 2])
def test_there_are_residents_for_letters_and_two_more_to_look_up(seed: int) -> None:
    numbers = [p["civil_number"] for p in grown_ups(seed)]
    assert len(set(numbers)) >= 6
