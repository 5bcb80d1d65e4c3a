"""The OCSP responder, asked by POST — RFC 6960."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import PkiSettings
from pki.x509 import der
from tests.support import deployments
from tests.support.devices import Town, build_town, found_city, same_city
from tests.support.status import (
    DER,
    OCSP,
    about,
    asking,
    issue,
    issuer_of,
    post,
    release,
    revoke,
)

GOOD, REVOKED = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED
STATUS = ocsp.OCSPResponseStatus


def responder_in(found: ocsp.OCSPResponse) -> x509.Certificate:
    (certificate,) = found.certificates
    return certificate


@pytest.mark.rfc("6960", "2.2")
@pytest.mark.rfc("6960", "4.2.1")
@pytest.mark.parametrize("profile", ["device", "server", "citizen-authentication", "device-mldsa"])
def test_a_certificate_is_good_until_it_is_revoked(town: Town, profile: str) -> None:
    certificate = issue(town.city, "holder", profile)
    found = about(town, certificate)
    assert (found.response_status, found.certificate_status) == (STATUS.SUCCESSFUL, GOOD)
    assert found.serial_number == certificate.serial_number
    revoke(town.city, certificate, "keyCompromise")
    found = about(town, certificate)
    assert found.certificate_status is REVOKED
    assert found.revocation_reason is x509.ReasonFlags.key_compromise
    assert found.revocation_time_utc == town.city.now


@pytest.mark.rfc("6960", "2.2")
@pytest.mark.rfc("6960", "4.2.2.2")
@pytest.mark.rfc("6960", "4.2.2.2.1")
@pytest.mark.parametrize("profile", ["device", "device-mldsa"])
def test_an_answer_is_signed_by_a_responder_that_the_issuer_certified(
    town: Town, profile: str
) -> None:
    certificate = issue(town.city, "holder", profile)
    found = about(town, certificate)
    responder = responder_in(found)
    responder.verify_directly_issued_by(issuer_of(town.city, certificate).certificate)
    usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.OCSP_SIGNING]
    assert responder.extensions.get_extension_for_class(x509.OCSPNoCheck)
    key: Any = responder.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        hashed = ec.ECDSA(found.signature_hash_algorithm or hashes.SHA256())
        key.verify(found.signature, found.tbs_response_bytes, hashed)
    else:
        key.verify(found.signature, found.tbs_response_bytes)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    assert found.responder_key_hash == identifier.digest


@pytest.mark.parametrize("algorithm", ["ES384", "EdDSA", "RS256"])
def test_responders_of_every_algorithm_answer(
    tmp_path: Any, clock: FrozenClock, algorithm: Any
) -> None:
    settings = deployments.settings_in(tmp_path, PkiSettings(key_algorithm=algorithm))
    runtime = deployments.build_runtime(settings, clock)
    town = build_town(found_city(runtime))
    assert about(town, issue(town.city, "lamp")).certificate_status is GOOD
    runtime.close()


@pytest.mark.rfc("6960", "4.1.1")
@pytest.mark.rfc("6960", "4.3")
@pytest.mark.parametrize("hash_used", [hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_a_certificate_is_named_by_any_usual_hash(town: Town, hash_used: Any) -> None:
    certificate = issue(town.city, "lamp")
    found = about(town, certificate, hash_used=hash_used())
    assert found.certificate_status is GOOD
    assert isinstance(found.hash_algorithm, hash_used)


@pytest.mark.rfc("6960", "2.2")
def test_what_was_never_issued_is_unknown(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    issuer = issuer_of(town.city, certificate).certificate
    named = ocsp.load_der_ocsp_request(asking(certificate, issuer, hashes.SHA256()))
    key, name = named.issuer_key_hash, named.issuer_name_hash
    for number in (1, 2**158):
        asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
            name, key, number, hashes.SHA256()
        )
        found = post(town, asked.build().public_bytes(DER))
        assert found.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    # Another authority's certificate is not this one's.
    other = issue(town.city, "server", "server")
    asked = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        name, key, other.serial_number, hashes.SHA256()
    )
    found = post(town, asked.build().public_bytes(DER))
    assert found.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


@pytest.mark.rfc("6960", "2.3")
def test_a_stranger_s_certificate_is_not_ours_to_speak_of(town: Town) -> None:
    root = town.city.authority.hierarchy.named("root")[0].certificate
    for issuer in (root, _stranger()):
        found = post(town, asking(issue(town.city, f"x{issuer.serial_number}"), issuer))
        assert found.response_status is STATUS.UNAUTHORIZED


def _stranger() -> x509.Certificate:
    from tests.support.devices import new_key

    key, name = new_key(), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Other")])
    from datetime import UTC, datetime

    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )


def together(*requests: bytes) -> bytes:
    """One request about all the certificates of several."""
    inner = []
    for request in requests:
        begin, end = der.only(request, der.SEQUENCE)
        _, at, stop = der.read(request, begin, end)
        _, first, last = der.read(request, at, stop)
        inner.append(request[first:last])
    return der.sequence(der.sequence(der.sequence_of(inner)))


@pytest.mark.rfc("6960", "4.1.1")
@pytest.mark.rfc("6960", "4.2.1")
def test_one_request_may_ask_about_several_certificates(town: Town) -> None:
    certificates = [issue(town.city, f"lamp{n}") for n in range(3)]
    revoke(town.city, certificates[1])
    issuer = issuer_of(town.city, certificates[0]).certificate
    found = post(town, together(*(asking(c, issuer) for c in certificates)))
    singles = list(found.responses)
    assert [one.serial_number for one in singles] == [c.serial_number for c in certificates]
    assert [one.certificate_status for one in singles] == [GOOD, REVOKED, GOOD]
    assert len(list(found.responses)) == 3
    server = issue(town.city, "server", "server")
    mixed = together(
        asking(certificates[0], issuer), asking(server, issuer_of(town.city, server).certificate)
    )
    assert post(town, mixed).response_status is STATUS.UNAUTHORIZED
    many = together(*[asking(certificates[0], issuer)] * 33)
    assert post(town, many).response_status is STATUS.MALFORMED_REQUEST


@pytest.mark.rfc("6960", "2.3")
@pytest.mark.rfc("6960", "A.2")
@pytest.mark.parametrize("body", [b"", b"\x30", b"\x30\x00", b"not DER", b"\x30\x80\x00\x00"])
def test_what_is_no_request_is_answered_so(town: Town, body: bytes) -> None:
    assert post(town, body).response_status is STATUS.MALFORMED_REQUEST


@pytest.mark.rfc("6960", "4.1.1")
def test_a_byte_more_or_another_version_is_malformed(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    body = asking(certificate, issuer_of(town.city, certificate).certificate)
    assert post(town, body + b"\0").response_status is STATUS.MALFORMED_REQUEST
    begin, end = der.only(body, der.SEQUENCE)
    _, first, last = der.read(body, begin, end)
    for version, status in ((0, STATUS.SUCCESSFUL), (1, STATUS.MALFORMED_REQUEST)):
        said = der.explicit(0, der.integer(version)) + body[first:last]
        found = post(town, der.sequence(der.sequence(said)))
        assert found.response_status is status


@pytest.mark.rfc("6960", "4.4")
def test_a_critical_extension_that_is_not_known_is_refused(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    body = asking(certificate, issuer_of(town.city, certificate).certificate)
    begin, end = der.only(body, der.SEQUENCE)
    _, first, last = der.read(body, begin, end)
    for critical, status in ((False, STATUS.SUCCESSFUL), (True, STATUS.MALFORMED_REQUEST)):
        extension = der.extension("1.2.3.4", b"x", critical)
        more = body[first:last] + der.explicit(2, der.sequence(extension))
        assert post(town, der.sequence(der.sequence(more))).response_status is status


@pytest.mark.rfc("6960", "A.1.1")
def test_another_content_type_is_415_and_a_large_body_413(town: Town) -> None:
    answer = town.http.post("/pki/ocsp", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    answer = town.http.post("/pki/ocsp", content=b"x" * 16_385, headers=OCSP)
    assert answer.status_code == 413


@pytest.mark.rfc("6960", "4.2.1")
def test_a_certificate_on_hold_is_revoked_until_it_comes_off(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    revoke(town.city, certificate, "certificateHold")
    assert about(town, certificate).revocation_reason is x509.ReasonFlags.certificate_hold
    release(town.city, certificate)
    assert about(town, certificate).certificate_status is GOOD
    revoke(town.city, certificate, "unspecified")
    found = about(town, certificate)
    assert (found.certificate_status, found.revocation_reason) == (REVOKED, None)


@pytest.mark.row("devices", "revocation")
def test_a_revocation_by_another_process_changes_the_next_answer(
    town: Town, runtime: Runtime
) -> None:
    certificate = issue(town.city, "lamp")
    assert about(town, certificate).certificate_status is GOOD
    revoke(same_city(runtime), certificate)
    assert about(town, certificate).certificate_status is REVOKED


@pytest.mark.rfc("6960", "2.4")
def test_an_answer_says_from_when_until_when_and_is_used_for_half_of_it(
    town: Town, clock: FrozenClock
) -> None:
    certificate = issue(town.city, "lamp")
    first = about(town, certificate)
    assert first.produced_at_utc == town.city.now
    assert first.next_update_utc == town.city.now + timedelta(minutes=60)
    clock.advance(timedelta(minutes=29))
    assert about(town, certificate).produced_at_utc == first.produced_at_utc
    clock.advance(timedelta(minutes=2))
    assert about(town, certificate).produced_at_utc == town.city.now


@pytest.mark.rfc("6960", "4.2.2.1")
def test_an_answer_begins_a_little_ago_for_late_clocks_yet_not_before_the_revocation(
    town: Town, clock: FrozenClock
) -> None:
    certificate = issue(town.city, "lamp")
    assert about(town, certificate).this_update_utc == town.city.now - timedelta(minutes=5)
    revoke(town.city, certificate)
    at = town.city.now
    clock.advance(timedelta(minutes=1))
    found = about(town, certificate)
    assert found.this_update_utc == found.revocation_time_utc == at
    clock.advance(timedelta(hours=1))
    assert about(town, certificate).this_update_utc == town.city.now - timedelta(minutes=5)


def test_an_authority_that_another_process_distrusts_answers_no_more(
    town: Town, clock: FrozenClock
) -> None:
    certificate = issue(town.city, "holder")
    issuer = issuer_of(town.city, certificate).certificate
    assert post(town, asking(certificate, issuer)).certificate_status is GOOD
    other = same_city(town.city.runtime)
    other.authority.compromise().declare("devices-1", timedelta(days=14), town.city.now)
    clock.advance(timedelta(seconds=1))
    assert post(town, asking(certificate, issuer)).response_status is STATUS.UNAUTHORIZED


def test_a_responder_is_renewed_in_time_by_itself(town: Town, clock: FrozenClock) -> None:
    certificate = issue(town.city, "lamp")
    first = responder_in(about(town, certificate))
    assert town.city.authority.responders.renew(town.city.now) == 0
    clock.advance(timedelta(days=21))
    assert town.city.authority.responders.renew(town.city.now) == 5
    clock.advance(timedelta(seconds=2))
    second = responder_in(about(town, certificate))
    assert second.not_valid_after_utc > first.not_valid_after_utc
    clock.advance(timedelta(days=60))
    third = responder_in(about(town, certificate))
    assert third.not_valid_after_utc > town.city.now
    assert "certificate.issued" in town.city.events()


def test_a_revoked_responder_answers_no_more(town: Town, clock: FrozenClock) -> None:
    certificate = issue(town.city, "lamp")
    first = responder_in(about(town, certificate))
    revoke(town.city, first, "keyCompromise")
    clock.advance(timedelta(minutes=31))
    assert responder_in(about(town, certificate)).serial_number != first.serial_number


def test_without_the_responders_key_it_is_try_later(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foundation.keys import Keys

    certificate = issue(town.city, "lamp")
    monkeypatch.setattr(Keys, "signers", lambda *_: ())
    assert about(town, certificate).response_status is STATUS.TRY_LATER
