"""Who presents a certificate is checked in full by ourselves — RFC 5280 §6.1, RFC 8705 §2.1."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

import pki
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import CertificateRefused
from pki.issuing import drafting
from pki.x509.public_key import info_of
from tests.support.devices import City, new_key, same_city


def reason(city: City, certificate: x509.Certificate) -> str:
    with pytest.raises(CertificateRefused) as caught:
        city.authority.validate_client(certificate, city.now)
    assert caught.value.next_step
    return caught.value.reason


def signed_by_ours(city: City, *, eku: tuple[str, ...] = ("client_auth",)) -> x509.Certificate:
    """Signed by the device authority's key, past every record of ours."""
    from dataclasses import replace

    authority, private_key = city.authority.hierarchy.signing("devices")
    draft = drafting.Draft(
        serial=x509.random_serial_number(),
        profile=replace(city.authority.profiles["device"], extended_key_usage=eku),
        subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dev_x")]),
        public_key=info_of(new_key().public_key()),
        alternative_names=(),
        not_before=city.now,
        not_after=city.now + timedelta(days=1),
    )
    return drafting.sign(draft, authority.certificate, private_key)


def test_an_enrolled_device_is_recognised(city: City) -> None:
    registered, _, certificate = city.enrolled()
    valid = city.authority.validate_client(certificate, city.now)
    assert valid.holder == registered.device.id
    assert valid.subject == (("CN", registered.device.id),)


def test_a_self_signed_copy_of_the_subject_is_foreign(city: City) -> None:
    _, _, certificate = city.enrolled()
    key = new_key()
    forged = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(key.public_key())
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    assert reason(city, forged) == "foreign_issuer"


def test_a_certificate_of_another_city_is_foreign(
    city: City, tmp_path: Path, clock: FrozenClock
) -> None:
    from tests.support import deployments
    from tests.support.devices import found_city

    (tmp_path / "other").mkdir()
    other = deployments.build_runtime(deployments.settings_in(tmp_path / "other"), clock)
    try:
        _, _, certificate = found_city(other).enrolled()
    finally:
        other.close()
    assert reason(city, certificate) == "foreign_issuer"


def test_a_server_certificate_is_no_clients(city: City) -> None:
    made = city.authority.issue_server_certificate(["localhost"])
    certificate = x509.load_pem_x509_certificate(made.chain_pem)
    assert reason(city, certificate) == "foreign_issuer"


def test_a_missing_client_auth_is_refused(city: City) -> None:
    assert reason(city, signed_by_ours(city, eku=())) == "wrong_extended_key_usage"
    assert reason(city, signed_by_ours(city, eku=("server_auth",))) == "wrong_extended_key_usage"


def test_a_certificate_that_is_not_on_record_is_refused(city: City) -> None:
    assert reason(city, signed_by_ours(city)) == "unknown_serial"


def test_the_authoritys_own_certificate_is_no_clients(city: City) -> None:
    for certificate in city.authority.authorities():
        assert reason(city, certificate) in ("foreign_issuer", "is_an_authority")


def test_times_are_kept(city: City, clock: FrozenClock) -> None:
    _, _, certificate = city.enrolled()
    clock.advance(timedelta(days=91))
    assert reason(city, certificate) == "expired"
    clock.advance(timedelta(days=-100))
    assert reason(city, certificate) == "not_yet_valid"


@pytest.mark.row("devices", "revocation")
def test_revocation_takes_effect_at_once_and_stands_in_the_list(city: City) -> None:
    _, _, certificate = city.enrolled()
    before = x509.load_der_x509_crl(city.authority.crl("devices", city.now))
    assert len(before) == 0
    with city.runtime.database.write() as uow:
        assert city.authority.revoke(
            uow, f"{certificate.serial_number:x}", "keyCompromise", city.now
        )
        assert not city.authority.revoke(
            uow, f"{certificate.serial_number:x}", "superseded", city.now
        )
    assert reason(city, certificate) == "revoked"
    after = x509.load_der_x509_crl(city.authority.crl("devices", city.now))
    entry = after.get_revoked_certificate_by_serial_number(certificate.serial_number)
    assert entry is not None
    found = entry.extensions.get_extension_for_class(x509.CRLReason).value
    assert found.reason is x509.ReasonFlags.key_compromise
    issuer, _ = city.authority.hierarchy.signing("devices")
    public = issuer.certificate.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert after.is_signature_valid(public)


def test_preparing_twice_makes_one_hierarchy(city: City, runtime: Runtime) -> None:
    before = city.authority.trust_anchors()
    pki.prepare(runtime)
    assert same_city(runtime).authority.trust_anchors() == before
    assert before.count(b"BEGIN CERTIFICATE") == 5


def test_a_changed_authority_row_is_no_authority(city: City, runtime: Runtime) -> None:
    from sqlalchemy import update

    from pki.tables import authorities

    stranger = signed_by_ours(city).public_bytes(Encoding.DER)
    with runtime.database.write() as uow:
        uow.execute(
            update(authorities).where(authorities.c.name == "devices").values(certificate=stranger)
        )
    names = [authority.name for authority in same_city(runtime).authority.hierarchy.all()]
    assert "devices" not in names


def openssl_verifies(folder: Path, anchors: bytes, leaf: bytes, *options: str) -> str:
    (folder / "anchors.pem").write_bytes(anchors)
    (folder / "leaf.pem").write_bytes(leaf)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", *options, "-CAfile", "anchors.pem", "leaf.pem"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def at_noon(city: City) -> list[str]:
    return ["-attime", str(int(city.now.timestamp()) + 60)]


def test_openssl_verifies_a_device_for_clients_only(
    city: City, tmp_path: Path, at_noon: list[str]
) -> None:
    _, _, certificate = city.enrolled()
    pem = certificate.public_bytes(Encoding.PEM)
    anchors = city.authority.trust_anchors()
    said = openssl_verifies(tmp_path, anchors, pem, *at_noon, "-purpose", "sslclient")
    assert said.endswith("leaf.pem: OK\n"), said
    refused = openssl_verifies(tmp_path, anchors, pem, *at_noon, "-purpose", "sslserver")
    assert "unsuitable certificate purpose" in refused or "unsupported" in refused, refused


def test_openssl_verifies_the_server_certificate_by_name(
    city: City, tmp_path: Path, at_noon: list[str]
) -> None:
    made = city.authority.issue_server_certificate(["id.example.city", "127.0.0.1", "::1"])
    anchors = city.authority.trust_anchors()
    for name in (["-verify_hostname", "id.example.city"], ["-verify_ip", "::1"]):
        said = openssl_verifies(
            tmp_path, anchors, made.chain_pem, *at_noon, "-purpose", "sslserver", *name
        )
        assert said.endswith("leaf.pem: OK\n"), said
    key = load_pem_private_key(made.key_pem, None)
    assert x509.load_pem_x509_certificate(made.chain_pem).public_key() == key.public_key()


def test_openssl_reads_the_revocation_list(city: City, tmp_path: Path, at_noon: list[str]) -> None:
    _, _, certificate = city.enrolled()
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, f"{certificate.serial_number:x}", "superseded", city.now)
    lists = b"".join(
        x509.load_der_x509_crl(city.authority.crl(name, city.now)).public_bytes(Encoding.PEM)
        for name in ("root", "devices")
    )
    (tmp_path / "crl.pem").write_bytes(lists)
    said = openssl_verifies(
        tmp_path,
        city.authority.trust_anchors(),
        certificate.public_bytes(Encoding.PEM),
        *at_noon, "-crl_check_all", "-CRLfile", "crl.pem",
    )  # fmt: skip
    assert "certificate revoked" in said
