"""Enrolment on either database, with threads and with a second process's view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from sqlalchemy import select

from device_registry import DeviceRefused, store
from device_registry.device import Step
from device_registry.life import State
from foundation.errors import Conflict, Problem
from foundation.runtime import Runtime
from pki import EnrolmentRefused
from pki.issuing import preflight
from pki.issuing.issuance import Issuance
from pki.tables import certificates
from tests.support.devices import OPERATOR, City, csr, found_city, new_key, same_city
from tests.support.statements import listening

THREADS = 8


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What eight threads get, a refusal as its reason."""

    def one(n: int) -> Any:
        try:
            return work(n)
        except Problem as refusal:
            return refusal.where

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def issued(city: City) -> int:
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.state).where(certificates.c.profile == "device"))
    return Counter(row.state for row in rows)["issued"]


STATEMENTS = {"sqlite": 13, "postgresql": 9}
"""Two of them read: who may, and what was taken back since. The rest writes, twice, and a database
that can writes several tables at once."""


def test_an_enrolment_asks_the_database_no_more_than_it_has_to(city: City) -> None:
    city.enrolled()  # the hierarchy is read once a second
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    with listening() as said:
        city.enrol(registered, body)
    assert len(said) == STATEMENTS[city.runtime.database.dialect], said
    assert len([one for one in said if one.lstrip().startswith("SELECT")]) == 2


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen once between the look at a token and its spending."""
    examine, done = preflight.examine, []

    def first(*given: Any) -> bytes:
        if not done:
            done.append(None)
            act()
        return examine(*given)

    monkeypatch.setattr(preflight, "examine", first)


@pytest.mark.row("failures", "16")
def test_a_token_that_is_taken_back_after_the_look_at_it_is_not_spent(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    device = registered.device.id
    meanwhile(monkeypatch, lambda: city.devices.new_token(device, OPERATOR, city.now))
    with pytest.raises(EnrolmentRefused) as refused:
        city.enrol(registered, csr(new_key(), device))
    assert refused.value.reason == "token_used"
    assert issued(city) == 0


def test_a_twin_that_spends_the_token_on_the_same_key_first_leads_to_the_same_certificate(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    body, first = csr(new_key(), registered.device.id), []
    twin = same_city(city.runtime)
    meanwhile(monkeypatch, lambda: first.append(twin.enrol(registered, body)))
    assert [city.enrol(registered, body)] == first
    assert issued(city) == 1


@pytest.mark.row("failures", "16")
def test_a_twin_that_spends_the_token_on_another_key_first_is_the_only_one(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    device = registered.device.id
    twin = same_city(city.runtime)
    meanwhile(monkeypatch, lambda: twin.enrol(registered, csr(new_key(), device)))
    with pytest.raises(EnrolmentRefused) as refused:
        city.enrol(registered, csr(new_key(), device))
    assert refused.value.reason == "token_used"
    assert issued(city) == 1


def test_eight_threads_with_one_token_and_eight_keys_get_one_certificate(city: City) -> None:
    registered = city.register()
    cities = [city, same_city(city.runtime)]
    bodies = [csr(new_key(), registered.device.id) for _ in range(THREADS)]
    answers = at_once(lambda n: cities[n % 2].enrol(registered, bodies[n]).serial)
    assert Counter(answers)["token_used"] == THREADS - 1
    assert issued(city) == 1


def test_eight_threads_with_one_token_and_one_key_get_the_same_certificate(city: City) -> None:
    registered = city.register()
    body = csr(new_key(), registered.device.id)
    cities = [city, same_city(city.runtime)]
    answers = at_once(lambda n: cities[n % 2].enrol(registered, body).der)
    assert len(set(answers)) == 1, answers
    assert issued(city) == 1


@pytest.mark.row("failures", "17")
@pytest.mark.row("devices", "5.1")
def test_eight_devices_with_one_key_leave_it_with_one_of_them(city: City) -> None:
    key = new_key()
    registered = [city.register() for _ in range(THREADS)]
    answers = at_once(lambda n: city.enrol(registered[n], csr(key, registered[n].device.id)).serial)
    assert Counter(answers)["subjectPKInfo"] == THREADS - 1
    assert issued(city) == 1


def test_eight_renewals_with_one_request_yield_one_certificate(city: City) -> None:
    registered, _, old = city.enrolled()
    body = csr(new_key(), registered.device.id)
    answers = at_once(lambda n: city.renew(old, body).serial)
    assert len(set(answers)) == 1, answers
    assert issued(city) == 2


def test_completing_beside_an_issuing_process_doubles_nothing(city: City) -> None:
    registered = [city.register() for _ in range(THREADS)]
    other = same_city(city.runtime)

    def work(n: int) -> Any:
        enrolled = city.enrol(registered[n], csr(new_key(), registered[n].device.id))
        other.pki.complete_or_void(city.now)
        return enrolled.serial

    answers = at_once(work)
    assert len(set(answers)) == THREADS
    assert issued(city) == THREADS
    for one in registered:
        assert len(city.devices.credentials(one.device.id)) == 1


def test_suspension_is_seen_by_the_other_process_at_once(city: City) -> None:
    registered, _, certificate = city.enrolled()
    other = same_city(city.runtime)
    other.devices.authenticate(certificate, city.now)
    city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
    with pytest.raises(DeviceRefused):
        other.devices.authenticate(certificate, city.now)


def test_of_two_acts_at_once_one_wins(city: City) -> None:
    registered, _, _ = city.enrolled()
    answers = at_once(
        lambda n: city.life.suspend(registered.device.id, OPERATOR, "noise", city.now).state
    )
    assert Counter(answers) == {"suspended": 1, "state": THREADS - 1}
    steps = [step.act for step in city.devices.history(registered.device.id)]
    assert steps.count("suspend") == 1


def test_an_identifier_goes_to_one_of_eight(city: City) -> None:
    name = ("urn_dev", "urn:dev:os:32473-1")

    def work(n: int) -> Any:
        from tests.support.devices import LAMPS

        return city.register(f"lamp {n}", LAMPS, name).device.id

    answers = at_once(work)
    assert Counter(answers)["identifiers"] == THREADS - 1
    with pytest.raises(Conflict):
        work(9)


def test_first_use_of_a_renewed_certificate_by_eight_threads_ends_the_old_one_once(
    city: City,
) -> None:
    registered, _, old = city.enrolled()
    renewed = city.renew(old, csr(new_key(), registered.device.id))
    new = x509.load_der_x509_certificate(renewed.der)
    answers = at_once(lambda n: city.devices.authenticate(new, city.now).id)
    assert set(answers) == {registered.device.id}
    assert city.events().count("certificate.revoked") == 1


def while_it_is_signed(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Between the record of a serial and that of its certificate, something happens."""
    sign = Issuance._sign

    def signed(issuance: Issuance, *given: Any) -> bytes:
        happens()
        return sign(issuance, *given)

    monkeypatch.setattr(Issuance, "_sign", signed)


def test_a_token_taken_back_while_its_certificate_is_signed_leads_to_none(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    while_it_is_signed(
        monkeypatch, lambda: city.devices.new_token(registered.device.id, OPERATOR, city.now)
    )
    with pytest.raises(EnrolmentRefused) as refused:
        city.enrol(registered, csr(new_key(), registered.device.id))
    assert refused.value.where == "token_expired"
    assert city.devices.credentials(registered.device.id) == []
    assert issued(city) == 0
    assert city.devices.get(registered.device.id).state is State.CLAIMED


def test_a_certificate_revoked_while_its_successor_is_signed_has_none(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, _, old = city.enrolled()

    def revoke() -> None:
        with city.runtime.database.write() as uow:
            city.authority.revoke(uow, f"{old.serial_number:x}", "keyCompromise", city.now)

    while_it_is_signed(monkeypatch, revoke)
    with pytest.raises(EnrolmentRefused) as refused:
        city.renew(old, csr(new_key(), registered.device.id))
    assert refused.value.where == "certificate_revoked"
    assert len(city.devices.credentials(registered.device.id)) == 1
    assert issued(city) == 1


def test_of_two_steps_from_one_state_at_once_one_is_taken(city: City) -> None:
    read = city.devices.get(city.enrolled()[0].device.id)
    step = Step("suspend", read.state, read.state, "only its instant tells")
    city.runtime.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]

    def work(_: int) -> bool:
        with city.runtime.database.write() as uow:
            return store.take(uow, read, [step], OPERATOR, city.now)

    assert Counter(at_once(work)) == {True: 1, False: THREADS - 1}
    acts = [event.act for event in city.devices.history(read.id)]
    assert acts.count("suspend") == 1


def test_the_list_pages_from_the_newest(city: City) -> None:
    ids = [city.register(f"lamp {n}").device.id for n in range(7)]
    seen: list[str] = []
    after = None
    while page := city.devices.page(after, 3):
        seen += [device.id for device in page]
        after = page[-1].id
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 7
    assert city.devices.page("dev_unknown") == []


def test_a_step_from_what_the_device_no_longer_is_does_nothing(city: City) -> None:
    registered = city.register()
    read = city.devices.get(registered.device.id)
    city.runtime.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
    step = Step("suspend", State.ACTIVE, State.SUSPENDED, "for a test")
    with city.runtime.database.write() as uow:
        store.approve(uow, read.id, city.now, city.now)  # the same state, yet another device
    before = city.devices.history(read.id)
    with city.runtime.database.write() as uow:
        assert not store.take(uow, read, [step], OPERATOR, city.now)
        present = store.locked(uow, read.id)
        assert present is not None
        assert store.take(uow, present, [step, step], OPERATOR, city.now)
    after = city.devices.history(read.id)
    assert [event.act for event in after[len(before) :]] == ["suspend", "suspend"]
