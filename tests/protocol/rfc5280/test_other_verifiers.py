"""Our chains before other people's verifiers: OpenSSL and GnuTLS, which knows no time but now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select

from foundation.clock import FrozenClock, SystemClock
from pki import Admission, PkiSettings
from pki.requests.request import parse
from pki.tables import certificates
from tests.support import deployments
from tests.support.devices import City, csr, found_city, new_key
from tests.support.status import Anybody

pytestmark = pytest.mark.rfc("5280", "6.1")


@pytest.fixture(params=["ES256", "ES384", "EdDSA", "RS256"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    pki = PkiSettings(url="http://pki.example.city", key_algorithm=request.param)
    clock = FrozenClock(SystemClock().now())
    runtime = deployments.build_runtime(deployments.settings_in(tmp_path, pki), clock)
    yield found_city(runtime)
    runtime.close()


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(Encoding.PEM) for c in chain)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def openssl(folder: Path, anchor: bytes, between: bytes, leaf: bytes) -> str:
    for name, content in (("a.pem", anchor), ("b.pem", between), ("l.pem", leaf)):
        (folder / name).write_bytes(content)
    return run(
        folder, "openssl", "verify", "-x509_strict", "-check_ss_sig",
        "-CAfile", "a.pem", "-untrusted", "b.pem", "l.pem",
    )  # fmt: skip


def gnutls(folder: Path, anchor: bytes, between: bytes, leaf: bytes) -> str:
    (folder / "a.pem").write_bytes(anchor)
    (folder / "chain.pem").write_bytes(leaf + between)
    return run(
        folder, "certtool", "--verify", "--verify-profile", "medium",
        "--load-ca-certificate", "a.pem",
        "--infile", "chain.pem",
    )  # fmt: skip


def chains(city: City) -> Iterator[tuple[str, x509.Certificate, x509.Certificate]]:
    """Each classical end entity on record, with its authority."""
    for profile in ("device", "device-short", "idevid", "citizen-authentication",
                    "citizen-signature"):  # fmt: skip
        city.authority.issuance.issue(
            Admission(f"test:{profile}", profile, profile, profile),
            parse(csr(new_key(), None)), Anybody(), city.now,
        )  # fmt: skip
    city.authority.issue_server_certificate(["id.example.city"])
    with city.runtime.database.read() as uow:
        rows = uow.all(select(certificates))
    for row in rows:
        issuer = city.authority.hierarchy.by_kid(row.authority_kid)
        assert issuer is not None
        if not issuer.is_root and not issuer.name.endswith("mldsa"):
            certificate = x509.load_der_x509_certificate(row.certificate)
            yield row.profile, certificate, issuer.certificate


def test_openssl_and_gnutls_accept_every_classical_chain(city: City, tmp_path: Path) -> None:
    anchor = pem(city.authority.hierarchy.named("root")[0].certificate)
    seen = set()
    for profile, leaf, issuer in chains(city):
        seen.add(profile)
        said = openssl(tmp_path, anchor, pem(issuer), pem(leaf))
        assert said == "l.pem: OK\n", f"{profile}: {said}"
        said = gnutls(tmp_path, anchor, pem(issuer), pem(leaf))
        assert "Chain verification output: Verified. The certificate is trusted." in said, said
    assert seen >= {"device", "device-short", "idevid", "citizen-authentication",
                    "citizen-signature", "server", "ocsp"}  # fmt: skip
