"""What is fuzzed: a request's parser, and EST, OCSP and the lists through the whole application."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST_GROWTH = 192 * 2**20
"""Bytes that the process may grow after it settled: caches fill, and then it stays."""
SETTLED = 5_000


@dataclass
class Target:
    """`one` takes bytes and raises on a finding; `seeds` are inputs to begin with."""

    one: Callable[[bytes], None]
    seeds: Sequence[bytes]


class _Memory:
    """Raises when the process has grown too far since it settled."""

    def __init__(self) -> None:
        self.calls, self.settled = 0, 0

    def look(self) -> None:
        self.calls += 1
        if self.calls % 1_000 == 0:
            now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            if self.calls <= SETTLED:
                self.settled = now
            elif now - self.settled > LARGEST_GROWTH:
                raise AssertionError(f"grew from {self.settled} to {now} bytes")


def _town() -> Any:
    from foundation.clock import FrozenClock
    from foundation.settings import Server
    from tests.support import deployments
    from tests.support.devices import build_town, found_city

    folder = Path(tempfile.mkdtemp(prefix="civitas-fuzz-"))
    settings = deployments.settings_in(folder, Server(url="http://localhost:8000"))
    return build_town(
        found_city(deployments.build_runtime(settings, FrozenClock(deployments.START)))
    )


def _watched(send: Callable[[bytes], Any]) -> Callable[[bytes], None]:
    memory = _Memory()

    def one(data: bytes) -> None:
        answer = send(data)
        if answer is not None and answer.status_code >= 500:
            raise AssertionError(f"{answer.status_code}: {answer.text[:500]}")
        memory.look()

    return one


def _requests() -> list[bytes]:
    from cryptography import x509

    from tests.support.devices import csr, new_key

    key = new_key()
    return [
        csr(key, "dev_1"),
        csr(key, None, (x509.BasicConstraints(True, None), True)),
        csr(key, None, (x509.SubjectAlternativeName([x509.DNSName("a.example")]), False)),
    ]


def request_parser() -> Target:
    """PKCS #10 as `pki.requests.request` reads it: RequestRefused or a request, nothing else."""
    from foundation.errors import Problem
    from pki.requests import request

    def parse(data: bytes) -> None:
        try:
            request.parse(data)
        except Problem:
            return

    return Target(_watched(parse), _requests())


def est() -> Target:
    """EST: the first byte chooses operation, label and caller, the rest is the body."""
    town = _town()
    registered, _, certificate = town.city.enrolled()
    waiting = town.city.register()
    operations = ("simpleenroll", "simplereenroll", "serverkeygen", "fullcmc")
    labels = ("", "/devices", "/devices-mldsa", "/none")

    def send(data: bytes) -> Any:
        choice, body = (data[0] if data else 0), data[1:]
        path = f"/.well-known/est{labels[choice >> 2 & 3]}/{operations[choice & 3]}"
        town.peer.certificate = certificate if choice & 16 else None
        auth = (waiting.device.id, waiting.token) if choice & 32 else None
        if choice & 64:
            auth = (registered.device.id, body[:20].decode("latin-1"))
        return town.https.post(
            path, content=body, headers={"Content-Type": "application/pkcs10"}, auth=auth
        )

    seeds = [bytes([choice]) + body for body in _requests() for choice in (0, 17, 32, 36, 64)]
    return Target(_watched(send), [*seeds, b"\x20" + base64.b64encode(_requests()[0])])


def ocsp() -> Target:
    """OCSP by POST, and by GET when the first bit is set."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp as made

    town = _town()
    _, _, certificate = town.city.enrolled()
    issuer = town.city.authority.hierarchy.named("devices")[0].certificate
    seeds = []
    for algorithm in (hashes.SHA1(), hashes.SHA256()):
        builder = made.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm)
        seeds.append(builder.build().public_bytes(Encoding.DER))

    def send(data: bytes) -> Any:
        if data and data[0] & 1:
            coded = base64.b64encode(data[1:]).decode().replace("/", "%2F").replace("+", "%2B")
            return town.http.get(f"/pki/ocsp/{coded}")
        return town.http.post(
            "/pki/ocsp", content=data[1:], headers={"Content-Type": "application/ocsp-request"}
        )

    return Target(_watched(send), [bytes([way]) + seed for seed in seeds for way in (0, 1)])


def lists() -> Target:
    """Addresses of lists and of authorities' certificates."""
    town = _town()
    seeds = ["crl/devices-1/0.crl", "crl/devices-1/31-delta.crl", "crl", "crl/root",
             "authorities/devices-1.cer", "authorities/root-1.p7c"]  # fmt: skip

    def send(data: bytes) -> Any:
        from urllib.parse import quote

        return town.http.get("/pki/" + quote(data.decode("latin-1"), safe="/?&=.-%"))

    return Target(_watched(send), [seed.encode() for seed in seeds])


TARGETS: dict[str, Callable[[], Target]] = {
    "request": request_parser,
    "est": est,
    "ocsp": ocsp,
    "lists": lists,
}
