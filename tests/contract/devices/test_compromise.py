"""An authority's key is stolen: the runbook, with devices that come back by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from sqlalchemy import delete, select

import pki
from device_registry import DeviceRefused
from foundation.clock import FrozenClock
from foundation.errors import Conflict, NotFound
from foundation.keys import Keys
from foundation.runtime import Runtime
from pki import Caller, CertificateRefused, Rollover
from pki.hierarchy.hierarchy import Authority
from pki.issuing import drafting
from pki.lifecycle.compromise import Declaring
from pki.lifecycle.founding import Founding
from pki.revocation.banning import ban
from pki.tables import certificates
from pki.x509.public_key import describe
from tests.support.devices import City, build_town, csr, found_city, new_key, same_city

DAYS = timedelta(days=14)


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def declare(city: City, clock: FrozenClock, slug: str = "devices-1") -> Any:
    found = city.authority.compromise().declare(slug, DAYS, city.now)
    clock.advance(timedelta(seconds=2))
    return found


def exchange(city: City, certificate: x509.Certificate) -> x509.Certificate:
    """A renewal with the old certificate, as EST simplereenroll admits it."""
    valid = city.authority.validate_renewal(certificate, city.now)
    name = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    body = csr(new_key(), str(name))
    issued = city.pki.renew(Caller(certificate=valid, address="192.0.2.1"), body, city.now)
    return x509.load_der_x509_certificate(issued.der)


def forged(city: City, stolen: Any, model: x509.Certificate, now: datetime) -> x509.Certificate:
    """What a thief makes: a certificate for a real device, with the thief's key."""
    issuer = city.authority.hierarchy.named("devices")[0].certificate
    builder = (
        x509.CertificateBuilder()
        .serial_number(model.serial_number)
        .issuer_name(issuer.subject)
        .subject_name(model.subject)
        .public_key(new_key().public_key())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(drafting.key_of(issuer), critical=False)
    )
    for extension in model.extensions:
        if extension.oid != drafting.key_of(issuer).oid:
            builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(stolen, hashes.SHA256())


def test_nothing_of_the_distrusted_authority_opens_a_door(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    city.devices.authenticate(certificate, city.now)
    declare(city, clock)
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(certificate, city.now)
    assert caught.value.reason == "issuer_distrusted"
    assert "simplereenroll" in (caught.value.next_step or "")


def test_every_device_comes_back_at_a_distance(city: City, clock: FrozenClock) -> None:
    before = [city.enrolled()[2] for _ in range(20)]
    found = declare(city, clock)
    assert (found.certificates, found.successor) == (20, "devices-2")
    for certificate in before:
        new = exchange(city, certificate)
        city.devices.authenticate(new, city.now)
        assert "G2" in new.issuer.rfc4514_string()
    assert city.runtime.audit.tree.verify().ok


def test_a_forged_certificate_comes_back_nowhere(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    stolen = city.authority.hierarchy.signing("devices")[1]
    fake = forged(city, stolen, certificate, city.now)
    declare(city, clock)
    with pytest.raises(CertificateRefused):
        city.authority.validate_renewal(fake, city.now)
    with pytest.raises(DeviceRefused):
        city.devices.authenticate(fake, city.now)


def test_after_the_stated_days_only_a_new_token_helps(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    declare(city, clock)
    clock.advance(DAYS)
    with pytest.raises(CertificateRefused):
        exchange(city, certificate)


def test_a_suspended_device_does_not_come_back(city: City, clock: FrozenClock) -> None:
    registered, _, certificate = city.enrolled()
    from tests.support.devices import OPERATOR

    city.life.suspend(registered.device.id, OPERATOR, "stolen", city.now)
    declare(city, clock)
    with pytest.raises(CertificateRefused):
        exchange(city, certificate)


def test_its_root_names_it_and_its_successor_enrols_new_devices(
    city: City, clock: FrozenClock
) -> None:
    (old,) = city.authority.hierarchy.named("devices")
    declare(city, clock)
    crl = x509.load_der_x509_crl(city.authority.crl("root", city.now))
    named = crl.get_revoked_certificate_by_serial_number(old.certificate.serial_number)
    assert named is not None
    _, _, certificate = city.enrolled()
    city.devices.authenticate(certificate, city.now)


def test_a_next_authority_that_waited_signs_at_once(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    Rollover(city.runtime).begin("devices", city.now)
    found = declare(city, clock)
    assert found.successor == "devices-2"
    assert city.authority.hierarchy.signing("devices")[0].slug == "devices-2"
    city.devices.authenticate(exchange(city, certificate), city.now)


def test_an_earlier_generation_never_takes_the_place_of_a_compromised_one(
    city: City, clock: FrozenClock
) -> None:
    Rollover(city.runtime).begin("devices", city.now)
    clock.advance(timedelta(days=60))
    assert city.authority.hierarchy.signing("devices")[0].slug == "devices-2"
    found = declare(city, clock, "devices-2")
    assert found.successor == "devices-3"
    assert city.authority.hierarchy.signing("devices")[0].slug == "devices-3"


def test_the_loss_of_an_old_authority_leaves_the_present_one_in_place(
    city: City, clock: FrozenClock
) -> None:
    Rollover(city.runtime).begin("devices", city.now)
    clock.advance(timedelta(days=60))
    found = declare(city, clock, "devices-1")
    assert found.successor == "devices-2"
    assert [a.slug for a in city.authority.hierarchy.named("devices")] == ["devices-2"]


@pytest.mark.parametrize("where", [(Keys, "revoke"), (Keys, "rotate"), (Founding, "establish")])
def test_an_interrupted_declaration_is_repeated_and_the_rest_is_done(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, where: tuple[type, str]
) -> None:
    def power_cut(*_: Any, **__: Any) -> None:
        raise SystemExit("power cut")

    began = city.now
    with monkeypatch.context() as patched:
        patched.setattr(*where, power_cut)
        with pytest.raises(SystemExit):
            declare(city, clock)
    clock.advance(timedelta(hours=1))
    for _ in range(2):  # whoever runs it once more changes nothing
        found = declare(city, clock)
        assert (found.successor, found.recover_until) == ("devices-2", began + DAYS)
    authority = same_city(city.runtime).authority.hierarchy
    assert authority.signing("devices")[0].slug == "devices-2"
    (old,) = authority.distrusted()
    assert not authority.holds(old)
    assert city.events().count("authority.distrusted") == 1


def test_the_published_file_never_holds_the_compromised_authority(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = build_town(city)
    (old,) = city.authority.hierarchy.named("devices")

    def published() -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(town.http.get("/pki/ca.pem").content)

    assert old.certificate in published()
    declare(same_city(city.runtime), clock)  # as another process does it
    assert old.certificate not in published()
    ours = x509.load_pem_x509_certificates(city.authority.trust_anchors())
    assert old.certificate in ours, "at our own endpoint its holders come back"
    monkeypatch.setattr(city.runtime.database, "read", None)
    assert old.certificate not in published(), "a second request asks nobody"


def without_record(city: City) -> None:
    """As a deployment from before authorities stood on record; no act of ours deletes one."""
    with city.runtime.database.write() as uow:
        uow.connection.execute(
            delete(certificates).where(certificates.c.profile.in_(("root", "issuing")))
        )


def test_an_authority_from_before_they_stood_on_record_is_revoked_too(
    city: City, clock: FrozenClock
) -> None:
    (old,) = city.authority.hierarchy.named("devices")
    without_record(city)
    pki.prepare(city.runtime)
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates).where(certificates.c.profile.in_(("root", "issuing"))))
    slugs = {a.slug for a in city.authority.hierarchy.all()}
    assert {row.holder for row in rows} == {f"authority:{slug}" for slug in slugs}
    assert {row.state for row in rows} == {"issued"}
    pki.prepare(city.runtime)  # and again: nothing more
    declare(city, clock)
    crl = x509.load_der_x509_crl(city.authority.crl("root", city.now))
    assert crl.get_revoked_certificate_by_serial_number(old.certificate.serial_number) is not None


def test_what_cannot_be_revoked_is_not_declared(city: City, clock: FrozenClock) -> None:
    without_record(city)
    with pytest.raises(Conflict) as caught:
        declare(city, clock)
    assert "civitas db upgrade" in (caught.value.next_step or "")
    assert not city.authority.hierarchy.distrusted()


def test_other_authorities_go_on(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    declare(city, clock, "services-1")
    city.devices.authenticate(certificate, city.now)
    chain = city.authority.issue_server_certificate(["city.example"]).chain_pem
    assert "G2" in x509.load_pem_x509_certificate(chain).issuer.rfc4514_string()


def test_a_root_without_a_next_one_and_an_unknown_one_are_refused_with_what_to_do(
    city: City, clock: FrozenClock
) -> None:
    with pytest.raises(Conflict) as caught:
        declare(city, clock, "root-1")
    assert "civitas ca roll root" in (caught.value.next_step or "")
    with pytest.raises(NotFound):
        declare(city, clock, "moon-1")


def test_when_a_root_is_lost_everybody_under_it_comes_back_under_the_next(
    city: City, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [city.enrolled()[2] for _ in range(3)]
    (old,) = city.authority.hierarchy.named("root")
    Rollover(city.runtime).begin("root", city.now)
    clock.advance(timedelta(seconds=2))
    stolen = city.authority.hierarchy.private_key(old)
    assert city.authority.compromise().plan("root-1", DAYS, city.now).certificates >= 3
    with monkeypatch.context() as patched:  # the power fails before the root itself is distrusted
        patched.setattr(Declaring, "_end_key", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            declare(city, clock, "root-1")
    for _ in range(2):  # a repeat does the rest, and another one nothing
        assert declare(city, clock, "root-1").successor == "root-2"
    for certificate in before:
        with pytest.raises(DeviceRefused):
            city.devices.authenticate(certificate, city.now)
        new = exchange(city, certificate)
        city.devices.authenticate(new, city.now)
        root = city.authority.hierarchy.chain(city.authority.hierarchy.signing("devices")[0])[-1]
        assert "G2" in root.subject.rfc4514_string()
    assert old.slug not in {authority.slug for authority in city.authority.hierarchy.all()}
    with pytest.raises(CertificateRefused):
        city.authority.validate_renewal(of_a_forged_authority(old, stolen, city.now), city.now)
    kinds = city.events()
    assert kinds.count("authority.distrusted") == 1 + 4, "each of those under it, and the root"


def of_a_forged_authority(root: Authority, stolen: Any, now: datetime) -> x509.Certificate:
    """What a thief of a root's key makes: an authority of his own, and a device under it."""

    def made(subject: str, key: Any, issuer: x509.Name, signer: Any, ca: bool) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .serial_number(x509.random_serial_number())
            .issuer_name(issuer)
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .public_key(key.public_key())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
            .sign(signer, hashes.SHA256())
        )

    key = new_key()
    authority = made("Civitas Device Authority G9", key, root.certificate.subject, stolen, True)
    return made("dev_forged", new_key(), authority.subject, key, False)


def test_a_plan_changes_nothing(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    planned = city.authority.compromise().plan("devices", DAYS, city.now)
    assert (planned.authority, planned.certificates) == ("devices-1", 1)
    city.devices.authenticate(certificate, city.now)


def test_a_root_whose_key_was_banned_first_is_followed_by_the_next(
    city: City, clock: FrozenClock
) -> None:
    (old,) = city.authority.hierarchy.named("root")
    key = describe(old.certificate.public_key()).digest
    ban(city.runtime.database, city.runtime.audit, [key], "leaked", city.now)
    Rollover(city.runtime).begin("root", city.now)
    Founding(city.runtime).establish(city.now)  # as every start does
    clock.advance(timedelta(seconds=2))
    assert declare(city, clock, "root-1").successor == "root-2"
    _, _, certificate = city.enrolled()
    city.devices.authenticate(certificate, city.now)


def test_a_cross_certificate_that_a_crash_left_half_way_is_begun_anew(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def power_cut(*_: Any, **__: Any) -> None:
        raise SystemExit("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("pki.store.add_cross", power_cut)
        with pytest.raises(SystemExit):
            Rollover(city.runtime).begin("root", city.now)
    Founding(city.runtime).establish(city.now)
    crosses = same_city(city.runtime).authority.hierarchy.cross_certificates()
    assert len(crosses) == 2
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.state, certificates.c.revocation_reason))
    assert [row.revocation_reason for row in rows if row.state == "void"] == ["begun_again"]
