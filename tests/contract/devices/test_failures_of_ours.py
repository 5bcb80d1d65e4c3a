"""An enrolment that failed for a reason of ours spends no one-time token; no thief gains by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from device_registry.tables import enrolment_tokens
from foundation.clock import FrozenClock
from foundation.errors import Conflict, Unavailable
from foundation.runtime import Runtime
from pki import EnrolmentRefused
from pki.issuing import drafting, preflight
from pki.tables import certificates
from tests.support.devices import City, csr, found_city, new_key, same_city

LATER = timedelta(seconds=61)


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


@contextmanager
def signing(monkeypatch: pytest.MonkeyPatch, instead: Any) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(drafting, "signed", instead)
        yield


@contextmanager
def token_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(*_: object) -> bytes:
        raise Unavailable("The token with this key does not sign now.")

    with signing(monkeypatch, away):
        yield


@contextmanager
def database_goes(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It goes away between the record and the signature, and is back after the block."""
    sign = drafting.signed

    with monkeypatch.context() as down:

        def gone(*_: object) -> None:
            raise OperationalError("insert", {}, Exception("gone"))

        def then(*given: Any) -> bytes:
            down.setattr(city.runtime.database, "write", gone)
            return sign(*given)

        down.setattr(drafting, "signed", then)
        yield


def states(city: City, device: str) -> list[str]:
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.state).where(certificates.c.holder == device))
    return sorted(row.state for row in rows)


def bound_key(city: City, device: str) -> str | None:
    c = enrolment_tokens.c
    with city.runtime.database.read() as uow:
        return uow.all(select(c.bound_key).where(c.device_id == device))[0].bound_key  # type: ignore[no-any-return]


@pytest.mark.row("devices", "5.1")
@pytest.mark.parametrize("comes_with", ["the same key", "another key"])
def test_a_token_is_unspent_after_the_authoritys_key_was_out_of_reach(
    city: City, monkeypatch: pytest.MonkeyPatch, comes_with: str
) -> None:
    registered, key = city.register(), new_key()
    device = registered.device.id
    for _ in range(2):
        with token_away(monkeypatch), pytest.raises(Unavailable):
            city.enrol(registered, csr(key, device))
        assert bound_key(city, device) is None
        key = key if comes_with == "the same key" else new_key()
    issued = city.enrol(registered, csr(key, device))
    assert states(city, device) == ["issued", "void", "void"]
    assert [one.serial for one in city.devices.credentials(device)] == [issued.serial]
    assert city.events().count("certificate.voided") == 2
    assert "device.enrolment_refused" not in city.events()
    with pytest.raises(EnrolmentRefused, match="another key"):
        city.enrol(registered, csr(new_key(), device))


def test_a_failure_of_ours_never_counts_as_a_wrong_attempt_of_the_device(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    with token_away(monkeypatch):
        for _ in range(40):
            with pytest.raises(Unavailable):
                city.enrol(registered, body)
    city.enrol(registered, body)


@pytest.mark.row("devices", "5.1")
def test_a_token_is_unspent_a_minute_after_the_database_went_away(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, first, second = city.register(), new_key(), new_key()
    device = registered.device.id
    with database_goes(city, monkeypatch), pytest.raises(OperationalError):
        city.enrol(registered, csr(first, device))
    assert states(city, device) == ["recorded"]
    with pytest.raises(Unavailable, match="under way") as waits:
        city.enrol(registered, csr(second, device))
    assert waits.value.headers["Retry-After"] == "60"
    clock.advance(LATER)
    issued = city.enrol(registered, csr(second, device))
    assert states(city, device) == ["issued", "void"]
    assert [one.serial for one in city.devices.credentials(device)] == [issued.serial]
    with pytest.raises(EnrolmentRefused, match="another key"):
        city.enrol(registered, csr(first, device))
    assert city.pki.complete_or_void(city.now).completed == 0


def test_the_same_key_finishes_what_the_database_cut_short(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    with database_goes(city, monkeypatch), pytest.raises(OperationalError):
        city.enrol(registered, body)
    city.enrol(registered, body)
    assert states(city, registered.device.id) == ["issued"]


# ── who is not the device ─────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "16")
def test_a_thief_who_comes_while_the_first_key_is_being_signed_gets_nothing(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, sign = city.register(), drafting.signed
    device = registered.device.id
    thiefs, seen = csr(new_key(), device), []

    def meanwhile(*given: Any) -> bytes:
        with pytest.raises(Unavailable) as refused:
            same_city(city.runtime).enrol(registered, thiefs)
        seen.append(refused.value.where)
        return sign(*given)

    with signing(monkeypatch, meanwhile):
        issued = city.enrol(registered, csr(new_key(), device))
    assert seen == ["token_used"]
    clock.advance(LATER)
    with pytest.raises(EnrolmentRefused) as refused:
        city.enrol(registered, thiefs)
    assert refused.value.reason == "token_used"
    assert [one.serial for one in city.devices.credentials(device)] == [issued.serial]


@pytest.mark.row("failures", "16")
def test_of_a_completion_and_another_key_at_the_same_moment_one_gets_a_certificate(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, examine = city.register(), preflight.examine
    device = registered.device.id
    with database_goes(city, monkeypatch), pytest.raises(OperationalError):
        city.enrol(registered, csr(new_key(), device))
    clock.advance(LATER)
    settled: list[int] = []

    def completed_meanwhile(*given: Any) -> Any:
        if not settled:
            settled.append(0)
            settled.append(same_city(city.runtime).pki.complete_or_void(city.now).completed)
        return examine(*given)

    with monkeypatch.context() as patched:
        patched.setattr(preflight, "examine", completed_meanwhile)
        with pytest.raises(Conflict):
            city.enrol(registered, csr(new_key(), device))
    assert settled == [0, 1]
    assert states(city, device) == ["issued"]
    assert len(city.devices.credentials(device)) == 1


def test_of_two_other_keys_at_the_same_moment_one_gets_a_certificate(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, examine = city.register(), preflight.examine
    device = registered.device.id
    with database_goes(city, monkeypatch), pytest.raises(OperationalError):
        city.enrol(registered, csr(new_key(), device))
    clock.advance(LATER)
    inside: list[Any] = []

    def another_one_first(*given: Any) -> Any:
        if not inside:
            inside.append(None)
            inside.append(same_city(city.runtime).enrol(registered, csr(new_key(), device)).serial)
        return examine(*given)

    with monkeypatch.context() as patched:
        patched.setattr(preflight, "examine", another_one_first)
        with pytest.raises(Conflict):
            city.enrol(registered, csr(new_key(), device))
    assert [one.serial for one in city.devices.credentials(device)] == inside[1:]
