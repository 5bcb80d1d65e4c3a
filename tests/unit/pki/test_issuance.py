"""Lint, record, sign, record: nothing is unknown, nothing is doubled, whenever the process dies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from sqlalchemy import func, select, update

from foundation.clock import FrozenClock
from foundation.errors import Conflict
from pki import EnrolmentRefused, RequestRefused, Settled, store
from pki.issuing import drafting, issuance, preflight
from pki.tables import certificates
from pki.x509.public_key import info_of
from tests.support.devices import OPERATOR, City, csr, new_key, same_city
from tests.support.statements import listening

pytestmark = pytest.mark.row("devices", "issuance")


# The authorities' own certificates stand on record too.
OF_DEVICES = certificates.c.profile == "device"


class Killed(BaseException):
    """The process dies here."""


def states(city: City) -> list[str]:
    with city.runtime.database.read() as uow:
        return [row.state for row in uow.all(select(certificates.c.state).where(OF_DEVICES))]


def die(*_: Any, **__: Any) -> Any:
    raise Killed


def test_killed_before_signing_the_certificate_is_completed_at_the_next_start(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, key = city.register(), new_key()
    body = csr(key, registered.device.id)
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", die)
        with pytest.raises(Killed):
            city.enrol(registered, body)
    assert states(city) == ["recorded"]
    assert city.devices.get(registered.device.id).state == "claimed"

    again = same_city(city.runtime)
    assert again.pki.complete_or_void(again.now) == Settled(completed=1, voided=0)
    assert again.devices.get(registered.device.id).state == "active"
    repeated = again.enrol(registered, body)
    assert states(city) == ["issued"], "the repeat finished the same issuance"
    assert repeated.serial == again.devices.credentials(registered.device.id)[0].serial


def test_killed_between_signing_and_recording_leaves_one_certificate(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, key = city.register(), new_key()
    body = csr(key, registered.device.id)
    with monkeypatch.context() as patched:
        patched.setattr("pki.store.signed", die)
        with pytest.raises(Killed):
            city.enrol(registered, body)
    first = city.enrol(registered, body)
    assert states(city) == ["issued"]
    assert city.pki.complete_or_void(city.now) == Settled(0, 0)
    assert city.enrol(registered, body) == first


def test_killed_before_recording_nothing_has_happened(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, key = city.register(), new_key()
    with monkeypatch.context() as patched:
        patched.setattr("pki.store.hold_and_record", die)
        with pytest.raises(Killed):
            city.enrol(registered, csr(key, registered.device.id))
    assert states(city) == []
    assert city.devices.get(registered.device.id).state == "claimed"
    city.enrol(registered, csr(new_key(), registered.device.id))


def test_a_serial_whose_device_was_stopped_meanwhile_is_voided(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = city.register()
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", die)
        with pytest.raises(Killed):
            city.enrol(registered, csr(new_key(), registered.device.id))
    city.life.revoke(registered.device.id, OPERATOR, "stolen", city.now)
    assert states(city) == ["void"]
    assert "certificate.voided" in city.events()
    assert city.pki.complete_or_void(city.now) == Settled(completed=0, voided=0)


def test_a_profile_that_changed_meanwhile_voids_the_serial_and_the_device_may_repeat(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, key = city.register(), new_key()
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", die)
        with pytest.raises(Killed):
            city.enrol(registered, csr(key, registered.device.id))
    from dataclasses import replace

    changed = replace(city.authority.profiles["device"], extended_key_usage=())
    monkeypatch.setitem(city.authority.profiles, "device", changed)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        city.enrol(registered, csr(key, registered.device.id))
    city.enrol(registered, csr(key, registered.device.id))
    assert sorted(states(city)) == ["issued", "void"]


def test_what_a_crash_left_is_settled_a_few_at_a_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuance, "AT_ONCE", 2)
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", die)
        for _ in range(5):
            registered = city.register()
            with pytest.raises(Killed):
                city.enrol(registered, csr(new_key(), registered.device.id))
    with listening() as said:
        assert city.pki.complete_or_void(city.now) == Settled(completed=5, voided=0)
    read = [s for s in said if s.startswith("SELECT") and "pki_certificates.state = 'rec" in s]
    assert len(read) == 3
    assert states(city) == ["issued"] * 5


@pytest.mark.row("failures", "29")
@pytest.mark.parametrize("moved", ["another row's", "none", "no certificate's"])
def test_a_body_that_somebody_put_beside_another_record_is_never_signed(
    city: City, monkeypatch: pytest.MonkeyPatch, moved: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("pki.issuing.issuance.Issuance._sign", die)
        for registered in (city.register(), city.register()):
            with pytest.raises(Killed):
                city.enrol(registered, csr(new_key(), registered.device.id))
    with city.runtime.database.read() as uow:
        first, second = store.unsigned(uow, "", 10)
    body = {"another row's": second.body, "none": None, "no certificate's": b"0\0"}[moved]
    with city.runtime.database.engine.begin() as connection:
        of_first = certificates.c.serial == first.serial
        moved_there = {"body": body, "partition": second.partition}
        connection.execute(update(certificates).where(of_first).values(moved_there))
    assert city.pki.complete_or_void(city.now) == Settled(completed=1, voided=1)
    assert sorted(states(city)) == ["issued", "void"]


def test_once_it_is_signed_what_was_signed_is_a_part_of_the_certificate_only(city: City) -> None:
    city.enrolled()
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.body, certificates.c.certificate))
    assert all(row.body is None and row.certificate for row in rows)


@pytest.mark.row("failures", "16")
def test_a_token_works_for_one_key_only(city: City) -> None:
    registered, key = city.register(), new_key()
    first = city.enrol(registered, csr(key, registered.device.id))
    assert city.enrol(registered, csr(key, registered.device.id)) == first
    with pytest.raises(EnrolmentRefused) as caught:
        city.enrol(registered, csr(new_key(), registered.device.id))
    assert caught.value.reason == "token_used"


def test_a_certificate_that_was_revoked_is_not_handed_out_again(city: City) -> None:
    registered, key = city.register(), new_key()
    issued = city.enrol(registered, csr(key, registered.device.id))
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, issued.serial, "superseded", city.now)
    with pytest.raises(EnrolmentRefused):
        city.enrol(registered, csr(key, registered.device.id))


@pytest.mark.row("devices", "serials")
def test_serials_come_from_159_random_bits_and_never_repeat(city: City) -> None:
    for _ in range(32):
        city.enrolled()
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.serial, certificates.c.profile))
    # Ours, of devices and of the authorities themselves: not those that the library could make.
    serials = [int(row.serial, 16) for row in rows]
    assert len(set(serials)) == len(rows)
    assert {serial.bit_length() // 100 for serial in serials} == {1}
    assert max(serials) < 1 << 159
    # No bit is the same in all of one profile: of true randomness once in ten million runs.
    every, some = (1 << 159) - 1, 0
    for serial in (int(row.serial, 16) for row in rows if row.profile == "device"):
        every, some = every & serial, some | serial
    assert (every, some) == (0, (1 << 159) - 1)
    key_of_serials = next(iter(certificates.primary_key.columns)).name
    assert key_of_serials == "serial"


def test_the_certificate_says_what_the_profile_says(city: City, clock: FrozenClock) -> None:
    registered, key, certificate = city.enrolled()
    assert certificate.subject.rfc4514_string() == f"CN={registered.device.id}"
    assert certificate.public_key() == key.public_key()
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_after_utc == clock.now() + timedelta(days=90)


def test_a_draft_that_differs_from_its_profile_is_never_signed(city: City) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices")
    draft = drafting.Draft(
        serial=x509.random_serial_number(),
        profile=city.authority.profiles["device"],
        subject=x509.Name([]),
        public_key=info_of(issuer.certificate.public_key()),
        alternative_names=(),
        not_before=city.now,
        not_after=city.now + timedelta(days=1),
    )
    with pytest.raises(preflight.DraftRefused, match="issuer's own key"):
        preflight.examine(draft, issuer.certificate, private_key)


def test_every_issued_certificate_is_on_record_and_in_the_audit(city: City) -> None:
    city.enrolled()
    city.authority.issue_server_certificate(["localhost"])
    with city.runtime.database.read() as uow:
        recorded = uow.all(select(certificates.c.profile, func.count().label("n"))
                           .group_by(certificates.c.profile))  # fmt: skip
        # The authorities' and their responders' own certificates are certificates like any other.
        assert {row.profile: row.n for row in recorded} == {
            "root": 2, "issuing": 5, "ocsp": 5, "timestamping": 1, "device": 1, "server": 1,
        }  # fmt: skip
        assert store.unsigned(uow, "", 10) == []
    assert city.events().count("device.enrolled") == 1
    assert city.events().count("certificate.issued") == 7


def test_no_certificate_outlives_its_issuer(city: City, clock: FrozenClock) -> None:
    issuer, _ = city.authority.hierarchy.signing("devices")
    clock.advance(issuer.certificate.not_valid_after_utc - clock.now() - timedelta(days=10))
    _, _, certificate = city.enrolled()
    assert certificate.not_valid_after_utc == issuer.certificate.not_valid_after_utc


def test_a_refused_request_leaves_the_token_unspent(city: City) -> None:
    registered = city.register()
    with pytest.raises(RequestRefused):
        city.enrol(registered, csr(new_key(), "dev_other"))
    city.enrol(registered, csr(new_key(), registered.device.id))
