"""The servers beside Civitas: the bare equivalent, and npm oidc-provider."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from cryptography import x509

from benchmarks import bare, kinds, servers
from benchmarks.certificates import PKCS10, Authority, Holder, status_question, tls
from benchmarks.kinds import Work
from benchmarks.load import Answer, Dialogue, Lane, Request, form, lanes
from benchmarks.servers import Measured
from civitas.tour.deployments import free_port

CONNECTIONS = kinds.CONNECTIONS
CLIENT = {"client_id": bare.CLIENT, "client_secret": bare.SECRET}
GRANT = {"grant_type": "client_credentials", **CLIENT}
Offers = Mapping[str, Callable[[int], Work]]


class Peer:
    """npm oidc-provider: grants only, that is what the target names."""

    name = "oidc-provider"
    puts_off = 0.0
    warm_up = 1000

    def __init__(self, process: Measured) -> None:
        self.process = process

    @property
    def offers(self) -> Offers:
        return {kinds.GRANTS: self._grants}

    def _grants(self, count: int) -> Work:
        return Work(self.process.port, lanes(CONNECTIONS, [form("/token", GRANT)] * count))


class Bare:
    """The bare equivalent of every kind."""

    name = "bare"
    puts_off = 0.0
    warm_up = 0

    def __init__(self, process: Measured, tls_port: int, folder: Path) -> None:
        self.process = process
        self._tls_port = tls_port
        self._folder = folder
        self._anchors = folder / "ca.pem"
        answer = httpx.post(f"http://127.0.0.1:{process.port}/token", data=GRANT)
        self._token: str = answer.json()["access_token"]
        self._devices: list[tuple[Holder, ssl.SSLContext]] = []

    @property
    def offers(self) -> Offers:
        return {
            kinds.GRANTS: lambda n: self._plain(n, form("/token", GRANT)),
            kinds.INTROSPECTIONS: lambda n: self._plain(
                n, form("/introspect", {"token": self._token, **CLIENT})
            ),
            kinds.SIGN_INS: lambda n: self._plain(
                n, form("/sign_in", {"name": bare.CLIENT, "password": bare.PASSWORD}, 303)
            ),
            kinds.CODE_FLOWS: self._code_flows,
            kinds.DECISIONS: lambda n: self._plain(n, self._question()),
            kinds.ENROLMENTS: self._enrolments,
            kinds.FRESH_ENROLMENTS: lambda n: self._enrolments(n, fresh=True),
            kinds.STATUS_ANSWERS: self._status_answers,
            kinds.ISSUANCES: self._issuances,
        }

    def _plain(self, count: int, request: Request) -> Work:
        return Work(self.process.port, lanes(CONNECTIONS, [request] * count))

    def _question(self) -> Request:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
        }
        question = {
            "subject": {"type": "person", "id": "somebody"},
            "action": {"name": "verify"},
            "resource": {"type": "claim", "id": "age_over_18"},
            "context": {"purpose": "library"},
        }
        return Request("POST", "/evaluate", json.dumps(question).encode(), headers)

    def _code_flows(self, count: int) -> Work:
        flow = code_flow(
            "/authorize", "/redeem", bare.CLIENT,
            browser={"Cookie": "session=1"}, service={}, proof=CLIENT,
        )  # fmt: skip
        return Work(self.process.port, lanes(CONNECTIONS, [flow] * count))

    def _status_answers(self, count: int) -> Work:
        self._hold()
        authority = x509.load_pem_x509_certificate(self._anchors.read_bytes())
        asked = [
            status_question("/ocsp", self._folder / f"{holder.name}.pem", authority)
            for holder, _ in self._devices
        ]
        requests = [asked[n % len(asked)] for n in range(count)]
        return Work(self.process.port, lanes(CONNECTIONS, requests))

    def _enrolments(self, count: int, *, fresh: bool = False) -> Work:
        requests = [
            Request("POST", "/enrol", Holder.make(f"dev_{n}").request(), PKCS10)
            for n in range(count)
        ]
        return Work(self._tls_port, lanes(CONNECTIONS, requests, tls(self._anchors), fresh=fresh))

    def _hold(self) -> None:
        if not self._devices:
            self._devices = [self._device(n) for n in range(CONNECTIONS)]

    def _issuances(self, count: int) -> Work:
        self._hold()
        return Work(self._tls_port, renewals("/renew", self._devices, count))

    def _device(self, number: int) -> tuple[Holder, ssl.SSLContext]:
        holder = Holder.make(f"dev_kept_{number}")
        url = f"https://localhost:{self._tls_port}/enrol"
        answer = httpx.post(
            url, content=holder.request(), headers=PKCS10, verify=tls(self._anchors)
        )
        return holder, holder.tls(answer.content, self._anchors, self._folder)


class HashAlone:
    """A password sign-in of nothing but its Argon2id, by the bare equivalent."""

    name = "the hash alone"
    puts_off = 0.0
    warm_up = 0

    def __init__(self, process: Measured) -> None:
        self.process = process

    @property
    def offers(self) -> Offers:
        return {kinds.SIGN_INS: self._hashes}

    def _hashes(self, count: int) -> Work:
        request = form("/hash", {"password": bare.PASSWORD}, 303)
        return Work(self.process.port, lanes(CONNECTIONS, [request] * count))


def code_flow(
    authorize: str,
    redeem: str,
    client_id: str,
    *,
    browser: Mapping[str, str],
    service: Mapping[str, str],
    proof: Mapping[str, str],
    scope: str = "openid profile",
) -> Dialogue:
    """authorize → code → token, by a browser that is signed in and was asked before.

    `browser`, `service`: the headers of either; `proof`: what the service adds to its fields.
    """

    def dialogue() -> Generator[Request, Answer, None]:
        verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": "http://127.0.0.1:1/callback",
            "scope": scope,
            "state": secrets.token_urlsafe(8),
            "nonce": secrets.token_urlsafe(8),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        came = yield Request("GET", f"{authorize}?{urlencode(asked)}", b"", browser, 303)
        code = parse_qs(urlsplit(came.headers["location"]).query)["code"][0]
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": asked["redirect_uri"],
            **proof,
        }
        tokens = yield form(redeem, fields, headers=service)
        assert b"id_token" in tokens.body

    return dialogue


def renewals(path: str, devices: list[tuple[Holder, ssl.SSLContext]], count: int) -> list[Lane]:
    """Each device renews over a connection of its own, each time with a new key."""
    each = count // len(devices)
    return [
        Lane([Request("POST", path, holder.next_request(), PKCS10) for _ in range(each)], context)
        for holder, context in devices
    ]


@contextmanager
def bare_running(folder: Path, url: str, schema: str | None = None) -> Iterator[Bare]:
    folder.mkdir()
    Authority.make(folder)
    port, tls_port = free_port(), free_port()
    command = servers.bare(port, tls_port, folder, url, schema)
    with servers.started(command, port, folder / "log") as process:
        yield Bare(process, tls_port, folder)


@contextmanager
def peer_running(folder: Path) -> Iterator[Peer]:
    """Raises servers.Missing where there is no Node.js."""
    folder.mkdir()
    port = free_port()
    with servers.started(servers.peer(port), port, folder / "log") as process:
        yield Peer(process)
