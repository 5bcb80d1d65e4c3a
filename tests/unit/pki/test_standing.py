"""Validated once, looked at each time: what changes in the hierarchy counts at the next request."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import update

from foundation.clock import FrozenClock
from pki import CertificateRefused, store
from pki.issuing import drafting
from pki.tables import authorities
from pki.x509.public_key import info_of
from pki.x509.thumbprint import x5t_s256
from tests.support.devices import City, csr, new_key, same_city
from tests.support.statements import listening


def reason(city: City, certificate: x509.Certificate, now: Any = None) -> str:
    with pytest.raises(CertificateRefused) as caught:
        city.authority.validate_client(certificate, now or city.now)
    assert caught.value.next_step
    return caught.value.reason


def distrust(city: City, name: str, at: Any) -> None:
    """As another process would: past the hierarchy that this one has read."""
    statement = update(authorities).where(authorities.c.name == name)
    with city.runtime.database.write() as uow:
        uow.execute(statement.values(distrusted_at=at))


def revoke_authority(city: City, name: str, now: Any = None) -> None:
    (authority,) = city.authority.hierarchy.named(name)
    serial = f"{authority.certificate.serial_number:x}"
    with city.runtime.database.write() as uow:
        assert city.authority.revoke(uow, serial, "cACompromise", now or city.now)


@pytest.mark.row("devices", "revocation")
@pytest.mark.parametrize("name", ["devices", "root"])
def test_a_distrusted_authority_ends_at_the_next_request_and_may_come_back(
    city: City, name: str
) -> None:
    _, _, certificate = city.enrolled()
    assert city.authority.validate_client(certificate, city.now)
    distrust(city, name, city.now)
    assert reason(city, certificate) == "foreign_issuer"
    distrust(city, name, None)
    assert city.authority.validate_client(certificate, city.now)


def test_a_revoked_authority_ends_at_the_next_request(city: City) -> None:
    _, _, certificate = city.enrolled()
    assert city.authority.validate_client(certificate, city.now)
    revoke_authority(city, "devices")
    assert reason(city, certificate) == "foreign_issuer"


def test_a_revocation_that_bears_an_earlier_instant_than_the_last_one_counts_too(
    city: City, clock: FrozenClock
) -> None:
    _, _, certificate = city.enrolled()
    began = city.now
    clock.advance(timedelta(minutes=5))
    revoke_authority(city, "services")
    assert city.authority.validate_client(certificate, city.now)
    revoke_authority(city, "devices", began)
    assert reason(city, certificate) == "foreign_issuer"


def test_what_was_read_of_the_hierarchy_last_is_what_stands(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    hierarchy, rows = city.authority.hierarchy, store.authority_rows
    slow_has_read, slow_may_go_on = Event(), Event()

    def slowly(uow: Any) -> Any:
        found = rows(uow)
        if not slow_has_read.is_set():
            slow_has_read.set()
            slow_may_go_on.wait(10)
        return found

    monkeypatch.setattr(store, "authority_rows", slowly)
    slow = Thread(target=hierarchy.read_again)
    slow.start()
    slow_has_read.wait(10)
    distrust(city, "devices", city.now)
    fast = Thread(target=hierarchy.read_again)
    fast.start()
    fast.join(0.2)  # where nothing holds it back, it is done by now
    slow_may_go_on.set()
    slow.join()
    fast.join()
    assert hierarchy.named("devices") == ()


def test_a_path_is_validated_once_and_the_record_each_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pki.path.trust import Trust

    _, _, certificate = city.enrolled()
    walked, walk = [], Trust.validate

    def counted(self: Trust, *args: Any) -> Any:
        walked.append(1)
        return walk(self, *args)

    monkeypatch.setattr(Trust, "validate", counted)
    for _ in range(5):
        assert city.authority.validate_client(certificate, city.now)
    assert len(walked) == 1
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, f"{certificate.serial_number:x}", "superseded", city.now)
    assert reason(city, certificate) == "revoked"
    assert len(walked) == 1


def test_a_seen_certificate_costs_one_question_to_the_database(city: City) -> None:
    _, _, certificate = city.enrolled()
    city.authority.validate_client(certificate, city.now)
    with listening() as asked:
        city.authority.validate_client(certificate, city.now)
    assert len([one for one in asked if "SELECT" in one]) == 1


def test_what_changed_below_the_roots_does_not_make_the_hierarchy_another(city: City) -> None:
    """Thousands of devices revoked must not mean thousands of paths walked again."""
    _, _, certificate = city.enrolled()
    city.authority.validate_client(certificate, city.now)
    known = city.authority._validation._known
    _, _, other = city.enrolled()
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, f"{other.serial_number:x}", "superseded", city.now)
    city.authority.validate_client(certificate, city.now)
    assert city.authority._validation._known is known


def test_the_certificates_kept_in_mind_are_bounded(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pki.path.validation._MOST_SEEN", 3)
    certificates = [city.enrolled()[2] for _ in range(5)]
    for certificate in certificates:
        city.authority.validate_client(certificate, city.now)
    known = city.authority._validation._known
    assert known is not None
    assert list(known.seen) == certificates[-3:]


@pytest.mark.row("devices", "802.1AR")
def test_a_makers_identity_of_a_device_opens_no_door(city: City) -> None:
    maker, private_key = city.authority.hierarchy.signing("makers")
    from dataclasses import replace

    idevid = city.authority.profiles["idevid"]
    for profile in (idevid, replace(idevid, extended_key_usage=("client_auth",))):
        draft = drafting.Draft(
            serial=x509.random_serial_number(),
            profile=profile,
            subject=x509.Name([x509.NameAttribute(NameOID.SERIAL_NUMBER, "LAMP-114")]),
            public_key=info_of(new_key().public_key()),
            alternative_names=(),
            not_before=city.now,
            not_after=drafting.NO_WELL_DEFINED_END,
        )
        certificate = drafting.sign(draft, maker.certificate, private_key)
        assert reason(city, certificate) == "foreign_issuer"


@pytest.mark.row("devices", "802.1AR")
def test_a_certificate_on_record_under_a_profile_for_no_clients_is_refused(city: City) -> None:
    from pki.tables import certificates

    _, _, certificate = city.enrolled()
    with city.runtime.database.write() as uow:
        uow.execute(update(certificates).values(profile="idevid"))
    assert reason(city, certificate) == "wrong_profile"


def test_names_that_the_authority_excludes_are_refused(city: City) -> None:
    issuer, private_key = city.authority.hierarchy.signing("devices-mldsa")
    draft = drafting.Draft(
        serial=x509.random_serial_number(),
        profile=city.authority.profiles["device-mldsa"],
        subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dev_x")]),
        public_key=info_of(new_key().public_key()),
        alternative_names=("DNS:id.example.city",),
        not_before=city.now,
        not_after=city.now + timedelta(days=1),
    )
    assert reason(city, drafting.sign(draft, issuer.certificate, private_key)) == (
        "name_constraints"
    )


@pytest.mark.rfc("4210", "4.4")
def test_a_cross_certificate_carries_where_the_old_root_has_ended(city: City) -> None:
    """Root 1 ends; root 2 stands and has certified root 1's key: paths lead on to root 2."""
    root, private_key = city.authority.hierarchy.signing("root")
    _, _, certificate = city.enrolled()
    old, public_key = root.certificate.subject, root.certificate.public_key()
    tomorrow, later = city.now + timedelta(days=1), city.now + timedelta(days=2)
    ended = _authority(old, old, public_key, private_key, tomorrow, city.now)
    with city.runtime.database.write() as uow:
        uow.execute(
            update(authorities).where(authorities.c.kid == root.kid).values(certificate=_der(ended))
        )
    city.authority.hierarchy.read_again()
    assert reason(city, certificate, later) == "issuer_expired"

    key, years = new_key(), city.now + timedelta(days=3650)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root G2")])
    second = _authority(name, name, key.public_key(), key, years, city.now)
    cross = _authority(old, name, public_key, key, years, city.now)
    with city.runtime.database.write() as uow:
        store.add_authority(
            uow, kid="second", name="root", generation=2, certificate=_der(second),
            issuer_kid="second", partitions=1, created_at=city.now,
        )  # fmt: skip
        store.add_cross(
            uow, thumbprint=x5t_s256(_der(cross)), subject_kid=root.kid, issuer_kid="second",
            certificate=_der(cross), created_at=city.now,
        )  # fmt: skip
    assert city.authority.validate_client(certificate, later)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _authority(
    subject: x509.Name, issuer: x509.Name, public_key: Any, key: Any, end: Any, now: Any
) -> x509.Certificate:
    identifier = x509.SubjectKeyIdentifier.from_public_key
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(True, None), True)
        .add_extension(identifier(public_key), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                identifier(key.public_key())
            ),
            False,
        )
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), True
        )
        .sign(key, hashes.SHA256())
    )


def test_another_process_of_the_city_says_the_same(city: City) -> None:
    registered = city.register()
    issued = city.enrol(registered, csr(new_key(), registered.device.id))
    certificate = x509.load_der_x509_certificate(issued.der)
    other = same_city(city.runtime)
    assert other.authority.validate_client(certificate, city.now) == (
        city.authority.validate_client(certificate, city.now)
    )
