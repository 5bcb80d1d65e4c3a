"""Certificates whose status tests ask for, and OCSP requests."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from foundation.runtime import Runtime
from pki import Admission, CertificateRequest
from pki.hierarchy.hierarchy import Authority
from pki.requests.request import parse
from pki.x509.certificate import IssuedCertificate
from tests.support.devices import City, Town, csr, new_key

DER = Encoding.DER
OCSP = {"Content-Type": "application/ocsp-request"}


class Anybody:
    """A registrar that minds nothing."""

    def bind(self, *_: object) -> None: ...

    def give_back(self, *_: object) -> None: ...

    def issued(self, *_: object) -> None: ...


def issue(
    city: City, name: str, profile: str = "device", holder: str | None = None
) -> x509.Certificate:
    """A certificate without a device behind it; the key is thrown away."""
    return x509.load_der_x509_certificate(issued(city, name, profile, holder).der)


def beside(
    city: City, neighbour: x509.Certificate, name: str, profile: str = "device"
) -> x509.Certificate:
    """Another certificate of the same authority that is told of in the same list."""
    for attempt in range(1_000):
        certificate = issue(city, f"{name}-{attempt}", profile)
        if place_of(certificate) == place_of(neighbour):
            return certificate
    raise AssertionError("no certificate came into the same partition")


def issued(
    city: City, name: str, profile: str = "device", holder: str | None = None
) -> IssuedCertificate:
    key: Any = mldsa.MLDSA44PrivateKey.generate() if "mldsa" in profile else new_key()
    return city.authority.issuance.issue(
        Admission(f"test:{name}", holder or name, profile, name),
        request_for(key, name),
        Anybody(),
        city.now,
    )


def request_for(key: Any, name: str) -> CertificateRequest:
    if isinstance(key, mldsa.MLDSA44PrivateKey):
        named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        draft = x509.CertificateSigningRequestBuilder().subject_name(named)
        return parse(draft.sign(key, None).public_bytes(DER))
    return parse(csr(key, name))


def serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"


def revoke(city: City, certificate: x509.Certificate, reason: str = "superseded") -> bool:
    with city.runtime.database.write() as uow:
        return city.authority.revoke(uow, serial(certificate), reason, city.now)


def release(city: City, certificate: x509.Certificate) -> bool:
    with city.runtime.database.write() as uow:
        return city.authority.release(uow, serial(certificate), city.now)


def issuer_of(city: City, certificate: x509.Certificate) -> Authority:
    for authority in city.authority.hierarchy.all():
        if authority.certificate.subject == certificate.issuer:
            return authority
    raise AssertionError("not ours")


def place_of(certificate: x509.Certificate) -> str:
    """The path of the list that the certificate names."""
    points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    address = points[0].full_name[0].value
    assert isinstance(address, str)
    return "/" + address.split("/", 3)[3]


def fetch_list(town: Town, path: str) -> x509.CertificateRevocationList:
    answer = town.http.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pkix-crl"
    return x509.load_der_x509_crl(answer.content)


def asking(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    hash_used: Any = None,
    nonce: bytes | None = None,
) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate, issuer, hash_used or hashes.SHA1()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(DER)


def post(town: Town, body: bytes) -> ocsp.OCSPResponse:
    answer = town.http.post("/pki/ocsp", content=body, headers=OCSP)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/ocsp-response"
    return ocsp.load_der_ocsp_response(answer.content)


def get(town: Town, body: bytes, **headers: str) -> Any:
    text = quote(base64.b64encode(body).decode(), safe="")
    return town.http.get(f"/pki/ocsp/{text}", headers=headers)


def about(town: Town, certificate: x509.Certificate, **more: Any) -> ocsp.OCSPResponse:
    """The answer about a certificate of ours."""
    issuer = issuer_of(town.city, certificate)
    return post(town, asking(certificate, issuer.certificate, **more))


def another_process(runtime: Runtime) -> City:
    from tests.support.devices import same_city

    return same_city(runtime)
