"""NSS, GnuTLS, Mbed TLS and wolfSSL verify what a running deployment issues, lists and answers.

| | chain | list | OCSP |
|---|---|---|---|
| NSS | vfychain | crlutil, certutil | vfychain, at the address in the certificate |
| GnuTLS | certtool | certtool | ocsptool |
| Mbed TLS 2.28 | `c/verify_mbedtls.c` | the same | it has none |
| wolfSSL | `c/verify_wolfssl.c` | the same | the same, at the address in the certificate |

NSS and Mbed TLS are given the whole list of an authority: they know no list of a part. Mbed TLS
refuses one as it must (RFC 5280 §5.2: its IssuingDistributionPoint is critical); wolfSSL takes one,
without looking at which part it is of.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.clock import SystemClock
from tests.support.devices import new_key
from tests.support.publishing import Publishing, publishing_in
from tests.support.status import issue, issuer_of, place_of, revoke

C = Path(__file__).parent / "c"
LISTS = ("root.crl", "devices.crl")


@dataclass
class Verifying:
    """A deployment that listens, with two certificates of one authority: one of them is revoked."""

    at: Publishing
    good: x509.Certificate
    bad: x509.Certificate

    def nss(self, name: str, root: str, *how: str) -> tuple[bool, str]:
        """By NSS in a store of its own, where the root is trusted, and where lists are taken in."""
        store = f"sql:{name}-{root}-{len(how)}"
        (self.at.folder / store.removeprefix("sql:")).mkdir()
        self.at.run("certutil", "-N", "-d", store, "--empty-password")
        self.at.run("certutil", "-A", "-d", store, "-n", "root", "-t", "CT,C,C", "-a", "-i", root)
        if how != LISTS:
            return self.said(
                "vfychain", "-pp", "-d", store, "-u", "0", *how, "-a", f"{name}.pem", "issuer.pem"
            )
        for one in ("issuer", name):
            self.at.run("certutil", "-A", "-d", store, "-n", one, "-t", ",,", "-a",
                        "-i", f"{one}.pem")  # fmt: skip
        for file in LISTS:
            self.at.run("crlutil", "-I", "-d", store, "-i", file)
        return self.said("certutil", "-V", "-d", store, "-n", name, "-u", "C")

    def gnutls(self, name: str, root: str, *lists: str) -> tuple[bool, str]:
        # certtool wants all lists in one file.
        more = ("--load-crl", self.at.as_pem(*lists)) if lists else ()
        verified, said = self.said(
            "certtool", "--verify", "--verify-profile", "low", "--load-ca-certificate", root, *more,
            "--infile", f"{name}-chain.pem",
        )  # fmt: skip
        return verified and "Chain verification output: Verified" in said, said

    def mbedtls(self, name: str, root: str, *lists: str) -> tuple[bool, str]:
        return self.said("./verify_mbedtls", root, f"{name}-chain.pem", *lists)

    def wolfssl(self, name: str, root: str, *how: str) -> tuple[bool, str]:
        return self.said("./verify_wolfssl", root, "issuer.pem", f"{name}.der", *how)

    def said(self, *command: str) -> tuple[bool, str]:
        done = subprocess.run(
            command, cwd=self.at.folder, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verifying]:
    with publishing_in(tmp_path_factory.mktemp("verifiers")) as at:
        city = at.town.city
        good, bad = issue(city, "good"), issue(city, "bad")
        issuer = issuer_of(city, good)
        root = city.authority.hierarchy.by_kid(issuer.issuer_kid)
        assert root is not None
        assert revoke(city, bad, "keyCompromise")
        at.write("root.pem", root.certificate)
        at.write("issuer.pem", issuer.certificate)
        at.write("foreign.pem", _foreign(root.certificate.subject))
        for name, certificate in (("good", good), ("bad", bad)):
            at.write(f"{name}.pem", certificate)
            at.write(f"{name}-chain.pem", certificate, issuer.certificate)
            (at.folder / f"{name}.der").write_bytes(certificate.public_bytes(Encoding.DER))
        for file in LISTS:
            at.fetch(f"/pki/crl/{file.removesuffix('.crl')}", file)
        at.fetch(place_of(good), "part.crl")
        for name, libraries in (
            ("mbedtls", ["-lmbedx509", "-lmbedcrypto"]),
            ("wolfssl", ["-lwolfssl"]),
        ):
            program = f"verify_{name}"
            at.run("gcc", "-Wall", "-o", program, str(C / f"{program}.c"), *libraries)
        yield Verifying(at, good, bad)


def _foreign(name: x509.Name) -> x509.Certificate:
    """A root of somebody else, under the name of ours."""
    key, now = new_key(), SystemClock().now()
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
    )
    return builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, SHA256())


VERIFIERS = pytest.mark.parametrize("by", ["nss", "gnutls", "mbedtls", "wolfssl"])
# How NSS is told that nothing counts but a fresh answer.
NSS_BY_OCSP = ("-g", "leaf", "-h", "requireFreshInfo", "-m", "ocsp", "-s", "failIfNoInfo")


@VERIFIERS
@pytest.mark.rfc("5280", "6.1")
def test_others_verify_the_chain_and_take_no_other_root_of_its_name(
    deployed: Verifying, by: str
) -> None:
    verified, said = getattr(deployed, by)("good", "root.pem")
    assert verified, said
    verified, said = getattr(deployed, by)("good", "foreign.pem")
    assert not verified, said


@VERIFIERS
@pytest.mark.rfc("5280", "6.3")
def test_others_read_the_lists_and_see_who_is_revoked(deployed: Verifying, by: str) -> None:
    verified, said = getattr(deployed, by)("good", "root.pem", *LISTS)
    assert verified, said
    verified, said = getattr(deployed, by)("bad", "root.pem", *LISTS)
    assert not verified, said
    assert "revoked" in said, said


@pytest.mark.rfc("6960", "3.2")
@pytest.mark.parametrize(("by", "how"), [("nss", NSS_BY_OCSP), ("wolfssl", ("ocsp",))])
def test_others_ask_at_the_address_in_the_certificate_and_believe_the_answer(
    deployed: Verifying, by: str, how: tuple[str, ...]
) -> None:
    verified, said = getattr(deployed, by)("good", "root.pem", *how)
    assert verified, said
    verified, said = getattr(deployed, by)("bad", "root.pem", *how)
    assert not verified, said
    assert "revoked" in said, said


@pytest.mark.rfc("6960", "3.2")
def test_gnutls_asks_the_responder_and_believes_the_answer(deployed: Verifying) -> None:
    for name, status in (("good", "good"), ("bad", "revoked")):
        _, said = deployed.said(
            "ocsptool", f"--ask={deployed.at.url}/pki/ocsp", "--load-cert", f"{name}.pem",
            "--load-issuer", "issuer.pem", "--load-trust", "issuer.pem", "--nonce",
        )  # fmt: skip
        assert f"Certificate Status: {status}" in said, said
        assert "Verifying OCSP Response: Success" in said, said


@pytest.mark.rfc("5280", "5.2")
def test_mbedtls_knows_no_lists_of_parts_and_says_so(deployed: Verifying) -> None:
    verified, said = deployed.mbedtls("good", "root.pem", "root.crl", "part.crl")
    assert not verified
    assert said.startswith("unread: part.crl"), said
