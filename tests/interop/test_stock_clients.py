"""Services with other people's libraries sign people in, as their quick starts show them — with the
issuer and what `civitas clients add --for …` printed, and nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from playwright.sync_api import Page, expect

from tests.support import relying_parties
from tests.support.browser import VirtualAuthenticator
from tests.support.relying_parties import Citizen, Town, address, port_of, running

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SERVICES = HERE / "npm" / "services"
GO = HERE / "go" / "services"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with relying_parties.town_in(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
def citizen(town: Town) -> Citizen:
    return Citizen(town)


# ── what the services are made of, each built once ────────────────────────────────────────


def _must(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of npm's, by the lock alone: versions and digests stand there."""
    folder: Path = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SERVICES / name, folder)
    _must(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    return folder


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs in Go; its own cache keeps what was compiled once."""
    folder: Path = tmp_path_factory.mktemp("go")
    proxy = "github.com/oauth2-proxy/oauth2-proxy/v7"
    _must(["go", "build", "-o", f"{folder}/", "./native", proxy], GO)
    return folder


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path of a service with Spring Security."""
    folder: Path = tmp_path_factory.mktemp("java")
    source = HERE / "java" / "service"
    _must(
        ["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/jars"],
        source,
    )
    _must(["javac", "-d", f"{folder}/classes", "-cp", f"{folder}/jars/*", "Service.java"], source)
    return f"{folder}/classes:{folder}/jars/*"


# ── the walk ──────────────────────────────────────────────────────────────────────────────


def served(
    command: list[str | Path], url: str, folder: Path, **environment: str
) -> AbstractContextManager[None]:
    return running(command, url, folder / "log", environment, folder)


def walk(
    town: Town, citizen: Citizen, url: str, *, enter: str = "/login", refreshes: bool = True
) -> None:
    """Sign in, refresh, sign out and be back, and see that one has to sign in again."""
    signs_in(town, citizen, url + enter)
    if refreshes:
        assert "refreshed" in citizen.visit(f"{url}/refresh")
    citizen.visit(f"{url}/logout")
    is_back_and_has_to_sign_in(citizen, url, enter)


def signs_in(town: Town, citizen: Citizen, url: str) -> None:
    assert f"Hello {town.name}" in citizen.visit(url)
    assert citizen.asked == ["sign-in", "consent"]


def is_back_and_has_to_sign_in(citizen: Citizen, url: str, enter: str) -> None:
    assert citizen.url.rstrip("/") == url
    assert "Nobody is signed in" in citizen.text
    citizen.visit(url + enter)
    assert citizen.asked[0] == "sign-in"


def pasted(folder: Path, source: Path, printed: str) -> str:
    """A program with what was printed where it says so; its name."""
    written = source.read_text()
    assert "// HERE IS WHAT WAS PRINTED" in written
    (folder / source.name).write_text(written.replace("// HERE IS WHAT WAS PRINTED", printed))
    return source.name


# ── the services ──────────────────────────────────────────────────────────────────────────


def test_openid_client(town: Town, citizen: Citizen, nodes: Path) -> None:
    url = address()
    (nodes / "civitas.mjs").write_text(town.printed("node", url)["civitas.mjs"])
    shutil.copy(SERVICES / "openid_client.mjs", nodes)
    with served(["node", "openid_client.mjs", url], url, nodes):
        walk(town, citizen, url)


@pytest.mark.rfc("9126", "2")
@pytest.mark.rfc("9449", "5")
@pytest.mark.parametrize("profile", ["fapi2-security", "fapi2-message-signing"])
def test_openid_client_by_fapi2(
    town: Town, citizen: Citizen, nodes: Path, tmp_path: Path, profile: str
) -> None:
    """`private_key_jwt`, pushed requests, DPoP with nonces; signed requests, answers and
    introspection."""
    url, key = address(), ec.generate_private_key(ec.SECP256R1())
    public = {**json.loads(ECAlgorithm.to_jwk(key.public_key())), "kid": "one", "alg": "ES256"}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [public]}))
    scope = "openid profile offline_access"
    added = town.deployed.civitas(
        "clients", "add", "--name", profile, "--redirect", f"{url}/callback", "--scope", scope,
        "--post-logout", f"{url}/", "--jwks", str(tmp_path / "keys.json"),
        "--set", f"profile={profile}", "--json",
    )  # fmt: skip
    told = {
        "issuer": town.issuer,
        "client_id": json.loads(added)["client_id"],
        "jwk": {**json.loads(ECAlgorithm.to_jwk(key)), "kid": "one"},
        "signs": profile == "fapi2-message-signing",
        "scope": scope,
        "url": url,
    }
    (nodes / "fapi2.json").write_text(json.dumps(told))
    shutil.copy(SERVICES / "fapi2.mjs", nodes)
    with served(["node", "fapi2.mjs"], url, nodes):
        signs_in(town, citizen, f"{url}/login")
        assert "dpop active=true jkt=43 bare=401" in citizen.visit(f"{url}/token")
        assert "refreshed" in citizen.visit(f"{url}/refresh")
        citizen.visit(f"{url}/logout")
        is_back_and_has_to_sign_in(citizen, url, "/login")


def test_express_openid_connect(town: Town, citizen: Citizen, nodes: Path) -> None:
    url = address()
    source = SERVICES / "express_openid_connect.cjs"
    program = pasted(nodes, source, town.printed("express", url)["app.js"])
    with served(["node", program, url], url, nodes):
        signs_in(town, citizen, url)
        assert "refreshed" in citizen.visit(f"{url}/refresh")
        # All of its pages are for who is signed in: it sends people back here at once.
        assert f"Hello {town.name}" in citizen.visit(f"{url}/logout")
        assert citizen.asked == ["sign-in"]


def test_passport_openidconnect(town: Town, citizen: Citizen, nodes: Path) -> None:
    url = address()
    source = SERVICES / "passport_openidconnect.cjs"
    program = pasted(nodes, source, town.printed("passport", url)["app.js"])
    with served(["node", program, url], url, nodes):
        walk(town, citizen, url, refreshes=False)  # it knows no refresh tokens


@pytest.mark.browser
def test_oidc_client_ts_in_chromium(
    town: Town, page: Page, authenticator: VirtualAuthenticator, nodes: Path
) -> None:
    url = address()
    shutil.copy(SERVICES / "browser.mjs", nodes)
    (nodes / "civitas.js").write_text(town.printed("browser", url)["civitas.js"])
    authenticator.hold(town.passkey)
    with served(["node", "browser.mjs", url], url, nodes):
        page.goto(url)
        page.get_by_role("button", name="Sign in").click()
        page.locator("[data-passkey=get]").click()
        page.locator("button[value=accept]").wait_for()
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.locator("button[value=accept]").click()
        said = page.locator("#said")
        expect(said).to_have_text(f"Hello {town.name}")
        page.get_by_role("button", name="Refresh").click()
        expect(said).to_have_text(f"refreshed for {town.name}")
        page.get_by_role("button", name="Sign out").click()
        expect(said).to_have_text("Nobody is signed in")
        assert page.url.rstrip("/") == url
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("[data-passkey=get]")).to_be_visible()


def test_authlib(town: Town, citizen: Citizen, tmp_path: Path) -> None:
    url = address()
    (tmp_path / "app.py").write_text(town.printed("authlib", url)["app.py"])
    with served([sys.executable, HERE / "python" / "authlib_service.py", url], url, tmp_path):
        walk(town, citizen, url)


def test_mozilla_django_oidc(town: Town, citizen: Citizen, tmp_path: Path) -> None:
    url = address()
    printed = town.printed("django", url)
    settings = (HERE / "python" / "django_settings.py").read_text() + printed["settings.py"]
    (tmp_path / "settings.py").write_text(settings)
    (tmp_path / "civitas_oidc.py").write_text(printed["civitas_oidc.py"])
    shutil.copy(HERE / "python" / "django_site.py", tmp_path)
    django = [sys.executable, "-m", "django"]
    where = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    _must([*django, "migrate", "-v0"], tmp_path, where)
    run = [*django, "runserver", "--noreload", str(port_of(url))]
    with served(run, url, tmp_path, **where):
        signs_in(town, citizen, f"{url}/me")
        # It refreshes by asking again with prompt=none, once what it has is stale.
        citizen.visit(f"{url}/stale")
        assert f"Hello {town.name}" in citizen.visit(f"{url}/me")
        assert citizen.asked == []
        citizen.visit(f"{url}/leave")
        citizen.browser.submit(citizen.browser.form("csrfmiddlewaretoken"))
        is_back_and_has_to_sign_in(citizen, url, "/me")


def test_spring_security(town: Town, citizen: Citizen, spring: str, tmp_path: Path) -> None:
    url = address()
    (tmp_path / "application.yml").write_text(town.printed("spring", url)["application.yml"])
    command = ["java", "-XX:TieredStopAtLevel=1", "-cp", spring, "service.Service"]
    with served([*command, f"--server.port={port_of(url)}"], url, tmp_path):
        signs_in(town, citizen, f"{url}/me")
        assert "refreshed" in citizen.visit(f"{url}/refresh")
        citizen.visit(f"{url}/logout")
        citizen.browser.submit(citizen.browser.form("_csrf"))
        is_back_and_has_to_sign_in(citizen, url, "/me")


def test_mod_auth_openidc(town: Town, citizen: Citizen, tmp_path: Path) -> None:
    url = address()
    (tmp_path / "civitas.conf").write_text(town.printed("apache", url)["civitas.conf"])
    pages = tmp_path / "pages" / "protected"
    pages.mkdir(parents=True)
    shutil.copy(HERE / "apache" / "index.html", pages)
    (tmp_path / "pages" / "index.html").write_text("<p>Nobody is signed in</p>")
    where = {"FOLDER": str(tmp_path), "PORT": str(port_of(url))}
    program = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "apache2 is missing: run `make setup`"
    command: list[str | Path] = [program, "-DFOREGROUND", "-f", HERE / "apache" / "httpd.conf"]
    with served(command, url, tmp_path, **where):
        inside = f"{url}/protected/"
        signs_in(town, citizen, inside)
        own = f"{url}/oidc/redirect_uri"  # its own endpoints are questions to its redirect URI
        before = citizen.browser.element("token")["data-token"]
        citizen.visit(f"{own}?{urlencode({'refresh': inside, 'access_token': before})}")
        assert citizen.browser.element("token")["data-token"] != before
        citizen.visit(f"{own}?{urlencode({'logout': f'{url}/'})}")
        is_back_and_has_to_sign_in(citizen, url, "/protected/")


def test_go_oidc(town: Town, citizen: Citizen, programs: Path, tmp_path: Path) -> None:
    url = address()
    module = tmp_path / "services"
    shutil.copytree(GO, module)
    pasted(module / "service", GO / "service" / "main.go", town.printed("go", url)["civitas.go"])
    _must(["go", "build", "-o", str(tmp_path / "run"), "./service"], module)
    with served([tmp_path / "run", url], url, tmp_path):
        walk(town, citizen, url)


def test_oauth2_proxy(town: Town, citizen: Citizen, programs: Path, tmp_path: Path) -> None:
    """What stands behind it is a service that learns who is there from a token."""
    url = address()
    printed = town.printed("oauth2-proxy", url)
    settings = tmp_path / "oauth2-proxy.cfg"
    settings.write_text(printed["oauth2-proxy.cfg"])
    with behind(town) as upstream:
        # Where it listens, and for a test that waits little; the pages of nobody are for all.
        ours = [f"--http-address=127.0.0.1:{port_of(url)}", f"--upstream={upstream}",
                "--pass-access-token", "--cookie-refresh=1s",
                "--skip-auth-route=^/$"]  # fmt: skip
        with served([programs / "oauth2-proxy", f"--config={settings}", *ours], url, tmp_path):
            enter, inside = "/oauth2/start?rd=/protected", f"{url}/protected"
            signs_in(town, citizen, url + enter)
            before = citizen.text
            deadline = time.monotonic() + 20
            while citizen.visit(inside) == before:
                assert time.monotonic() < deadline, "no other token came"
                time.sleep(0.3)
            assert f"Hello {town.name}" in citizen.text
            found = re.search(r"/oauth2/sign_out\S+", printed[""])
            assert found, printed
            citizen.visit(url + found[0])
            is_back_and_has_to_sign_in(citizen, url, enter)


@pytest.mark.rfc("8252", "7.3")
def test_a_native_program_by_loopback(
    town: Town, citizen: Citizen, programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "civitas.json").write_text(town.printed("native")["civitas.json"])
    with subprocess.Popen(
        [programs / "native"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert "You can close this window." in citizen.visit(program.stdout.readline().strip())
        assert citizen.asked == ["sign-in", "consent"]
        assert program.stdout.readline().strip() == f"Hello {town.name}"
        assert program.stdout.readline().strip() == "refreshed"
        assert "You can close this window." in citizen.visit(program.stdout.readline().strip())
    assert program.returncode == 0
    citizen.visit(f"{town.issuer}/account")
    assert citizen.asked == ["sign-in"]


class Upstream(BaseHTTPRequestHandler):
    """Greets by the token that a proxy forwards."""

    town: Town

    def do_GET(self) -> None:
        token = self.headers.get("X-Forwarded-Access-Token", "")
        said = "<p>Nobody is signed in</p>"
        if token:
            person = httpx.get(
                f"{self.town.issuer}/oauth/userinfo", headers={"Authorization": f"Bearer {token}"}
            )
            said = f"<p>Hello {person.json()['name']}</p><p>{token[-20:]}</p>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def behind(town: Town) -> Iterator[str]:
    handler = type("UpstreamOfTown", (Upstream,), {"town": town})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
