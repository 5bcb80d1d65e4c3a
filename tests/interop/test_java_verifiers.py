"""Java's own PKIX validator, and Bouncy Castle: chains and lists before other people's code.

Bouncy Castle comes by Maven, once; nothing of it is kept in the repository. Java's own validator
(17) knows no ML-DSA, and falls over an authority that excludes every DNS name: for these, the
other one speaks.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation import algorithms
from foundation.clock import FrozenClock, SystemClock
from pki import Admission, PkiSettings
from pki.hierarchy.hierarchy import Authority
from pki.issuing import drafting
from pki.requests.request import parse
from pki.status.lists import COMPLETE
from pki.x509.public_key import info_of
from tests.support import deployments
from tests.support.devices import City, csr, found_city, new_key
from tests.support.status import Anybody, revoke

pytestmark = [pytest.mark.slow, pytest.mark.rfc("5280", "6.1")]

PROGRAM = str(Path(__file__).parent / "java" / "Verify.java")


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    pki = PkiSettings(url="http://pki.example.city")
    runtime = deployments.build_runtime(
        deployments.settings_in(tmp_path, pki), FrozenClock(SystemClock().now())
    )
    yield found_city(runtime)
    runtime.close()


def verified(provider: str, jars: str, folder: Path, *files: tuple[str, bytes]) -> str:
    for name, der in files:
        (folder / name).write_bytes(der)
    names = [name for name, _ in files]
    done = subprocess.run(
        ["java", "-cp", jars, PROGRAM, provider, *names],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def issued(city: City, profile: str) -> x509.Certificate:
    if profile.endswith("mldsa"):
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        body = request.sign(algorithms.generate("ML-DSA-44"), None).public_bytes(Encoding.DER)
    elif profile == "server":
        made = city.authority.issue_server_certificate(["id.example.city"])
        return x509.load_pem_x509_certificate(made.chain_pem)
    else:
        body = csr(new_key(), None)
    admission = Admission(f"test:{profile}", profile, profile, profile)
    leave = city.authority.issuance.issue(admission, parse(body), Anybody(), city.now)
    return x509.load_der_x509_certificate(leave.der)


def files(city: City, leaf: x509.Certificate, name: str) -> list[tuple[str, bytes]]:
    """Root, leaf, authority, and the list that would name each of the latter."""
    (issuer,) = city.authority.hierarchy.named(name)
    root = city.authority.hierarchy.by_kid(issuer.issuer_kid)
    assert root is not None
    return [
        ("root.cer", der(root.certificate)),
        ("leaf.cer", der(leaf)),
        ("issuer.cer", der(issuer.certificate)),
        ("root.crl", told(city, root, issuer.certificate)),
        ("issuer.crl", told(city, issuer, leaf)),
    ]


def told(city: City, authority: Authority, certificate: x509.Certificate) -> bytes:
    partition = certificate.serial_number % authority.partitions
    return city.authority.lists.part(authority.slug, partition, COMPLETE, city.now).der


@pytest.mark.parametrize(
    ("provider", "profile", "name"),
    [
        ("SUN", "server", "services"),
        ("SUN", "device", "devices"),
        ("BC", "device", "devices"),
        ("BC", "citizen-signature", "people"),
        ("BC", "device-mldsa", "devices-mldsa"),
    ],
)
def test_java_accepts_a_chain_with_its_lists_and_refuses_the_revoked(
    city: City, tmp_path: Path, bouncy_castle: str, provider: str, profile: str, name: str
) -> None:
    leaf = issued(city, profile)
    said = verified(provider, bouncy_castle, tmp_path, *files(city, leaf, name))
    assert said.startswith("valid"), said
    assert revoke(city, leaf)
    said = verified(provider, bouncy_castle, tmp_path, *files(city, leaf, name))
    assert said.startswith("refused"), said
    assert "revoked" in said.lower() or "revocation" in said.lower(), said


def test_bouncy_castle_refuses_an_address_that_the_authority_excludes(
    city: City, tmp_path: Path, bouncy_castle: str
) -> None:
    name, profile = "devices-mldsa", "device-mldsa"
    issuer, private_key = city.authority.hierarchy.signing(name)
    draft = drafting.Draft(
        serial=x509.random_serial_number(),
        profile=city.authority.profiles[profile],
        subject=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dev_x")]),
        public_key=info_of(new_key().public_key()),
        alternative_names=("IP:192.0.2.1",),
        not_before=city.now,
        not_after=city.now + timedelta(days=1),
    )
    leaf = drafting.sign(draft, issuer.certificate, private_key)
    chain = [one for one in files(city, leaf, name) if one[0].endswith(".cer")]
    said = verified("BC", bouncy_castle, tmp_path, *chain)
    assert said.startswith("refused"), said
