"""EST clients that we did not write: strongSwan's pki, curl with openssl — RFC 7030."""

from __future__ import annotations

import base64
import email
import subprocess

import pytest
from cryptography import x509

from device_registry import Registered
from tests.support.devices import OPERATOR, certificates_in
from tests.support.listening import Listening, kept, openssl_request, openssl_verifies


def curl_enrols(listening: Listening, registered: Registered) -> x509.Certificate:
    openssl_request(listening, registered.device.id)
    listening.run("openssl", "req", "-in", "device.csr", "-outform", "DER", "-out", "csr.der")
    body = base64.encodebytes((listening.folder / "csr.der").read_bytes())
    (listening.folder / "csr.b64").write_bytes(body)
    answer = listening.run(
        "curl", "--fail-with-body", "-sS", "--cacert", "ca.pem",
        "-u", f"{registered.device.id}:{registered.token}",
        "-H", "Content-Type: application/pkcs10", "-H", "Content-Transfer-Encoding: base64",
        "--data-binary", "@csr.b64", f"{listening.url}/.well-known/est/simpleenroll",
    )  # fmt: skip
    (listening.folder / "answer.p7").write_bytes(base64.b64decode(answer))
    listening.run(
        "openssl", "pkcs7", "-inform", "DER", "-in", "answer.p7", "-print_certs",
        "-out", "device.pem",
    )  # fmt: skip
    (certificate,) = certificates_in(answer)
    return certificate


def test_curl_and_openssl_enrol_and_openssl_verifies(listening: Listening) -> None:
    registered = listening.city.register()
    certificate = curl_enrols(listening, registered)
    openssl_verifies(listening, "device.pem")
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id


def test_curl_renews_with_its_certificate_over_mutual_tls(listening: Listening) -> None:
    registered = listening.city.register()
    old = curl_enrols(listening, registered)
    openssl_request(listening, registered.device.id, "next")
    command = [
        "curl", "-sS", "--cacert", "ca.pem", "--cert", "device.pem", "--key", "device.key",
        "-H", "Content-Type: application/pkcs10", "--data-binary", "@next.csr",
        "-w", "%{http_code}", f"{listening.url}/.well-known/est/simplereenroll",
    ]  # fmt: skip
    listening.city.life.suspend(registered.device.id, OPERATOR, "noise", listening.city.now)
    refused = listening.run(*command)
    assert refused.endswith(b"403")
    assert b"Where: suspended" in refused
    listening.city.life.reactivate(registered.device.id, OPERATOR, "quiet", listening.city.now)
    answer = listening.run(*command)
    assert answer.endswith(b"200"), answer
    (new,) = certificates_in(answer.removesuffix(b"200"))
    assert new.serial_number != old.serial_number
    assert new.subject == old.subject


def test_strongswan_gets_the_authorities_enrols_and_renews(listening: Listening) -> None:
    registered = listening.city.register()
    listening.run("pki", "--estca", "--url", listening.url, "--cacert", "ca0.pem",
                  "--caout", "est-ca", "--outform", "pem", "--force", ok=True)  # fmt: skip
    assert list(listening.folder.glob("est-ca*")), "the authorities were stored"

    for name in ("first", "second"):
        key = listening.run("pki", "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem")
        (listening.folder / f"{name}.key").write_bytes(key)
        request = listening.run(
            "pki", "--req", "--in", f"{name}.key", "--type", "ecdsa",
            "--dn", f"CN={registered.device.id}", "--outform", "pem",
        )  # fmt: skip
        (listening.folder / f"{name}.csr").write_bytes(request)

    anchors = [part for n in range(3) for part in ("--cacert", f"ca{n}.pem")]
    first = listening.run(
        "pki", "--est", "--url", listening.url, "--in", "first.csr", *anchors,
        "--userpass", f"{registered.device.id}:{registered.token}", "--outform", "pem",
    )  # fmt: skip
    (listening.folder / "first.pem").write_bytes(first)
    openssl_verifies(listening, "first.pem")

    second = listening.run(
        "pki", "--est", "--url", listening.url, "--in", "second.csr", *anchors,
        "--cert", "first.pem", "--key", "first.key", "--outform", "pem",
    )  # fmt: skip
    (listening.folder / "second.pem").write_bytes(second)
    openssl_verifies(listening, "second.pem")
    certificate = x509.load_pem_x509_certificate(second)
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id


@pytest.mark.row("devices", "5.5")
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_tls_below_1_2_is_refused(listening: Listening, version: str) -> None:
    host = listening.url.removeprefix("https://")
    said = listening.run(
        "openssl", "s_client", "-connect", host, version, "-cipher", "ALL:@SECLEVEL=0",
        "-brief", ok=False, stdin=b"",
    )  # fmt: skip
    assert b"CONNECTION ESTABLISHED" not in said


# ── the whole life, by curl and openssl ──────────────────────────────────────────────────


def est(listening: Listening, path: str, *options: str, status: int = 200) -> bytes:
    """What curl gets at an EST path; the answer's head is left in `head`."""
    answer = listening.run(
        "curl", "-sS", "--cacert", "ca.pem", "-D", "head", "-w", "%{http_code}", *options,
        f"{listening.url}/.well-known/est/{path}",
    )  # fmt: skip
    assert answer.endswith(str(status).encode()), answer
    return answer.removesuffix(str(status).encode())


PKCS10 = ("-H", "Content-Type: application/pkcs10")


def by_token(registered: Registered) -> tuple[str, str]:
    return "-u", f"{registered.device.id}:{registered.token}"


@pytest.mark.rfc("7030", "3.2.2")
def test_curl_and_openssl_go_through_a_whole_life_under_a_label(listening: Listening) -> None:
    registered = listening.city.register(profile="device-short")
    label = "devices-short"
    listening.run("openssl", "asn1parse", "-inform", "DER", "-in", "/dev/stdin",
                  stdin=base64.b64decode(est(listening, f"{label}/csrattrs")))  # fmt: skip
    (listening.folder / "authorities.p7").write_bytes(
        base64.b64decode(est(listening, f"{label}/cacerts"))
    )
    listening.run("openssl", "pkcs7", "-inform", "DER", "-in", "authorities.p7", "-print_certs",
                  "-out", "ca.pem")  # fmt: skip
    openssl_request(listening, registered.device.id)
    sent = (*PKCS10, "--data-binary", "@device.csr")
    refused = est(listening, "devices/simpleenroll", *sent, *by_token(registered), status=403)
    assert b"Where: label_not_allowed" in refused
    first = kept(listening, est(listening, f"{label}/simpleenroll", *sent, *by_token(registered)),
                 "device")  # fmt: skip
    openssl_verifies(listening, "device.pem")
    for name, before in (("second", "device"), ("third", "second")):
        openssl_request(listening, registered.device.id, name)
        answer = est(
            listening, f"{label}/simplereenroll", *PKCS10, "--data-binary", f"@{name}.csr",
            "--cert", f"{before}.pem", "--key", f"{before}.key",
        )  # fmt: skip
        next_one = kept(listening, answer, name)
        openssl_verifies(listening, f"{name}.pem")
        assert next_one.subject == first.subject
        listening.city.devices.authenticate(next_one, listening.city.now)
    states = [c.state for c in listening.city.devices.credentials(registered.device.id)]
    assert states == ["in_use", "superseded", "superseded"]


@pytest.mark.rfc("7030", "4.4.2")
def test_curl_gets_a_key_that_was_made_here_and_openssl_uses_it(listening: Listening) -> None:
    registered = listening.city.register(profile="device-made-here")
    openssl_request(listening, registered.device.id, "ignored")
    body = est(
        listening, "devices-made-here/serverkeygen", *PKCS10, "--data-binary", "@ignored.csr",
        *by_token(registered),
    )  # fmt: skip
    head = (listening.folder / "head").read_bytes().split(b"\r\n", 1)[1]
    message = email.message_from_bytes(head.rstrip(b"\r\n") + b"\r\n\r\n" + body)
    key, certificate = (part.get_payload(decode=True) for part in message.get_payload())
    (listening.folder / "made.p8").write_bytes(key)
    listening.run("openssl", "pkey", "-inform", "DER", "-in", "made.p8", "-out", "made.key")
    kept(listening, base64.b64encode(certificate), "made")
    openssl_verifies(listening, "made.pem")
    openssl_request(listening, registered.device.id, "next")
    est(listening, "simplereenroll", *PKCS10, "--data-binary", "@next.csr",
        "--cert", "made.pem", "--key", "made.key")  # fmt: skip


@pytest.mark.rfc("7030", "4.2.3")
def test_curl_reads_202_until_the_operator_approves(listening: Listening) -> None:
    registered = listening.city.register(profile="device-approved")
    openssl_request(listening, registered.device.id)
    sent = (*PKCS10, "--data-binary", "@device.csr", *by_token(registered))
    est(listening, "simpleenroll", *sent, status=202)
    assert b"retry-after: 1\r\n" in (listening.folder / "head").read_bytes().lower()
    listening.city.devices.approve(registered.device.id, OPERATOR, "seen", listening.city.now)
    kept(listening, est(listening, "simpleenroll", *sent), "device")
    openssl_verifies(listening, "device.pem")


# ── strongSwan, which knows no labels: the device's own kind needs none ──────────────────


@pytest.mark.rfc("7030", "4.2.3")
def test_strongswan_polls_until_the_operator_approves(listening: Listening) -> None:
    registered = listening.city.register(profile="device-approved")
    openssl_request(listening, registered.device.id)
    anchors = [part for n in range(3) for part in ("--cacert", f"ca{n}.pem")]
    waiting = subprocess.Popen(
        ("pki", "--est", "--url", listening.url, "--in", "device.csr",
         *anchors, "--userpass", f"{registered.device.id}:{registered.token}",
         "--interval", "1", "--maxpolltime", "50", "--outform", "pem"),
        cwd=listening.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert waiting.stderr is not None
    heard = b""
    for line in waiting.stderr:
        heard += line
        if b"retry" in line.lower() or b"pending" in line.lower() or b"202" in line:
            break
    listening.city.devices.approve(registered.device.id, OPERATOR, "seen", listening.city.now)
    said, rest = waiting.communicate(timeout=60)
    assert waiting.returncode == 0, heard + rest
    (listening.folder / "device.pem").write_bytes(said)
    openssl_verifies(listening, "device.pem")


@pytest.mark.rfc("7030", "3.2.3")
def test_header_names_go_out_as_old_clients_compare_them(listening: Listening) -> None:
    """cisco libest looks for the very letters that RFC 7030 prints."""
    heard = listening.run(
        "curl", "-sSi", "--http1.1", "--cacert", "ca.pem", "-X", "POST",
        f"{listening.url}/.well-known/est/simpleenroll",
    )  # fmt: skip
    for name in (b"WWW-Authenticate: Basic ", b"Content-Type: text/plain", b"Content-Length: "):
        assert b"\r\n" + name in heard
