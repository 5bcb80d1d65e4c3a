"""The life of a device: what takes effect on its next use — mission "Devices", EN 303 645."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from device_registry import DeviceRefused, Ended, Owner, registry
from device_registry.life import ACTS, NotNow, State, after, possible
from device_registry.tables import device_identifiers, device_ownership_events, devices
from foundation.clock import FrozenClock
from foundation.database import UnitOfWork
from foundation.errors import Conflict, NotFound
from foundation.runtime import Runtime
from tests.support.devices import OPERATOR, City, csr, found_city, new_key
from tests.support.statements import listening

LIVING_ACTS = ("suspend", "quarantine", "transfer", "revoke", "decommission")


class Tokens:
    """Something that rests on a device."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []
        self.broken = False

    def end(self, uow: UnitOfWork, device_id: str, reason: str, now: datetime) -> Ended:
        if self.broken:
            raise RuntimeError("the tokens cannot be ended")
        self.ended.append((device_id, reason))
        return Ended("access tokens", 1)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def city(runtime: Runtime, tokens: Tokens) -> City:
    return found_city(runtime, (tokens,))


def test_decommissioned_is_final() -> None:
    assert possible(State.DECOMMISSIONED) == ()
    assert all(act.after is not State.REGISTERED for act in ACTS.values())


def test_every_living_state_can_be_revoked_and_decommissioned() -> None:
    for state in State:
        if state is State.DECOMMISSIONED:
            with pytest.raises(NotNow):
                after("revoke", state)
        else:
            assert after("decommission", state) is State.DECOMMISSIONED


def test_from_registration_to_active_every_step_is_in_the_history(city: City) -> None:
    registered, _, _ = city.enrolled()
    steps = city.devices.history(registered.device.id)
    assert [(s.act, s.after.value) for s in steps] == [
        ("register", "registered"),
        ("claim", "claimed"),
        ("bootstrap", "bootstrapped"),
        ("activate", "active"),
    ]
    assert [s.actor_kind for s in steps] == ["staff", "staff", "device", "device"]


@pytest.mark.row("failures", "16")
def test_the_token_is_stored_as_a_digest_only(city: City) -> None:
    registered = city.register()
    database = city.runtime.settings.resolve("civitas.db")
    stored = database.read_bytes() + database.with_name("civitas.db-wal").read_bytes()
    assert registered.device.id.encode() in stored
    assert registered.token.encode() not in stored
    assert registered.token not in repr(registered)


@pytest.mark.parametrize("act", LIVING_ACTS)
def test_an_act_takes_effect_on_the_next_use_with_its_reason(
    city: City, tokens: Tokens, act: str
) -> None:
    registered, _, certificate = city.enrolled()
    assert city.devices.authenticate(certificate, city.now).id == registered.device.id
    city.life.act(act, registered.device.id, OPERATOR, "reported stolen", city.now)
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(certificate, city.now)
    assert caught.value.next_step
    assert caught.value.reason
    assert tokens.ended == [(registered.device.id, "reported stolen")]


@pytest.mark.parametrize(("stop", "back"), [("suspend", "reactivate"), ("quarantine", "release")])
def test_a_suspended_or_quarantined_device_comes_back_without_a_visit(
    city: City, stop: str, back: str
) -> None:
    registered, key, certificate = city.enrolled()
    city.life.act(stop, registered.device.id, OPERATOR, "noise", city.now)
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(certificate, city.now)
    assert caught.value.reason == ("suspended" if stop == "suspend" else "quarantined")
    from pki import CertificateRefused

    with pytest.raises(CertificateRefused, match="suspended"):
        city.renew(certificate, csr(key, registered.device.id))
    city.life.act(back, registered.device.id, OPERATOR, "mended", city.now)
    assert city.devices.authenticate(certificate, city.now).state == "active"


def test_what_rests_on_a_device_ends_with_it_or_nothing_does(city: City, tokens: Tokens) -> None:
    registered, _, certificate = city.enrolled()
    tokens.broken = True
    with pytest.raises(RuntimeError):
        city.life.suspend(registered.device.id, OPERATOR, "x", city.now)
    assert city.devices.authenticate(certificate, city.now).state == "active"


def test_an_act_that_the_state_does_not_allow_is_a_conflict_with_a_next_step(city: City) -> None:
    registered = city.register()
    with pytest.raises(Conflict) as caught:
        city.life.suspend(registered.device.id, OPERATOR, "x", city.now)
    assert caught.value.next_step
    with pytest.raises(Conflict):
        city.life.act("activate", registered.device.id, OPERATOR, "x", city.now)
    with pytest.raises(NotFound):
        city.life.suspend("dev_unknown", OPERATOR, "x", city.now)


@pytest.mark.row("devices", "renewal")
def test_a_renewal_keeps_the_old_certificate_until_the_new_one_is_used(city: City) -> None:
    registered, _, old = city.enrolled()
    from cryptography import x509

    issued = city.renew(old, csr(new_key(), registered.device.id))
    new = x509.load_der_x509_certificate(issued.der)
    city.devices.authenticate(old, city.now)
    thumbprints = {c.thumbprint for c in city.devices.credentials(registered.device.id)}
    assert len(thumbprints) == 2
    city.devices.authenticate(new, city.now)
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(old, city.now)
    assert caught.value.reason == "revoked"
    city.devices.authenticate(new, city.now)


def test_a_repeated_renewal_yields_the_same_certificate(city: City) -> None:
    registered, key, old = city.enrolled()
    body = csr(key, registered.device.id)
    assert city.renew(old, body) == city.renew(old, body)


def test_devices_fall_due_before_their_certificate_ends_and_renew(
    city: City, clock: FrozenClock
) -> None:
    registered, key, certificate = city.enrolled()
    assert city.devices.mark_renewals(city.now) == 0
    clock.advance(timedelta(days=61))
    assert city.devices.mark_renewals(city.now) == 1
    assert city.devices.mark_renewals(city.now) == 0
    assert city.devices.authenticate(certificate, city.now).state == "renewal_due"
    city.renew(certificate, csr(key, registered.device.id))
    assert city.devices.get(registered.device.id).state == "active"


def test_devices_fall_due_a_few_at_a_time_and_none_is_passed_over(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "STEP", 2)
    monkeypatch.setattr(registry, "STEPS", 2)
    ids = {city.enrolled()[0].device.id for _ in range(7)}
    city.register()  # has no certificate yet, so none that ends
    clock.advance(timedelta(days=61))
    with listening() as said:
        first = city.devices.mark_renewals(city.now)
    assert len([one for one in said if "is_due" in one]) == 2
    assert first in (3, 4)
    assert city.devices.mark_renewals(city.now) == 7 - first
    assert {city.devices.get(one).state for one in ids} == {"renewal_due"}
    for _ in range(3):  # from the beginning again
        city.devices.mark_renewals(city.now)
    city.enrolled()
    clock.advance(timedelta(days=61))
    marked = [city.devices.mark_renewals(city.now) for _ in range(3)]
    assert sum(marked) == 1


@pytest.mark.row("failures", "29")
def test_rows_that_somebody_made_up_hide_no_device_that_falls_due(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "STEP", 2)
    registered, _, _ = city.enrolled()
    with city.runtime.database.engine.begin() as connection:
        for made_up in ("dev_", "dev_!", "dev_#", "dev_$"):
            at = {"registered_at": city.now, "changed_at": city.now}
            connection.execute(insert(devices).values(id=made_up, state="active", **at))
    clock.advance(timedelta(days=61))
    city.devices.mark_renewals(city.now)
    assert city.devices.get(registered.device.id).state == "renewal_due"


@pytest.mark.row("devices", "5.8")
@pytest.mark.row("devices", "5.11")
def test_decommissioning_erases_what_tells_of_a_person_and_the_audit_verifies(
    city: City, runtime: Runtime
) -> None:
    runtime.vault.create("per_anna")
    owner = Owner("citizen", "per_anna")
    registered = city.register("Anna's car", owner, ("eui64", "0024befffe804ff1"))
    city.enrol(registered, csr(new_key(), registered.device.id))
    runtime.audit.tree.sequence(city.now)
    city.life.decommission(registered.device.id, OPERATOR, "scrapped", city.now)
    runtime.audit.tree.sequence(city.now)
    with runtime.database.read() as uow:
        row = uow.one(select(devices).where(devices.c.id == registered.device.id))
        assert row is not None
        assert (row.state, row.label, row.owner) == ("decommissioned", None, None)
        owners = uow.all(select(device_ownership_events.c.owner))
        assert {o.owner for o in owners} == {None}
        assert uow.all(select(device_identifiers)) == []
    assert runtime.audit.tree.verify().ok
    again = city.register("Anna's car", owner, ("eui64", "0024befffe804ff1"))
    assert again.device.id != registered.device.id


def test_a_citizen_reads_their_devices_events_in_their_ledger(city: City, runtime: Runtime) -> None:
    runtime.vault.create("per_anna")
    registered, _, _ = city.enrolled(Owner("citizen", "per_anna"))
    city.life.suspend(registered.device.id, OPERATOR, "noise", city.now)
    kinds = {entry.kind for entry in runtime.audit.ledger("per_anna")}
    assert {"device.registered", "device.enrolled", "device.suspended"} <= kinds


@pytest.mark.row("devices", "transfer")
def test_a_transfer_revokes_the_old_owners_certificates_before_the_new_claim(city: City) -> None:
    registered, _, certificate = city.enrolled()
    device_id = registered.device.id
    with pytest.raises(Conflict):
        city.devices.claim(device_id, Owner("organisation", "Parks"), OPERATOR, city.now)
    city.life.transfer(device_id, OPERATOR, "sold", city.now)
    with pytest.raises(DeviceRefused):
        city.devices.authenticate(certificate, city.now)
    claimed = city.devices.claim(device_id, Owner("organisation", "Parks"), OPERATOR, city.now)
    assert claimed.device.owner == Owner("organisation", "Parks")
    city.enrol(claimed, csr(new_key(), device_id))
    with pytest.raises(DeviceRefused):
        city.devices.authenticate(certificate, city.now)


def test_an_identifier_names_one_device(city: City) -> None:
    name = ("eui64", "00-24-BE-FF-FE-80-4F-F1")
    city.register("one", Owner("organisation", "A"), name)
    with pytest.raises(Conflict) as caught:
        city.register("two", Owner("organisation", "B"), ("eui64", "00:24:be:ff:fe:80:4f:f1"))
    assert caught.value.where == "identifiers"


def test_a_new_token_ends_the_earlier_one(city: City) -> None:
    from pki import EnrolmentUnauthorized

    first = city.register()
    second = city.devices.new_token(first.device.id, OPERATOR, city.now)
    with pytest.raises(EnrolmentUnauthorized):
        city.enrol(first, csr(new_key(), first.device.id))
    city.enrol(second, csr(new_key(), first.device.id))


def test_a_token_expires(city: City, clock: FrozenClock) -> None:
    from pki import EnrolmentUnauthorized

    registered = city.register()
    clock.advance(timedelta(hours=73))
    with pytest.raises(EnrolmentUnauthorized) as caught:
        city.enrol(registered, csr(new_key(), registered.device.id))
    assert caught.value.reason == "token_expired"


@pytest.mark.row("devices", "5.10")
def test_a_burst_of_failures_is_throttled_and_alerted_and_locks_nobody_out(city: City) -> None:
    from foundation.errors import TooManyRequests
    from pki import EnrolmentUnauthorized

    registered, victim = city.register(), city.register()
    wrong = type(registered)(registered.device, "wrong", registered.expires_at)
    answers = []
    for _ in range(12):
        with pytest.raises((EnrolmentUnauthorized, TooManyRequests)) as caught:
            city.enrol(wrong, csr(new_key(), registered.device.id))
        answers.append(caught.type)
    assert answers[0] is EnrolmentUnauthorized
    assert answers[-1] is TooManyRequests
    for n in range(60):
        stranger = type(registered)(
            victim.device.__class__(
                f"dev_{n}", victim.device.state, None, None, (), city.now, city.now
            ),
            "wrong",
            city.now,
        )
        with pytest.raises((EnrolmentUnauthorized, TooManyRequests)):
            city.enrol(stranger, csr(new_key(), f"dev_{n}"))
    assert city.events().count("device.enrolment_burst") == 1
    # Sixty made-up ids are one caller's guesses, not sixty callers with entries of their own.
    assert city.events().count("device.enrolment_refused") <= 25
    # The same address and the same device, with the right token.
    city.enrol(registered, csr(new_key(), registered.device.id))
    city.enrol(victim, csr(new_key(), victim.device.id))


def test_a_server_certificates_holder_is_no_device(city: City) -> None:
    from cryptography import x509

    made = city.authority.issue_server_certificate(["localhost"])
    with pytest.raises(DeviceRefused):
        city.devices.authenticate(x509.load_pem_x509_certificate(made.chain_pem), city.now)
