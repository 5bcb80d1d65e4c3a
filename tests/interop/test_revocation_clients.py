"""Lists and answers as others read them: OpenSSL, GnuTLS, pkilint — RFC 5280, RFC 6960."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.clock import SystemClock
from pki import PkiSettings
from tests.support import deployments
from tests.support.devices import Town, build_town, found_city
from tests.support.publishing import Publishing, publishing_in
from tests.support.status import asking, beside, issue, issuer_of, place_of, revoke, serial

PEM = Encoding.PEM


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Publishing]:
    with publishing_in(tmp_path) as found:
        yield found


def held(listening: Publishing, profile: str = "device") -> tuple[x509.Certificate, str, str]:
    """A certificate of ours, and the files of it and its issuer."""
    certificate = issue(listening.town.city, f"holder-{profile}", profile)
    issuer = issuer_of(listening.town.city, certificate).certificate
    return certificate, listening.write("c.pem", certificate), listening.write("i.pem", issuer)


# ── answers ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("6960", "A.1")
@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
@pytest.mark.parametrize("hash_used", ["-sha1", "-sha256"])
def test_openssl_asks_by_post_and_believes_the_answer(
    listening: Publishing, nonce: str, hash_used: str
) -> None:
    certificate, file, issuer = held(listening)
    ask = ("openssl", "ocsp", nonce, "-issuer", issuer, hash_used, "-cert", file,
           "-url", f"{listening.url}/pki/ocsp", "-CAfile", "ca.pem")  # fmt: skip
    said = listening.run(*ask)
    assert "Response verify OK" in said
    assert f"{file}: good" in said
    assert ("WARNING: no nonce" not in said) == (nonce == "-nonce") or nonce == "-no_nonce"
    revoke(listening.town.city, certificate, "keyCompromise")
    said = listening.run(*ask)
    assert "Response verify OK" in said
    assert f"{file}: revoked" in said
    assert "Reason: keyCompromise" in said


@pytest.mark.rfc("6960", "4.1.1")
def test_openssl_asks_about_several_at_once(listening: Publishing) -> None:
    _, file, issuer = held(listening)
    other = issue(listening.town.city, "other")
    revoke(listening.town.city, other)
    said = listening.run(
        "openssl", "ocsp", "-issuer", issuer, "-cert", file,
        "-cert", listening.write("o.pem", other), "-serial", "0x1234",
        "-url", f"{listening.url}/pki/ocsp", "-CAfile", "ca.pem",
    )  # fmt: skip
    assert "Response verify OK" in said
    for status in ("c.pem: good", "o.pem: revoked", "0x1234: unknown"):
        assert status in said, said


@pytest.mark.rfc("5019", "5")
def test_openssl_believes_an_answer_that_curl_fetched_by_get(listening: Publishing) -> None:
    certificate, file, issuer = held(listening)
    listening.run("openssl", "ocsp", "-no_nonce", "-issuer", issuer, "-cert", file,
                  "-reqout", "asked.der")  # fmt: skip
    text = base64.b64encode((listening.folder / "asked.der").read_bytes()).decode()
    for path in (text, quote(text, safe="")):
        listening.fetch(f"/pki/ocsp/{path}", "answer.der")
        said = listening.run(
            "openssl", "ocsp", "-respin", "answer.der", "-issuer", issuer, "-cert", file,
            "-CAfile", "ca.pem",
        )  # fmt: skip
        assert f"{file}: good" in said
    assert certificate.serial_number


@pytest.mark.rfc("6960", "4.2.2.2")
def test_gnutls_asks_and_believes_the_answer(listening: Publishing) -> None:
    certificate, file, issuer = held(listening)
    ask = ("ocsptool", f"--ask={listening.url}/pki/ocsp", "--load-cert", file,
           "--load-issuer", issuer, "--load-trust", "ca.pem", "--nonce")  # fmt: skip
    said = listening.run(*ask)
    assert "Certificate Status: good" in said, said
    assert "Success" in said, said
    revoke(listening.town.city, certificate)
    said = listening.run(*ask, ok=None)
    assert "Certificate Status: revoked" in said, said


# ── lists ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("5280", "6.3")
def test_openssl_verifies_by_the_list_of_the_partition_and_by_its_delta(
    listening: Publishing,
) -> None:
    certificate, file, _ = held(listening)
    city, path = listening.town.city, place_of(certificate)
    base = listening.fetch(path, "base.crl")
    verify = ("openssl", "verify", "-x509_strict", "-crl_check", "-extended_crl",
              "-CAfile", "ca.pem", "-CRLfile")  # fmt: skip
    assert f"{file}: OK" in listening.run(*verify, listening.as_pem(base), file)
    revoke(city, certificate)
    threading.Event().wait(1.1)  # a number is at least the second in which its list was made
    delta = listening.fetch(path.replace(".crl", "-delta.crl"), "delta.crl")
    both = listening.as_pem(base, delta)
    said = listening.run(*verify, both, "-use_deltas", file, ok=False)
    assert "certificate revoked" in said
    complete = listening.fetch(path, "complete.crl")
    assert "certificate revoked" in listening.run(
        *verify, listening.as_pem(complete), file, ok=False
    )
    other = beside(city, certificate, "other")
    assert ": OK" in listening.run(
        *verify, both, "-use_deltas", listening.write("other.pem", other)
    )


@pytest.mark.rfc("5280", "6.3.3")
def test_openssl_takes_no_other_partitions_list_for_a_certificates_own(
    listening: Publishing,
) -> None:
    certificate, file, _ = held(listening)
    own = int(place_of(certificate).rpartition("/")[2].removesuffix(".crl"))
    foreign = listening.fetch(f"/pki/crl/devices-1/{(own + 1) % 32}.crl", "foreign.crl")
    said = listening.run(
        "openssl", "verify", "-crl_check", "-extended_crl", "-CAfile", "ca.pem",
        "-CRLfile", listening.as_pem(foreign), file, ok=False,
    )  # fmt: skip
    assert "different CRL scope" in said


@pytest.mark.rfc("5280", "5")
def test_openssl_and_gnutls_read_the_whole_list(listening: Publishing) -> None:
    certificate, file, issuer = held(listening)
    revoke(listening.town.city, certificate)
    whole = [listening.fetch(f"/pki/crl/{name}", f"{name}.crl") for name in ("root", "devices")]
    said = listening.run(
        "openssl", "verify", "-crl_check_all", "-CAfile", "ca.pem",
        "-CRLfile", listening.as_pem(*whole), file, ok=False,
    )  # fmt: skip
    assert "certificate revoked" in said
    place = listening.fetch(place_of(certificate), "own.crl")
    listening.as_pem(place)
    for name in ("devices.crl.pem", "own.crl.pem"):
        said = listening.run(
            "certtool", "--verify-crl", "--load-ca-certificate", issuer,
            "--infile", name,
        )  # fmt: skip
        assert "Verified" in said, said


# ── pkilint ───────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def city_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """pkilint refuses addresses that are not public: so a city with an address of its own."""
    folder: Path = tmp_path_factory.mktemp("city")
    settings = deployments.settings_in(folder, PkiSettings(url="http://pki.example.city"))
    runtime = deployments.build_runtime(settings, SystemClock())
    yield build_town(found_city(runtime))
    runtime.close()


def lint(kind: str, content: bytes, folder: Path, *options: str) -> list[object]:
    """What pkilint finds, notices left out."""
    (folder / "linted.der").write_bytes(content)
    program = Path(sys.executable).parent / kind
    done = subprocess.run(
        [str(program), "lint", "-s", "NOTICE", "-f", "JSON", *options, "linted.der"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip(), done.stderr
    found = json.loads(done.stdout)
    results: list[object] = found["results"] if isinstance(found, dict) else found
    return results


@pytest.mark.parametrize("profile", ["device", "server", "device-mldsa"])
def test_pkilint_finds_nothing_in_lists(city_town: Town, tmp_path: Path, profile: str) -> None:
    city = city_town.city
    first = issue(city, f"first-{profile}", profile)
    path = place_of(first)
    reasons = ("keyCompromise", "unspecified", "certificateHold")
    for reason in reasons:
        revoke(city, beside(city, first, f"{reason}-{profile}", profile), reason)
    name = issuer_of(city, first).name
    for address in (path, path.replace(".crl", "-delta.crl"), f"/pki/crl/{name}"):
        content = city_town.http.get(address).content
        assert len(x509.load_der_x509_crl(content)) >= len(reasons)
        assert lint("lint_crl", content, tmp_path, "-t", "CRL", "-p", "PKIX") == [], address


def test_pkilint_finds_nothing_in_the_roots_list(city_town: Town, tmp_path: Path) -> None:
    devices = city_town.city.authority.hierarchy.signing("devices")[0].certificate
    content = city_town.http.get(place_of(devices)).content
    assert lint("lint_crl", content, tmp_path, "-t", "ARL", "-p", "PKIX") == []


@pytest.mark.parametrize("profile", ["device", "people", "device-mldsa"])
@pytest.mark.parametrize("nonce", [None, b"n" * 32])
def test_pkilint_finds_nothing_in_answers(
    city_town: Town, tmp_path: Path, profile: str, nonce: bytes | None
) -> None:
    city = city_town.city
    kind = "citizen-authentication" if profile == "people" else profile
    certificate = issue(city, f"asked-{profile}-{nonce is None}", kind)
    issuer = issuer_of(city, certificate).certificate
    for act in (None, "keyCompromise"):
        if act is not None:
            revoke(city, certificate, act)
        body = asking(certificate, issuer, nonce=nonce)
        answer = city.authority.responding.answer(body, city.now).der
        assert lint("lint_ocsp_response", answer, tmp_path) == []
    assert serial(certificate)
    assert urlsplit(place_of(certificate)).path
