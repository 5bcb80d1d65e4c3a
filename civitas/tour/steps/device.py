"""Step 8: EST enrolment over TLS, a token bound to the certificate, renewal, suspension."""

from __future__ import annotations

import base64
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from civitas.tour.deployments import Deployed
from civitas.tour.story import expect
from civitas.tour.world import World

PKCS10 = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}


@dataclass
class Device:
    """A street lamp with openssl and an HTTP client."""

    folder: Path
    deployed: Deployed
    id: str

    def request(self, name: str) -> bytes:
        """A new P-256 key and a CSR, both made by openssl; the CSR as base64 DER."""
        key, csr = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        make = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        done = subprocess.run(
            [
                *make,
                "-nodes",
                "-keyout",
                key,
                "-subj",
                f"/CN={self.id}",
                "-outform",
                "DER",
                "-out",
                csr,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        expect(done.returncode == 0, f"openssl to make a CSR: {done.stderr}")
        return base64.b64encode(csr.read_bytes())

    def keep(self, name: str, answer: httpx.Response) -> None:
        """The certificate out of the EST answer (PKCS #7, certs-only)."""
        expect(
            answer.status_code == 200,
            f"a certificate, but got {answer.status_code} {answer.text[:200]}",
        )
        certificates = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.content))
        leaf = next(c for c in certificates if c.subject != c.issuer and not _is_authority(c))
        path = self.folder / f"{name}.pem"
        path.write_bytes(leaf.public_bytes(Encoding.PEM))

    def client(self, name: str | None = None) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return httpx.Client(verify=context, base_url=self.deployed.tls_url, timeout=30)


def device_life(world: World) -> str:
    provider = world.provider
    added = world.run_json(
        provider, "devices", "add", "--label", "Lamp 17", "--owner", "Street Lighting",
        "--identifier", "eui64=00-11-22-FF-FE-33-44-55",
    )  # fmt: skip
    lamp = Device(provider.folder, provider, added["device_id"])
    (lamp.folder / "ca.pem").write_bytes(httpx.get(f"{provider.url}/pki/ca.pem").content)
    enrol(lamp, added["token"])
    token = bound_token(lamp, "lamp")
    renew(lamp)
    with lamp.client("renewed") as client:
        own = client.get("/devices/v1/self", headers=bearer(token))
        expect(own.status_code == 401, "the old token to be refused with another certificate")
    token = bound_token(lamp, "renewed")
    suspend(world, lamp)
    with lamp.client("renewed") as client:
        own = client.get("/devices/v1/self", headers=bearer(token))
        expect(own.status_code in (401, 403), f"a refusal, but got {own.status_code}")
    return f"{lamp.id}: EST with openssl's CSR, x5t#S256 token, renewed, then refused: {own.text}"


def enrol(lamp: Device, token: str) -> None:
    csr = lamp.request("lamp")
    with lamp.client() as client:
        wrong = client.post(
            "/.well-known/est/simpleenroll", content=csr, headers=PKCS10, auth=(lamp.id, "guess")
        )
        expect(wrong.status_code == 401, "a wrong token to be refused")
        answer = client.post(
            "/.well-known/est/simpleenroll", content=csr, headers=PKCS10, auth=(lamp.id, token)
        )
        lamp.keep("lamp", answer)
        other = client.post(
            "/.well-known/est/simpleenroll",
            content=lamp.request("thief"),
            headers=PKCS10,
            auth=(lamp.id, token),
        )
        expect(other.status_code in (401, 403), "the token not to work for another key")
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", lamp.folder / "ca.pem", lamp.folder / "lamp.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    expect(verified.returncode == 0, f"openssl to accept the certificate: {verified.stderr}")


def bound_token(lamp: Device, name: str) -> str:
    """A token over mutual TLS, bound to the certificate (RFC 8705 §3)."""
    with lamp.client(name) as client:
        answer = client.post(
            "/oauth/token", data={"grant_type": "client_credentials", "client_id": lamp.id}
        )
        expect(answer.status_code == 200, f"a token, but got {answer.text}")
        token: str = answer.json()["access_token"]
        own = client.get("/devices/v1/self", headers=bearer(token))
        expect(own.status_code == 200, f"the device's own record, but got {own.text}")
    with lamp.client() as thief:
        stolen = thief.get("/devices/v1/self", headers=bearer(token))
        expect(stolen.status_code == 401, "a stolen token to be worth nothing")
    return token


def renew(lamp: Device) -> None:
    csr = lamp.request("renewed")
    with lamp.client("lamp") as client:
        answer = client.post("/.well-known/est/simplereenroll", content=csr, headers=PKCS10)
        lamp.keep("renewed", answer)


def suspend(world: World, lamp: Device) -> None:
    operator = world.staff(world.provider, "operator")
    operator.get(f"{world.provider.url}/devices/{lamp.id}")
    form = operator.form("act")
    operator.submit(form, ("act", "suspend"), {"reason": "reported stolen"})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
