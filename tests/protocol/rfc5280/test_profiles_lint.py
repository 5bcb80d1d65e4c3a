"""What we issue, in the eyes of pkilint and of other verifiers: every profile, every algorithm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import loader
from pkilint.pkix import certificate as linting
from pkilint.pkix import extension, name
from pkilint.validation import ValidationFindingSeverity
from sqlalchemy import select

from foundation import algorithms
from foundation.clock import FrozenClock
from pki import Admission, PkiSettings
from pki.profiles.profile import ML_DSA_KINDS, Profile
from pki.requests.request import parse
from pki.tables import certificates
from tests.support import deployments
from tests.support.devices import City, found_city

pytestmark = pytest.mark.rfc("5280", "4")

CLASSICAL = ("ES256", "ES384", "EdDSA", "RS256")
KEYS = {
    "EC-secp256r1": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC-secp384r1": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EC-secp521r1": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "RSA": lambda: rsa.generate_private_key(65537, 3072),
    **{kind: (lambda kind=kind: algorithms.generate(kind)) for kind in ML_DSA_KINDS},
}
URN = re.compile(r"urn:[a-z0-9][a-z0-9-]{0,31}:[a-zA-Z0-9()+,\-.:=@;$_!*'%/?#]+")
SERIOUS = (
    ValidationFindingSeverity.WARNING,
    ValidationFindingSeverity.ERROR,
    ValidationFindingSeverity.FATAL,
)
LINTER = linting.create_pkix_certificate_validator_container(
    linting.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        linting.create_issuer_validator_container([]),
        linting.create_validity_validator_container(),
        linting.create_subject_validator_container([]),
        linting.create_extensions_validator_container([]),
        linting.create_spki_validator_container([]),
    ],
)


def findings(der: bytes) -> list[str]:
    """What pkilint has to say, from WARNING up."""
    document = loader.load_certificate(der, "certificate")
    return [
        f"{found.finding.code} at {result.node.path}: {found.message}"
        for result in LINTER.validate(document.root)
        for found in result.finding_descriptions
        if found.finding.severity in SERIOUS and not _of_a_urn(found)
    ]


def _of_a_urn(found: Any) -> bool:
    """pkilint 0.13 takes an absolute URI without a host for no URI; RFC 8141 and RFC 9039 write
    such, and §4.2.1.6 asks for a host only where the scheme has one."""
    said = str(found.message).partition('"')[2].rstrip('"')
    return found.finding.code == "pkix.invalid_uri_syntax" and bool(URN.fullmatch(said))


class Anybody:
    """A registrar that minds nothing."""

    def bind(self, *_: object) -> None: ...

    def give_back(self, *_: object) -> None: ...

    def issued(self, *_: object) -> None: ...


def city_of(folder: Path, clock: FrozenClock, **pki: Any) -> Iterator[City]:
    runtime = deployments.build_runtime(deployments.settings_in(folder, PkiSettings(**pki)), clock)
    yield found_city(runtime)
    runtime.close()


@pytest.fixture(params=CLASSICAL)
def city(request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock) -> Iterator[City]:
    yield from city_of(tmp_path, clock, url="http://pki.example.city", key_algorithm=request.param)


def one_of_each(city: City) -> dict[tuple[str, str], bytes]:
    """A certificate for every profile and every kind of key that it admits, by real issuance."""
    made = {}
    for profile in city.authority.profiles.values():
        if profile.name == "server":
            pem = city.authority.issue_server_certificate(["id.example.city", "192.0.2.7"])
            made["server", "?"] = x509.load_pem_x509_certificate(pem.chain_pem).public_bytes(
                Encoding.DER
            )
        elif profile.issuer in city.authority.hierarchy.plan:
            for kind in sorted(profile.keys):
                made[profile.name, kind] = issued(city, profile, kind)
    return made


def issued(city: City, profile: Profile, kind: str) -> bytes:
    label = f"{profile.name}-{kind}"
    key: Any = KEYS[kind]()
    hashed = hashes.SHA256() if kind.startswith(("EC", "RSA")) else None
    body = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    names = ("urn:dev:mac:0024befffe804ff1",) if "URI" in profile.names else ()
    admission = Admission(
        f"test:{label}", label, profile.name, label, names=tuple(f"URI:{n}" for n in names)
    )
    request = parse(body.sign(key, hashed).public_bytes(Encoding.DER))
    return city.authority.issuance.issue(admission, request, Anybody(), city.now).der


def on_record(city: City) -> dict[str, bytes]:
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates.c.serial, certificates.c.profile,
                              certificates.c.certificate))  # fmt: skip
    return {f"{row.profile} {row.serial}": row.certificate for row in rows}


@pytest.mark.slow
def test_pkilint_finds_nothing_in_any_profile_under_any_algorithm(city: City) -> None:
    made = one_of_each(city)
    recorded = on_record(city)
    assert set(made.values()) <= set(recorded.values())
    assert {name.split()[0] for name in recorded} == set(city.authority.profiles)
    said = {name: findings(der) for name, der in recorded.items()}
    assert {name: found for name, found in said.items() if found} == {}


def test_pkilint_finds_nothing_where_the_city_is_on_this_machine(
    tmp_path: Path, clock: FrozenClock
) -> None:
    for city in city_of(tmp_path, clock):
        city.enrolled()
        said = {name: findings(der) for name, der in on_record(city).items()}
        assert {name: found for name, found in said.items() if found} == {}


def test_the_linter_says_something_of_a_bad_certificate(city: City) -> None:
    """That nothing is found elsewhere proves something."""
    certificate = city.authority.hierarchy.roots()[0].certificate
    root, serial = certificate.public_bytes(Encoding.DER), certificate.serial_number
    assert findings(root) == []
    # One serial in 128 is a byte shorter than the others.
    at = root.index(serial.to_bytes(serial.bit_length() // 8 + 1))
    assert findings(root[:at] + b"\x80" + root[at + 1 :])
