"""The seal of an organisation, by the API of the Cloud Signature Consortium — CSC API 2.x §11."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from foundation.clock import FrozenClock
from tests.support.sealing import with_seal
from tests.support.signing import DOCUMENT, Service, SigningCity, sha256

SEAL = {"credentialID": "seal"}
HASHES = {"hashes": [sha256(DOCUMENT)], "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1"}
SIGN = {**SEAL, **HASHES, "signAlgo": "1.2.840.10045.4.3.2"}


@pytest.fixture
def service(city: SigningCity) -> Service:
    with_seal(city, city.service.id, "Registry Office")
    return city.service


def activation(service: Service, **changed: Any) -> str:
    wanted = {**SEAL, **HASHES, "numSignatures": 1, **changed}
    answer = service.post("/csc/v2/credentials/authorize", wanted)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["SAD"])


def test_a_service_seals_with_its_organisations_key(city: SigningCity, service: Service) -> None:
    assert service.post("/csc/v2/credentials/list", {}).json() == {"credentialIDs": ["seal"]}
    told = service.post("/csc/v2/credentials/info", {**SEAL, "certificates": "chain"}).json()
    own, *_ = (
        x509.load_der_x509_certificate(base64.b64decode(one))
        for one in told["cert"]["certificates"]
    )
    assert own.subject.rfc4514_string() == "CN=Registry Office"
    answer = service.post("/csc/v2/signatures/signHash", {**SIGN, "SAD": activation(service)})
    (signature,) = answer.json()["signatures"]
    key = own.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(signature), DOCUMENT, ec.ECDSA(SHA256()))


@pytest.mark.row("failures", "10")
def test_nothing_but_what_was_authorised_is_sealed(
    city: SigningCity, service: Service, clock: FrozenClock
) -> None:
    sad = activation(service)
    other = activation(service, hashes=[sha256(b"another")])
    until, _, proof = sad.partition(".")
    for wrong in (other, "", "x", f"{int(until) + 9}.{proof}", f"{until}.{proof[:-1]}", f"9²{sad}"):
        refused = service.post("/csc/v2/signatures/signHash", {**SIGN, "SAD": wrong})
        assert refused.status_code == 400, wrong
    more = {**SIGN, "hashes": HASHES["hashes"] * 2, "SAD": sad}
    assert service.post("/csc/v2/signatures/signHash", more).json()["error"] == "invalid_sad"
    short = {**SIGN, "hashes": ["AAAA"], "SAD": activation(service, hashes=["AAAA"])}
    assert service.post("/csc/v2/signatures/signHash", short).json()["error"] == "invalid_request"
    clock.advance(timedelta(minutes=5))
    late = service.post("/csc/v2/signatures/signHash", {**SIGN, "SAD": sad})
    assert late.json()["error"] == "invalid_sad"


def test_a_seal_is_for_whom_the_operator_gave_it(city: SigningCity, service: Service) -> None:
    other = city.client("Other")
    assert other.post("/csc/v2/credentials/list", {}).json() == {"credentialIDs": []}
    for path, body in (
        ("credentials/info", SEAL),
        ("credentials/authorize", {**SEAL, **HASHES, "numSignatures": 1}),
        ("signatures/signHash", {**SIGN, "SAD": activation(service)}),
    ):
        assert other.post(f"/csc/v2/{path}", body).status_code == 400, path
    without = city.client("Without", scope="openid")
    assert without.http.post("/csc/v2/credentials/info", json=SEAL).status_code == 401
