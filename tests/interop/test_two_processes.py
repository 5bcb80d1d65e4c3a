"""Two server processes on one PostgreSQL: whatever works once works once across both.

Each race is run many times: both processes get the same value at the same moment.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, select

from civitas import governance
from civitas.commands.console import settings_of
from civitas.deployment import Deployment
from civitas.residents import as_json, residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.service import Service
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.sign_in import CHOSEN, choose
from civitas.tour.world import PASSWORD, PURPOSE, World
from device_registry import owner
from foundation import opaque
from foundation.audit import SYSTEM
from foundation.audit.tables import events, leaves
from idp.register.tables import persons
from pki.tables import certificates
from tests.support.deployments import ROOT, free_port
from tests.support.devices import certificates_in, csr, new_key
from tests.support.postgresql import PostgreSQL

pytestmark = pytest.mark.timeout(600)
ROUNDS = 20
SCOPE = "openid profile age residence offline_access"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PKCS10 = {"Content-Type": "application/pkcs10", "Content-Transfer-Encoding": "base64"}


@dataclass
class Pair:
    """Two processes of one deployment, and a look from inside it."""

    world: World
    urls: tuple[str, str]
    tls_urls: tuple[str, str]
    inside: Deployment
    service: Service
    clients: tuple[httpx.Client, httpx.Client]
    people: list[str] = field(default_factory=list)

    @property
    def provider(self) -> Deployed:
        return self.world.provider

    def race(self, ask: Callable[[int], Any]) -> tuple[Any, Any]:
        """`ask(0)` and `ask(1)` at the same moment; both answers."""
        start = threading.Barrier(2)
        answers: dict[int, Any] = {}

        def run(which: int) -> None:
            start.wait(10)
            answers[which] = ask(which)

        threads = [threading.Thread(target=run, args=(which,)) for which in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return answers[0], answers[1]

    def post(self, which: int, path: str, **more: Any) -> httpx.Response:
        return self.clients[which].post(self.urls[which] + path, **more)

    def redeem(self, which: int, kept: dict[str, str]) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": kept["code"],
            "code_verifier": kept["verifier"],
            "redirect_uri": Service.redirect,
        }
        return self.post(which, "/oauth/token", data=form, auth=self.credentials)

    @property
    def credentials(self) -> tuple[str, str]:
        return (self.service.client_id, self.service.secret)

    def letter(self) -> str:
        """An activation code for somebody who has none yet."""
        runtime = self.inside.runtime
        with runtime.database.write() as uow:
            issued = self.inside.parts["register"].codes.issue(
                uow, self.people.pop(), SYSTEM, runtime.clock.now()
            )
        return str(issued.code)

    def code(self, browser: Browser) -> dict[str, str]:
        kept = self.service.begin(browser, SCOPE)
        if not browser.url.startswith(Service.redirect):
            choose(browser, CHOSEN)
        return {**kept, "code": httpx.URL(browser.url).params["code"]}


@pytest.fixture(scope="module")
def pair(postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder: Path = tmp_path_factory.mktemp("pair")
    with ExitStack() as stack:
        url = stack.enter_context(postgresql_server.database())
        # Every race has a loser, who would otherwise be told to wait after the twentieth.
        generous = stack.enter_context(pytest.MonkeyPatch.context())
        generous.setenv("CIVITAS_OAUTH__CLIENT_FAILURES_PER_MINUTE", "10000")
        world = World(folder, url)
        stack.callback(world.close)
        first = world.provider
        second_url = _second(first, stack)
        file = folder / "people.json"
        file.write_bytes(as_json(residents(50, seed=3, city="Tallinn", country="EE")))
        first.civitas("citizens", "import", str(file))
        added = world.run_json(
            first, "clients", "add", "--name", "City library", "--redirect", Service.redirect,
            "--scope", f"{SCOPE} access:evaluate", "--purpose", PURPOSE,
        )  # fmt: skip
        inside = governance.assemble(settings_of(first.config))
        stack.callback(inside.runtime.close)
        with inside.runtime.database.read() as uow:
            people = [row.id for row in uow.all(select(persons.c.id))]
        yield Pair(
            world,
            (first.url, second_url[0]),
            (first.tls_url, second_url[1]),
            inside,
            Service(first.url, added["client_id"], added["client_secret"]),
            tuple(stack.enter_context(httpx.Client(timeout=30, verify=False)) for _ in range(2)),  # type: ignore[arg-type]
            people,
        )


def _second(first: Deployed, stack: ExitStack) -> tuple[str, str]:
    """The same deployment once more, on ports of its own."""
    port, tls_port = free_port(), free_port()
    environment = {
        **os.environ,
        "CIVITAS_SERVER__LISTEN": f"127.0.0.1:{port}",
        "CIVITAS_SERVER__TLS_LISTEN": f"127.0.0.1:{tls_port}",
    }
    log = stack.enter_context((first.folder / "second.log").open("ab"))
    process = subprocess.Popen(
        [sys.executable, "-m", "civitas", "serve", "--config", str(first.config)],
        env=environment, stdout=log, stderr=log, cwd=ROOT,
    )  # fmt: skip
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    url = f"http://localhost:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{url}/healthz", timeout=2)
            break
        except httpx.TransportError:
            assert process.poll() is None, (first.folder / "second.log").read_text()
            time.sleep(0.1)
    return url, f"https://localhost:{tls_port}"


@pytest.fixture(scope="module")
def citizen(pair: Pair) -> Browser:
    browser = Browser()
    set_up(pair.world, browser, pair.provider, pair.letter(), "kaja")
    return browser


@pytest.mark.rfc("6749", "4.1.2")
def test_a_code_works_once_across_both(pair: Pair, citizen: Browser) -> None:
    for _ in range(ROUNDS):
        kept = pair.code(citizen)
        answers = pair.race(lambda which, kept=kept: pair.redeem(which, kept))
        assert sorted(a.status_code for a in answers) == [200, 400], [a.text for a in answers]
        refused = next(a for a in answers if a.status_code == 400)
        assert refused.json()["error"] == "invalid_grant"


@pytest.mark.rfc("9700", "4.14.2")
@pytest.mark.row("failures", "8")
def test_a_refresh_token_works_once_across_both_and_its_family_ends(
    pair: Pair, citizen: Browser
) -> None:
    for _ in range(ROUNDS):
        kept = pair.code(citizen)
        tokens = pair.redeem(0, kept).json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answers = pair.race(
            lambda which, form=form: pair.post(
                which, "/oauth/token", data=form, auth=pair.credentials
            )
        )
        assert sorted(a.status_code for a in answers) == [200, 400], [a.text for a in answers]
        won = next(a for a in answers if a.status_code == 200).json()
        for which in (0, 1):
            form = {"grant_type": "refresh_token", "refresh_token": won["refresh_token"]}
            after = pair.post(which, "/oauth/token", data=form, auth=pair.credentials)
            assert after.json()["error"] == "invalid_grant"
            told = pair.post(
                which,
                "/oauth/introspect",
                data={"token": won["access_token"]},
                auth=pair.credentials,
            )
            assert told.json() == {"active": False}


@pytest.mark.rfc("7523", "3")
@pytest.mark.row("failures", "7")
def test_a_client_assertion_works_once_across_both(pair: Pair) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    added = pair.inside.parts["oauth"].clients.add(
        {
            "client_name": "City register",
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [{**jwk, "kid": "k1"}]},
            "grant_types": ["client_credentials"],
            "scope": "access:evaluate",
        },
        datetime.now(UTC),
    )
    for _ in range(ROUNDS):
        claims = {
            "iss": added.client.id,
            "sub": added.client.id,
            "aud": pair.provider.url,
            "jti": opaque.secret(8),
            "exp": datetime.now(UTC) + timedelta(seconds=60),
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode(claims, key, "ES256", headers={"kid": "k1"}),
        }
        answers = pair.race(lambda which, form=form: pair.post(which, "/oauth/token", data=form))
        assert sorted(a.status_code for a in answers) == [200, 401], [a.text for a in answers]


@pytest.mark.rfc("7030", "3.2.3")
@pytest.mark.row("failures", "16")
def test_a_device_token_serves_one_key_across_both(pair: Pair) -> None:
    now = datetime.now(UTC)
    for round_number in range(ROUNDS):
        registered = pair.inside.parts["devices"].register(
            f"Lamp {round_number}", owner("organisation", "Street Lighting"), [], SYSTEM, now
        )
        device = registered.device.id
        # Every other round both bring the same key: then it is one enrolment, answered twice.
        key = new_key()
        keys = (key, key if round_number % 2 else new_key())
        bodies = [base64.b64encode(csr(k, device)) for k in keys]
        answers = pair.race(
            lambda which, bodies=bodies, auth=(device, registered.token): pair.clients[which].post(
                f"{pair.tls_urls[which]}/.well-known/est/simpleenroll",
                content=bodies[which], headers=PKCS10, auth=auth,
            )
        )  # fmt: skip
        given = [a for a in answers if a.status_code == 200]
        assert len(given) == (2 if round_number % 2 else 1), [a.text for a in answers]
        serials = {certificates_in(a.content)[0].serial_number for a in given}
        assert len(serials) == 1
        with pair.inside.runtime.database.read() as uow:
            rows = uow.all(select(certificates.c.state).where(certificates.c.holder == device))
        assert [row.state for row in rows] == ["issued"]


@pytest.mark.row("assurance", "CM-6")
def test_an_activation_code_works_once_across_both(pair: Pair) -> None:
    for round_number in range(ROUNDS):
        code = pair.letter()
        browsers = (Browser(), Browser())
        for which, browser in enumerate(browsers):
            browser.get(f"{pair.urls[which]}/activate")
            browser.submit(browser.form("code"), typed={"code": code})
        forms = [browser.form("name", "password", "repeated") for browser in browsers]

        def choose_password(
            which: int, number: int = round_number, both: Any = browsers, filled: Any = forms
        ) -> bool:
            """Whether it went on to the signed-in part."""
            both[which].submit(
                filled[which],
                typed={
                    "name": f"twin{number}.{which}",
                    "password": PASSWORD,
                    "repeated": PASSWORD,
                },
            )
            both[which].get(f"{pair.urls[which]}/account/credentials")
            return "/sign-in" not in both[which].url

        assert sorted(pair.race(choose_password)) == [False, True]


@pytest.mark.row("assurance", "AU-4")
def test_a_passkey_challenge_works_once_across_both(pair: Pair) -> None:
    browser = Browser()
    passkey = set_up(pair.world, browser, pair.provider, pair.letter(), "passkey.holder")
    for _ in range(ROUNDS):
        visitor = Browser()
        visitor.get(f"{pair.urls[0]}/sign-in")
        button = visitor.marked("data-passkey")
        asked = visitor.post_json(button["data-ask"], {}, button["data-csrf"])
        answer = {"challenge": asked["challenge"], "credential": passkey.get(asked["options"])}
        cookies = dict(visitor.client.cookies)
        answers = pair.race(
            lambda which, answer=answer, cookies=cookies, button=button: httpx.post(
                pair.urls[which] + button["data-answer"],
                json=answer, cookies=cookies, headers={"X-CSRF-Token": button["data-csrf"]},
            )
        )  # fmt: skip
        statuses = sorted(a.status_code for a in answers)
        assert statuses[0] == 200, [a.text for a in answers]
        assert statuses[1] == 422, [a.text for a in answers]


@pytest.mark.rfc("7517", "5")
def test_a_key_made_by_one_is_published_and_used_by_both(pair: Pair) -> None:
    kid = pair.inside.runtime.keys.rotate("jwt", ahead=timedelta(seconds=3))
    deadline = time.monotonic() + 30
    form = {"grant_type": "client_credentials", "scope": "access:evaluate"}
    while True:
        published = [
            {k["kid"] for k in pair.clients[i].get(pair.urls[i] + "/oauth/jwks").json()["keys"]}
            for i in (0, 1)
        ]
        tokens = [
            pair.post(i, "/oauth/token", data=form, auth=pair.credentials).json()["access_token"]
            for i in (0, 1)
        ]
        used = {jwt.get_unverified_header(token)["kid"] for token in tokens}
        # What signs anywhere is published everywhere already.
        assert kid not in used or kid in published[0] & published[1]
        if used == {kid}:
            break
        assert time.monotonic() < deadline, (kid, used, published)
        time.sleep(0.2)
    for which, token in enumerate(tokens):
        told = pair.post(
            1 - which, "/oauth/introspect", data={"token": token}, auth=pair.credentials
        )
        assert told.json()["active"], told.text


def test_leaves_are_gapless_with_two_sequencers(pair: Pair) -> None:
    form = {"grant_type": "client_credentials", "scope": "nothing:of-the-kind"}
    for _ in range(ROUNDS):
        pair.race(lambda which: pair.post(which, "/oauth/token", data=form, auth=("x", "y")))
        pair.inside.parts["devices"].register(
            "Lamp", owner("organisation", "Street Lighting"), [], SYSTEM, datetime.now(UTC)
        )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with pair.inside.runtime.database.read() as uow:
            recorded = uow.one(select(func.count().label("n")).select_from(events))
            numbered = [row[0] for row in uow.all(select(leaves.c.leaf_index))]
        assert recorded is not None
        if len(numbered) == recorded.n:
            break
        time.sleep(0.2)
    assert sorted(numbered) == list(range(recorded.n))
    report = pair.world.run_json(pair.provider, "audit", "verify")
    assert report["ok"], report["problems"]
    assert report["tree_size"] >= recorded.n
