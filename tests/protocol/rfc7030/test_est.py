"""Enrolment over Secure Transport, by its sections — RFC 7030."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from httpx import Response

from device_registry import DeviceRefused, Registered
from foundation.clock import FrozenClock
from tests.support.deployments import START
from tests.support.devices import OPERATOR, Town, certificates_in, csr, new_key

EST = "/.well-known/est"
PKCS10 = {"Content-Type": "application/pkcs10"}


def enrol(
    town: Town,
    registered: Registered | None,
    body: bytes,
    *,
    token: str | None = None,
    path: str = f"{EST}/simpleenroll",
    headers: dict[str, str] = PKCS10,
) -> Response:
    auth = (registered.device.id, token or registered.token) if registered else None
    answer: Any = town.https.post(path, content=body, headers=headers, auth=auth)
    return answer  # type: ignore[no-any-return]


def enrolled(town: Town) -> tuple[Registered, Any, x509.Certificate]:
    registered, key = town.city.register(), new_key()
    answer = enrol(town, registered, base64.b64encode(csr(key, registered.device.id)))
    assert answer.status_code == 200, answer.text
    (certificate,) = certificates_in(answer.content)
    return registered, key, certificate


def says_why(answer: Response, status: int, where: str) -> None:
    """§4.2.3: text/plain, for a person to read: what, where, what next."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"Where: {where}\n" in answer.text
    assert "Next step: " in answer.text


@pytest.mark.rfc("7030", "4.1")
@pytest.mark.parametrize("label", ["", "/devices"])
def test_anybody_gets_the_authorities_as_certs_only_pkcs7(town: Town, label: str) -> None:
    answer = town.https.get(f"{EST}{label}/cacerts")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert b"\n" not in answer.content, "strongSwan fails on wrapped lines"
    found = {c.subject.rfc4514_string() for c in certificates_in(answer.content)}
    assert len(found) == 5, "a root, and who issues to devices, services, people and makers"


@pytest.mark.rfc("7030", "4.2")
def test_a_token_and_a_request_become_a_certificate(town: Town) -> None:
    registered, key, certificate = enrolled(town)
    assert certificate.public_key() == key.public_key()
    assert town.city.devices.authenticate(certificate, town.city.now).id == registered.device.id


@pytest.mark.rfc("7030", "4.2.3")
def test_the_answer_is_certs_only_with_exactly_the_certificate(town: Town) -> None:
    registered = town.city.register()
    answer = enrol(town, registered, csr(new_key(), registered.device.id))
    assert answer.headers["content-type"] == "application/pkcs7-mime; smime-type=certs-only"
    assert len(certificates_in(answer.content)) == 1


@pytest.mark.rfc("7030", "3.2.2")
def test_an_unknown_label_is_not_found(town: Town) -> None:
    says_why(town.https.get(f"{EST}/parking/cacerts"), 404, "label")


@pytest.mark.rfc("7030", "3.3")
@pytest.mark.parametrize("operation", ["cacerts", "csrattrs", "simpleenroll", "simplereenroll"])
def test_est_over_plain_http_is_refused_on_loopback_too(town: Town, operation: str) -> None:
    method = "GET" if operation in ("cacerts", "csrattrs") else "POST"
    says_why(town.http.request(method, f"{EST}/{operation}"), 403, "connection")


@pytest.mark.rfc("7030", "3.2.3")
def test_without_credentials_the_server_asks_for_basic(town: Town) -> None:
    answer = enrol(town, None, csr(new_key(), None))
    says_why(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"] == 'Basic realm="est", charset="UTF-8"'


@pytest.mark.rfc("7030", "3.2.3")
@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ???",
        "Bearer abc",
        "Basic " + "A" * 2000,
        "Basic /////w==",
        "Basic ZGV2AAE6eA==",
    ],
)
def test_a_malformed_authorization_is_401(town: Town, header: str) -> None:
    answer = enrol(town, None, csr(new_key(), None), headers={**PKCS10, "Authorization": header})
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


def test_a_wrong_token_and_an_unknown_device_get_the_same_answer(town: Town) -> None:
    registered = town.city.register()
    wrong = enrol(town, registered, csr(new_key(), registered.device.id), token="wrong")
    unknown = town.https.post(
        f"{EST}/simpleenroll", content=csr(new_key(), None), headers=PKCS10, auth=("dev_x", "wrong")
    )
    says_why(wrong, 401, "token_unknown")
    assert wrong.text == unknown.text


def test_a_token_of_another_device_is_refused(town: Town) -> None:
    mine, other = town.city.register(), town.city.register()
    says_why(enrol(town, mine, csr(new_key(), None), token=other.token), 401, "token_unknown")
    assert enrol(town, other, csr(new_key(), None)).status_code == 200


@pytest.mark.row("failures", "16")
def test_a_used_token_is_refused_for_another_key_and_repeats_for_the_same(town: Town) -> None:
    registered, key = town.city.register(), new_key()
    body = csr(key, registered.device.id)
    first, again = enrol(town, registered, body), enrol(town, registered, body)
    assert certificates_in(first.content) == certificates_in(again.content)
    says_why(enrol(town, registered, csr(new_key(), registered.device.id)), 403, "token_used")


@pytest.mark.rfc("7030", "4.2.1")
def test_another_content_type_is_415(town: Town) -> None:
    registered = town.city.register()
    answer = enrol(town, registered, csr(new_key(), None), headers={"Content-Type": "text/plain"})
    says_why(answer, 415, "Content-Type")


@pytest.mark.rfc("7030", "4.2.3")
@pytest.mark.row("failures", "17")
@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "request"),
        (b"not base64!", "request"),
        (csr(new_key(), "dev_other"), "subject.CN"),
        (csr(new_key(), None, (x509.BasicConstraints(True, None), True)), "basicConstraints"),
    ],
)
@pytest.mark.row("devices", "5.12")
def test_a_bad_request_is_400_and_names_the_field(town: Town, body: bytes, where: str) -> None:
    says_why(enrol(town, town.city.register(), body), 400, where)


def test_an_oversized_request_is_413(town: Town) -> None:
    says_why(enrol(town, town.city.register(), b"A" * 20_000), 413, "request")
    huge = enrol(town, town.city.register(), b"A" * 2_000_000)
    assert huge.status_code == 413


@pytest.mark.rfc("7030", "4.2.2")
def test_the_present_certificate_renews_itself_with_a_new_key(town: Town) -> None:
    registered, _, old = enrolled(town)
    town.peer.certificate = old
    key = new_key()
    answer = enrol(town, None, csr(key, registered.device.id), path=f"{EST}/devices/simplereenroll")
    assert answer.status_code == 200, answer.text
    (new,) = certificates_in(answer.content)
    assert new.public_key() == key.public_key()
    assert new.serial_number != old.serial_number
    assert town.city.devices.authenticate(old, town.city.now)


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_for_another_subject_is_refused(town: Town) -> None:
    _, key, old = enrolled(town)
    town.peer.certificate = old
    for name in ("dev_other", None):
        answer = enrol(town, None, csr(key, name), path=f"{EST}/simplereenroll")
        says_why(answer, 400, "subject")


@pytest.mark.rfc("7030", "4.2.2")
def test_a_renewal_without_a_certificate_is_401(town: Town) -> None:
    registered = town.city.register()
    answer = enrol(
        town, registered, csr(new_key(), registered.device.id), path=f"{EST}/simplereenroll"
    )
    says_why(answer, 401, "certificate_missing")


def test_a_suspended_device_cannot_renew_and_reads_why(town: Town) -> None:
    registered, key, old = enrolled(town)
    town.city.life.suspend(registered.device.id, OPERATOR, "noise", town.city.now)
    town.peer.certificate = old
    answer = enrol(town, None, csr(key, registered.device.id), path=f"{EST}/simplereenroll")
    says_why(answer, 403, "suspended")


def test_a_foreign_certificate_is_401_with_its_reason(town: Town) -> None:
    made = town.city.authority.issue_server_certificate(["localhost"])
    town.peer.certificate = x509.load_pem_x509_certificate(made.chain_pem)
    answer = enrol(town, None, csr(new_key(), None), path=f"{EST}/simplereenroll")
    says_why(answer, 401, "foreign_issuer")


def _of_a_maker(device_id: str, ends: timedelta) -> x509.Certificate:
    """A certificate in the device's name that this city did not issue."""
    key, maker = new_key(), new_key()
    now = START
    return (
        x509.CertificateBuilder(
            x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker")]),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device_id)]),
            key.public_key(),
            4711,
            now - timedelta(days=900),
            now + ends,
        )
    ).sign(maker, SHA256())


@pytest.mark.rfc("7030", "3.3.2")
@pytest.mark.parametrize("kind", ["expired", "revoked", "foreign", "foreign and expired"])
def test_beside_a_token_a_certificate_that_is_not_good_is_as_none(
    town: Town, clock: FrozenClock, kind: str
) -> None:
    if kind in ("expired", "revoked"):
        registered, _, certificate = enrolled(town)
        town.peer.certificate = certificate
        if kind == "expired":
            clock.advance(timedelta(days=400))
        else:
            serial = f"{certificate.serial_number:x}"
            with town.city.runtime.database.write() as uow:
                town.city.authority.revoke(uow, serial, "superseded", town.city.now)
        refused = enrol(
            town, None, csr(new_key(), registered.device.id), path=f"{EST}/simplereenroll"
        )
        says_why(refused, 401, kind)
    else:
        ends = timedelta(days=-1 if kind.endswith("expired") else 1)
        town.peer.certificate = _of_a_maker("maker's name", ends)
    other = town.city.register()
    assert town.https.get(f"{EST}/cacerts").status_code == 200
    assert town.https.get(f"{EST}/csrattrs").status_code == 200
    assert enrol(town, other, csr(new_key(), other.device.id)).status_code == 200


@pytest.mark.rfc("8705", "2.1")
def test_who_writes_a_certificate_in_a_devices_name_is_not_the_device(town: Town) -> None:
    registered, _, _ = enrolled(town)
    forged = _of_a_maker(registered.device.id, timedelta(days=1))
    with pytest.raises(DeviceRefused) as refused:
        town.city.devices.authenticate(forged, town.city.now)
    assert refused.value.reason == "foreign_issuer"
    town.peer.certificate = forged
    for operation in ("simpleenroll", "simplereenroll"):
        answer = enrol(town, None, csr(new_key(), registered.device.id), path=f"{EST}/{operation}")
        says_why(answer, 401, "foreign_issuer")


@pytest.mark.rfc("7030", "4.5")
def test_csr_attributes_are_der_in_base64(town: Town) -> None:
    answer = town.https.get(f"{EST}/csrattrs")
    assert answer.headers["content-type"] == "application/csrattrs"
    der = base64.b64decode(answer.content, validate=True)
    assert der[0] == 0x30
    assert der[1] == len(der) - 2


@pytest.mark.rfc("7030", "4.3")
@pytest.mark.rfc("7030", "4.4")
@pytest.mark.parametrize("operation", ["fullcmc", "serverkeygen"])
def test_what_is_not_offered_says_so(town: Town, operation: str) -> None:
    says_why(town.https.post(f"{EST}/devices/{operation}", content=b""), 404, operation)


def test_get_where_post_belongs_is_405(town: Town) -> None:
    assert town.https.get(f"{EST}/simpleenroll").status_code == 405


@pytest.mark.row("devices", "5.10")
def test_a_burst_of_failures_is_429_and_the_right_token_still_works(town: Town) -> None:
    registered = town.city.register()
    body = csr(new_key(), registered.device.id)
    answers = [enrol(town, registered, body, token="wrong") for _ in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert enrol(town, registered, body).status_code == 200


def test_the_lists_and_anchors_are_public(town: Town) -> None:
    pem = town.http.get("/pki/ca.pem")
    assert pem.content == town.city.authority.trust_anchors()
    for name in ("", "/devices", "/root", "/services"):
        answer = town.http.get(f"/pki/crl{name}")
        assert answer.headers["content-type"] == "application/pkix-crl"
        x509.load_der_x509_crl(answer.content)
    assert town.http.get("/pki/crl/nobody").status_code == 404
