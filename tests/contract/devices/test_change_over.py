"""Devices take an ML-DSA certificate beside the one of today: planned, run, watched, undone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.x509.oid import NameOID

from device_registry import ChangeOver, ChangeOvers, credential_store
from foundation.clock import FrozenClock
from foundation.errors import BadRequest, Conflict
from foundation.runtime import Runtime
from pki import Caller, CertificateRefused, EnrolmentRefused
from tests.support.devices import OPERATOR, City, csr, found_city, new_key

DAYS = timedelta(days=30)


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def planned(city: City, over: timedelta = DAYS) -> ChangeOver:
    now = city.now
    return city.devices.change_overs.plan("device-mldsa", now, now + over, OPERATOR, now)


def act(city: City, change_over: ChangeOver, name: str) -> ChangeOver:
    return city.devices.change_overs.act(change_over.id, name, OPERATOR, city.now)


def second(city: City, certificate: x509.Certificate, key: Any = None) -> x509.Certificate:
    """An ML-DSA certificate for the holder of another one, asked for over TLS with that one."""
    key = key or mldsa.MLDSA44PrivateKey.generate()
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    request = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    from cryptography.hazmat.primitives.serialization import Encoding

    body = request.sign(key, None).public_bytes(Encoding.DER)
    valid = city.authority.validate_client(certificate, city.now)
    caller = Caller(certificate=valid, address="192.0.2.1")
    issued = city.pki.enrol(caller, body, city.now, "device-mldsa")
    return x509.load_der_x509_certificate(issued.der)


def hold(city: City, change_over: ChangeOver) -> int:
    return city.devices.change_overs.progress(change_over, city.now).hold


def test_before_it_runs_no_device_gets_a_second_certificate(city: City) -> None:
    _, _, certificate = city.enrolled()
    planned(city)
    with pytest.raises(EnrolmentRefused):
        second(city, certificate)


def test_a_device_gets_a_second_certificate_and_keeps_speaking_tls_with_the_first(
    city: City, clock: FrozenClock
) -> None:
    registered, _, first = city.enrolled()
    change_over = planned(city, timedelta(0))
    act(city, change_over, "run")
    other = second(city, first)
    assert isinstance(other.public_key(), mldsa.MLDSA44PublicKey)
    issuer = city.authority.hierarchy.named("devices-mldsa")[-1]
    other.verify_directly_issued_by(issuer.certificate)
    assert city.devices.authenticate(first, city.now).id == registered.device.id
    # A renewal of the first does not end the second.
    renewed = city.renew(first, csr(new_key(), registered.device.id))
    city.devices.authenticate(x509.load_der_x509_certificate(renewed.der), city.now)
    living = {c.profile for c in city.devices.credentials(registered.device.id)
              if c.state in ("issued", "in_use")}  # fmt: skip
    assert living == {"device", "device-mldsa"}
    assert hold(city, change_over) == 1


def test_waves_reach_every_device_by_the_end_and_none_twice(city: City, clock: FrozenClock) -> None:
    ids = [city.register().device.id for _ in range(40)]
    change_over = act(city, planned(city), "run")
    came: list[set[str]] = []
    for _ in range(4):
        came.append({i for i in ids if change_over.has_come_to(i, city.now)})
        clock.advance(DAYS / 3)
    assert came[0] == set()
    assert came[0] < came[1] < came[2] < came[3] == set(ids)


def test_a_pause_invites_nobody_else_and_undoing_ends_the_second_certificates_only(
    city: City, clock: FrozenClock
) -> None:
    _, _, first = city.enrolled()
    _, _, late = city.enrolled()
    change_over = act(city, planned(city, timedelta(0)), "run")
    other = second(city, first)
    act(city, change_over, "pause")
    with pytest.raises(EnrolmentRefused):
        second(city, late)
    second(city, first)  # who holds one may renew it
    act(city, change_over, "undo")
    assert sum(city.devices.change_overs.take_back(change_over.id, city.runtime.clock)) == 2
    assert list(city.devices.change_overs.take_back(change_over.id, city.runtime.clock)) == []
    assert hold(city, change_over) == 0
    serial = f"{other.serial_number:x}"
    assert serial in revoked(city)
    for certificate in (first, late):
        city.devices.authenticate(certificate, city.now)
    with pytest.raises(EnrolmentRefused):
        second(city, first)


def revoked(city: City) -> set[str]:
    from sqlalchemy import select

    from pki.tables import certificates

    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.serial).where(certificates.c.revoked_at.is_not(None)))
    return {row.serial for row in rows}


def test_one_change_over_at_a_time_and_only_what_its_state_allows(city: City) -> None:
    change_over = planned(city)
    with pytest.raises(Conflict):
        planned(city)
    with pytest.raises(Conflict):
        act(city, change_over, "pause")
    act(city, change_over, "undo")
    with pytest.raises(Conflict):
        act(city, change_over, "run")
    planned(city)


@pytest.mark.parametrize(
    ("profile", "days"), [("moon", 1), ("root", 1), ("device", 1), ("device-mldsa", -1)]
)
def test_a_plan_that_leads_nowhere_is_refused(city: City, profile: str, days: int) -> None:
    now = city.now
    with pytest.raises(BadRequest):
        city.devices.change_overs.plan(profile, now, now + timedelta(days=days), OPERATOR, now)


def test_a_device_is_told_that_its_turn_has_come(city: City) -> None:
    registered, _, first = city.enrolled()
    change_overs: ChangeOvers = city.devices.change_overs
    device = city.devices.get(registered.device.id)
    change_over = planned(city, timedelta(0))
    assert change_overs.invitations(device, city.now) == ()
    act(city, change_over, "run")
    assert change_overs.invitations(device, city.now) == ("device-mldsa",)
    second(city, first)
    assert change_overs.invitations(device, city.now) == ()


@pytest.fixture
def thousand(runtime: Runtime) -> City:
    return found_city(runtime)


@pytest.mark.parametrize(
    "count",
    [200, pytest.param(10_000, marks=[pytest.mark.slow(minutes=6), pytest.mark.timeout(3600)])],
    ids=lambda n: f"{n}-devices",
)
def test_a_whole_city_changes_over_and_not_one_device_is_locked_out(
    thousand: City, clock: FrozenClock, count: int
) -> None:
    city = thousand
    devices = [city.enrolled()[::2] for _ in range(count)]
    change_over = act(city, planned(city), "run")
    held: list[int] = []
    done: set[str] = set()
    for _ in range(10):
        clock.advance(DAYS / 10)
        for registered, certificate in devices:
            name = registered.device.id
            if name not in done and change_over.has_come_to(name, city.now):
                second(city, certificate)
                done.add(name)
        held.append(hold(city, change_over))
    assert held == sorted(held)
    assert held[-1] == count
    assert max(b - a for a, b in zip([0, *held], held, strict=False)) < count / 5, "spread"
    for _, certificate in devices:
        city.devices.authenticate(certificate, city.now)
    act(city, change_over, "finish")


def test_undoing_is_finished_as_work_of_the_server(city: City) -> None:
    _, _, first = city.enrolled()
    change_over = act(city, planned(city, timedelta(0)), "run")
    second(city, first)
    act(city, change_over, "undo")  # and whoever did that never calls `take_back`
    assert hold(city, change_over) == 1
    city.runtime.jobs.run_once()
    assert hold(city, change_over) == 0
    city.authority.validate_client(first, city.now)


def test_undoing_an_earlier_one_touches_nothing_of_a_later_one(
    city: City, clock: FrozenClock
) -> None:
    _, _, first = city.enrolled()
    earlier = act(city, act(city, planned(city, timedelta(0)), "run"), "finish")
    clock.advance(timedelta(hours=1))
    later = act(city, planned(city, timedelta(0)), "run")
    other = second(city, first)
    with pytest.raises(Conflict, match="took the place"):
        act(city, earlier, "undo")
    act(city, later, "undo")
    clock.advance(timedelta(hours=1))
    with pytest.raises(Conflict, match="being undone"):
        planned(city)
    city.runtime.jobs.run_once()
    planned(city)
    with pytest.raises(CertificateRefused):
        city.authority.validate_client(other, city.now)


def test_two_who_plan_at_once_get_one_change_over(city: City) -> None:
    def plan(_: int) -> str:
        try:
            return planned(city).id
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(plan, range(4)))
    assert answers.count("refused") == 3


def test_an_undo_waits_for_a_certificate_that_is_being_issued(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, first = city.enrolled()
    change_over = act(city, planned(city, timedelta(0)), "run")
    asked, ended = threading.Event(), threading.Event()
    add = credential_store.add

    def slowly(*given: Any, **more: Any) -> int | None:
        asked.set()
        ended.wait(1)  # an undo that did not wait would be over by then
        return add(*given, **more)

    monkeypatch.setattr(credential_store, "add", slowly)
    with ThreadPoolExecutor(2) as pool:
        issuing = pool.submit(second, city, first)
        assert asked.wait(10)
        undone = pool.submit(act, city, change_over, "undo")
        undone.add_done_callback(lambda _: ended.set())
        issuing.result()
        undone.result()
    city.runtime.jobs.run_once()
    assert hold(city, change_over) == 0


def test_devices_of_the_other_kind_alone_are_not_counted(city: City) -> None:
    city.enrolled()
    native = city.register(profile="device-short")
    city.enrol(native, csr(new_key(), native.device.id))
    now = city.now
    change_over = city.devices.change_overs.plan("device-short", now, now + DAYS, OPERATOR, now)
    assert hold(city, change_over) == 0
