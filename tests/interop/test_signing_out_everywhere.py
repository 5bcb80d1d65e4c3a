"""Other people's libraries hear of a sign-out, verify what they hear, and register themselves."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authlib.jose import JsonWebKey, JsonWebToken

from idp import oauth
from tests.support import relying_parties
from tests.support.authorization_server import AuthorizationServer
from tests.support.ears import listening
from tests.support.relying_parties import Citizen, Town, address, running

pytestmark = pytest.mark.slow

SERVICES = Path(__file__).parent / "npm" / "services"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with relying_parties.town_in(tmp_path_factory.mktemp("town")) as made:
        deployed = made.deployed
        deployed.stop()
        with deployed.config.open("a", encoding="utf-8") as file:
            file.write(
                "\n[clients]\ndynamic_registration = true\n"
                'dynamic_scope = ["openid", "profile", "email", "offline_access"]\n'
            )
        deployed.start()
        yield made


@pytest.fixture
def citizen(town: Town) -> Citizen:
    return Citizen(town)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of npm's, by the lock alone: versions and digests stand there."""
    folder: Path = tmp_path_factory.mktemp("npm")
    for file in SERVICES.iterdir():
        shutil.copy(file, folder)
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.rfc("oidc-backchannel", "2.5")
def test_express_openid_connect_ends_its_session_when_the_person_signs_out_here(
    town: Town, citizen: Citizen, nodes: Path
) -> None:
    url = address()
    added = json.loads(
        town.deployed.civitas(
            "clients", "add", "--name", "Hears", "--redirect", f"{url}/callback",
            "--set", f"backchannel_logout_uri={url}/backchannel-logout", "--json",
        )
    )  # fmt: skip
    told = {name: added[name] for name in ("issuer", "client_id", "client_secret")}
    (nodes / "backchannel.json").write_text(json.dumps({**told, "url": url}))
    with running(["node", "express_backchannel.cjs"], url, nodes / "log", {}, nodes):
        assert "Hello" in citizen.visit(f"{url}/login")
        browser = citizen.browser
        browser.get(f"{town.issuer}/account")
        browser.submit(browser.form(action="/sign-out"))
        deadline = time.monotonic() + 20
        while "Nobody is signed in" not in citizen.visit(f"{url}/"):
            assert time.monotonic() < deadline, town.log()[-2000:]
            time.sleep(0.1)


@pytest.mark.rfc("7591", "3")
def test_openid_client_registers_itself_and_signs_somebody_in(
    town: Town, citizen: Citizen, nodes: Path
) -> None:
    url = address()
    invited = json.loads(town.deployed.civitas("clients", "invite", "--note", "npm", "--json"))
    printed = town.printed("node", url)["civitas.mjs"]
    (scope,) = re.findall(r'scope: "([^"]+)"', printed)
    words = ["node", "register.mjs", town.issuer, url, invited["initial_access_token"], scope]
    given = json.loads(_run(words, nodes))
    # What was printed for another service, with what this one was given in its place.
    ours = f'"{given["client_id"]}", "{given["client_secret"]}"'
    program, count = re.subn(r'"svc_\w+", "[\w-]{43}"', ours, printed)
    assert count == 1, printed
    (nodes / "civitas.mjs").write_text(program)
    with running(["node", "openid_client.mjs", url], url, nodes / "log", {}, nodes):
        assert f"Hello {town.name}" in citizen.visit(f"{url}/login")
        assert citizen.asked == ["sign-in", "consent"]
        assert "refreshed" in citizen.visit(f"{url}/refresh")


@pytest.mark.rfc("oidc-backchannel", "2.6")
def test_authlib_and_jose_verify_a_logout_token(
    authorization_server: AuthorizationServer, nodes: Path
) -> None:
    server = authorization_server
    server.people.born("per_1")
    server.people.sign_in("per_1")
    with listening() as ears:
        service = server.add(backchannel_logout_uri=f"{ears.url}/out")
        id_token = server.tokens(service)["id_token"]
        now = server.runtime.clock.now()
        with server.runtime.database.write() as uow:
            oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", now)
        server.oauth.sign_outs.run()
        (token,) = ears.tokens("/out")
    jwks = server.http.get("/oauth/jwks").json()
    keys = JsonWebKey.import_key_set(jwks)
    jwt = JsonWebToken(["ES256"])
    known = jwt.decode(id_token, keys)
    wanted = {
        "iss": {"essential": True, "value": server.issuer},
        "aud": {"essential": True, "value": service.client.id},
        "events": {"essential": True},
        "jti": {"essential": True},
    }
    claims = jwt.decode(token, keys, claims_options=wanted)
    claims.validate(now=int(now.timestamp()))
    assert EVENT in claims["events"]
    told = {
        "token": token,
        "jwks": jwks,
        "issuer": server.issuer,
        "audience": service.client.id,
        "now": int(now.timestamp() * 1000),
    }
    (nodes / "logout_token.json").write_text(json.dumps(told))
    heard = json.loads(_run(["node", "logout_token.mjs"], nodes))
    assert heard == {name: known[name] for name in ("sub", "sid")}
    assert heard == {name: claims[name] for name in ("sub", "sid")}
