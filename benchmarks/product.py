"""Civitas itself, set up as its operator and its people do, and asked over HTTP like anybody's."""

from __future__ import annotations

import base64
import json
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from benchmarks import kinds, servers
from benchmarks.certificates import PKCS10, Holder, status_question, tls
from benchmarks.kinds import Work
from benchmarks.load import Answer, Dialogue, Errand, Request, form, lanes
from benchmarks.servers import Measured
from benchmarks.subjects import CONNECTIONS, code_flow, renewals
from civitas.residents import as_json, residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed, free_port
from civitas.tour.service import Service
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.enrolment import proof_and_write
from civitas.tour.steps.sign_in import by_passkey
from civitas.tour.world import PASSWORD, PURPOSE, World

SCOPE = "openid profile age residence access:evaluate"
_CSRF = re.compile(r'name="(csrf\w*)" value="([^"]+)"')
LISTEN, TLS_LISTEN = "CIVITAS_SERVER__LISTEN", "CIVITAS_SERVER__TLS_LISTEN"
ENROL, RENEW = "/.well-known/est/simpleenroll", "/.well-known/est/simplereenroll"


@dataclass
class Citizen:
    """Somebody with a password and a session in which the consent stands."""

    name: str
    browser: Browser
    sub: str

    @property
    def cookies(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{c.name}={c.value}" for c in self.browser.client.cookies.jar)}


class Product:
    """A running provider, with a service, eight citizens and eight devices."""

    name = "civitas"
    # Events get their leaves, and checkpoints their signatures, within two seconds.
    puts_off = 2.0
    warm_up = 0

    def __init__(self, world: World, deployed: Deployed, process: Measured) -> None:
        self.process = process
        self._world = world
        self._deployed = deployed
        self._tls_port = urlsplit(deployed.tls_url).port or 443
        self._addresses = 0
        added = world.run_json(
            deployed, "clients", "add", "--name", "Benchmark", "--redirect", Service.redirect,
            "--scope", SCOPE, "--purpose", PURPOSE, "--id-token-alg", "ES256",
        )  # fmt: skip
        self._client = (added["client_id"], added["client_secret"])
        manager = world.run_json(
            deployed, "clients", "add", "--name", "Device manager", "--scope", "devices:manage",
        )  # fmt: skip
        self._manager = (manager["client_id"], manager["client_secret"])
        self._anchors = deployed.folder / "ca.pem"
        self._anchors.write_bytes(httpx.get(f"{deployed.url}/pki/ca.pem").content)

    @property
    def offers(self) -> Mapping[str, Callable[[int], Work]]:
        return {
            kinds.GRANTS: lambda n: self._work([self.grant()] * n),
            kinds.INTROSPECTIONS: lambda n: self._work([self.introspection()] * n),
            kinds.SIGN_INS: self._sign_ins,
            kinds.CODE_FLOWS: self._code_flows,
            kinds.DECISIONS: self._decisions,
            kinds.CROWDED_DECISIONS: lambda n: self._decisions(n, kinds.CROWD),
            kinds.ENROLMENTS: self._enrolments,
            kinds.FRESH_ENROLMENTS: lambda n: self._enrolments(n, fresh=True),
            kinds.STATUS_ANSWERS: self._status_answers,
            kinds.FORM_SIGN_INS: self._form_sign_ins,
            kinds.ISSUANCES: lambda n: Work(self._tls_port, renewals(RENEW, self._lamps, n)),
        }

    def settle(self) -> str:
        """Everybody who will ask is there, with what they need; the id of one of the devices."""
        assert self._citizens, "who asks"
        return self._lamps[0][0].name

    def grant(self) -> Request:
        wanted = {"grant_type": "client_credentials", "scope": "access:evaluate"}
        return form("/oauth/token", wanted, headers=_basic(*self._client))

    def introspection(self) -> Request:
        token = {"token": self._token(self._client)}
        return form("/oauth/introspect", token, headers=_basic(*self._client))

    def mixture(self, count: int) -> list[Errand]:
        """Grants, introspections, decisions and code flows, as many of each."""
        each = max(1, count // 4)
        flows, questions = self._flows(each), self._questions(each)
        grant, introspection = self.grant(), self.introspection()
        groups = zip(flows, questions, strict=True)
        return [errand for some in groups for errand in (grant, introspection, *some)]

    def sign_in_pages(self) -> list[Request]:
        """What each citizen sends to sign in by password."""
        return [self._sign_in_page(citizen) for citizen in self._citizens]

    def _work(self, errands: Sequence[Errand], connections: int = CONNECTIONS) -> Work:
        return Work(self.process.port, lanes(connections, errands))

    def _sign_ins(self, count: int) -> Work:
        pages = self.sign_in_pages()
        return self._work([pages[n % len(pages)] for n in range(count)])

    def _form_sign_ins(self, count: int) -> Work:
        """The page with its form; then name and password (what follows is the service's page)."""
        errands: list[Errand] = []
        for n in range(count):
            citizen = self._citizens[n % len(self._citizens)]
            errands.append(_form_sign_in(citizen.name, self._from_elsewhere()))
        return self._work(errands)

    def _sign_in_page(self, citizen: Citizen) -> Request:
        browser = Browser()
        browser.get(f"{self._deployed.url}/sign-in")
        fields = browser.form("name", "password").fields
        cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in browser.client.cookies.jar)}
        typed = {"name": citizen.name, "password": PASSWORD}
        return form("/sign-in", {**fields, **typed}, 303, {**cookies, **self._from_elsewhere()})

    def _code_flows(self, count: int) -> Work:
        return self._work(self._flows(count))

    def _flows(self, count: int) -> list[Errand]:
        return [
            code_flow(
                "/oauth/authorize",
                "/oauth/token",
                self._client[0],
                browser={**self._citizens[n % CONNECTIONS].cookies, **self._from_elsewhere()},
                service=_basic(*self._client),
                proof={},
                scope="openid profile age residence",
            )
            for n in range(count)
        ]

    def _decisions(self, count: int, connections: int = CONNECTIONS) -> Work:
        return self._work(self._questions(count), connections)

    def _questions(self, count: int) -> list[Errand]:
        headers = {
            "Authorization": f"Bearer {self._token(self._client)}",
            "Content-Type": "application/json",
        }
        questions = [
            {
                "subject": {"type": "person", "id": citizen.sub},
                "action": {"name": "verify"},
                "resource": {"type": "claim", "id": "age_over_18"},
                "context": {"purpose": PURPOSE},
            }
            for citizen in self._citizens
        ]
        asked = [
            Request("POST", "/access/v1/evaluation", json.dumps(question).encode(), headers)
            for question in questions
        ]
        return [asked[n % len(asked)] for n in range(count)]

    def _enrolments(self, count: int, *, fresh: bool = False) -> Work:
        requests = [self._first_request(*registered)[1] for registered in self._register(count)]
        return Work(self._tls_port, lanes(CONNECTIONS, requests, tls(self._anchors), fresh=fresh))

    def _status_answers(self, count: int) -> Work:
        """Questions about the lamps' certificates, in turn, by POST (RFC 6960 §A.1)."""
        issuer = next(
            c
            for c in x509.load_pem_x509_certificates(self._anchors.read_bytes())
            if "Device Authority" in c.subject.rfc4514_string()
        )
        asked = [
            status_question("/pki/ocsp", self._deployed.folder / f"{holder.name}.pem", issuer)
            for holder, _ in self._lamps
        ]
        return self._work([asked[n % len(asked)] for n in range(count)])

    def _first_request(self, device: str, token: str) -> tuple[Holder, Request]:
        holder = Holder.make(device)
        headers = {**PKCS10, **self._from_elsewhere(), **_basic(device, token)}
        return holder, Request("POST", ENROL, holder.request(), headers)

    def _register(self, count: int) -> list[tuple[str, str]]:
        """New devices: their ids and one-time tokens."""
        headers = {"Authorization": f"Bearer {self._token(self._manager)}"}
        with httpx.Client(base_url=self._deployed.url, headers=headers) as client:
            new = {"label": "Lamp", "owner": {"kind": "organisation", "name": "Street Lighting"}}
            answers = [
                client.post("/devices/v1", json={**new, "identifiers": []}).raise_for_status()
                for _ in range(count)
            ]
        # Their events are numbered within two seconds: that is work of the registration.
        time.sleep(2)
        told = [answer.json() for answer in answers]
        return [(each["device"]["id"], each["enrolment_token"]) for each in told]

    @cached_property
    def _lamps(self) -> list[tuple[Holder, ssl.SSLContext]]:
        """Devices with a certificate, one for each connection."""
        lamps = []
        with httpx.Client(verify=tls(self._anchors), base_url=self._deployed.tls_url) as client:
            for registered in self._register(CONNECTIONS):
                holder, request = self._first_request(*registered)
                answer = client.post(ENROL, content=request.body, headers=request.headers)
                context = holder.tls(answer.content, self._anchors, self._deployed.folder)
                lamps.append((holder, context))
        return lamps

    @cached_property
    def _citizens(self) -> list[Citizen]:
        """Enrolled, proofed, activated, signed in, and asked once what the service may know."""
        file = self._deployed.folder / "residents.json"
        people = list(residents(400, city="Civitas", country="XX"))
        adults = [p for p in people if p["locality"] == "Civitas" and p["birthdate"] < "2000"]
        file.write_bytes(as_json(iter(adults[:CONNECTIONS])))
        self._deployed.civitas("citizens", "import", str(file), "--json")
        service = Service(self._deployed.url, *self._client)
        return [self._citizen(person["civil_number"], service) for person in adults[:CONNECTIONS]]

    def _citizen(self, civil_number: str, service: Service) -> Citizen:
        name, browser = f"citizen.{secrets.token_hex(4)}", Browser()
        code = proof_and_write(self._world.officer, self._deployed, civil_number)
        passkey = set_up(self._world, browser, self._deployed, code, name)
        browser.client.cookies.clear()
        learned = by_passkey(service, browser, passkey, self._deployed.url)
        return Citizen(name, browser, learned.claims["sub"])

    def _token(self, client: tuple[str, str]) -> str:
        wanted = {"grant_type": "client_credentials"}
        answer = httpx.post(f"{self._deployed.url}/oauth/token", data=wanted, auth=client)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def _from_elsewhere(self) -> dict[str, str]:
        """Requests come from many addresses, as behind a proxy: limits are per address."""
        self._addresses += 1
        high, low = divmod(self._addresses % 60_000, 250)
        return {"X-Forwarded-For": f"10.0.{high}.{low + 1}"}


def _form_sign_in(name: str, headers: Mapping[str, str]) -> Dialogue:
    def dialogue() -> Generator[Request, Answer, None]:
        page = yield Request("GET", "/sign-in", headers=headers)
        proof = _CSRF.search(page.body.decode())
        assert proof is not None
        typed = {proof[1]: proof[2], "name": name, "password": PASSWORD}
        yield form("/sign-in", typed, 303, {**headers, "Cookie": page.cookies})

    return dialogue


def _basic(user: str, secret: str) -> dict[str, str]:
    """HTTP Basic (RFC 7617)."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


class Founded(World):
    """The tour's world, with a provider that the benchmark starts, stops and watches itself."""

    @cached_property
    def provider(self) -> Deployed:
        deployed = self.city.found("provider")
        config = deployed.config.read_text()
        trusting = '[server]\ntrusted_proxies = ["127.0.0.1"]'
        # Eight devices and one service stand for a city's: what bounds one of them is not what is
        # measured.
        unbounded = (
            "\n[devices]\ncertificates_per_hour = 1000000\n"
            "\n[policies]\nquestions_per_minute = 100000000\n"
        )
        deployed.config.write_text(config.replace("[server]", trusting, 1) + unbounded)
        return deployed


@contextmanager
def founded(folder: Path, database: str | None) -> Iterator[Founded]:
    """A provider that does not run yet, on SQLite or in schemas of `database`."""
    world = Founded(folder, database)
    try:
        yield world
    finally:
        world.close()


@contextmanager
def serving(
    world: Founded, environment: Mapping[str, str] | None = None, more: Sequence[str] = ()
) -> Iterator[Measured]:
    """The provider's one server process; `environment`: settings that lie over its file."""
    deployed = world.provider
    listen = (environment or {}).get(LISTEN, urlsplit(deployed.url).netloc)
    port = int(listen.rpartition(":")[2])
    command = [sys.executable, "-m", "civitas", "serve", "--config", str(deployed.config)]
    command += more
    log = deployed.folder / f"serve-{port}.log"
    with servers.started(command, port, log, "/healthz", environment) as process:
        yield process


@contextmanager
def another(world: Founded, more: Sequence[str] = ()) -> Iterator[Measured]:
    """A second server of the same deployment, on ports of its own."""
    places = {LISTEN: f"127.0.0.1:{free_port()}", TLS_LISTEN: f"127.0.0.1:{free_port()}"}
    with serving(world, places, more) as process:
        yield process


def knows_workers() -> bool:
    """Whether one command serves with several processes."""
    asked = [sys.executable, "-m", "civitas", "serve", "--help"]
    return "--workers" in subprocess.run(asked, capture_output=True, text=True, check=True).stdout
