"""Keycloak beside us: Red Hat's distribution, fetched by Maven on first use, on our PostgreSQL.

In production mode, built for PostgreSQL, with a local cache, over plain HTTP as Civitas behind a
proxy, with a database of its own on the server that Civitas is on. A realm is imported with one
confidential client and one person, whose password is hashed as Keycloak does by default (Argon2id,
7 MiB, five passes, one lane). Java's driver knows no Unix socket: it connects over the loopback.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
import secrets
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from benchmarks import kinds, servers
from benchmarks.kinds import Work
from benchmarks.load import Answer, Dialogue, Request, form, lanes
from benchmarks.servers import ROOT, Measured, Missing
from benchmarks.subjects import CONNECTIONS
from civitas.tour.deployments import free_port

VERSION = "26.7.3"
MODULE = ROOT / "benchmarks" / "keycloak"
BUILD = MODULE / "build"
HOME = BUILD / f"keycloak-{VERSION}"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
JAVA = "openjdk-17-jre-headless"
MEMORY, PASSES, LANES = 7_168, 5, 1
NAME, PASSWORD = "somebody", "orbit velvet cactus lantern"
CLIENT = {"client_id": "client", "client_secret": "secret"}
CALLBACK = "http://127.0.0.1:1/callback"
PROTOCOL = "/realms/bench/protocol/openid-connect"
_ACTION = re.compile(r'action="([^"]+)"')


class Keycloak:
    """Grants, and sign-ins by the form of its login page."""

    name = "keycloak"
    puts_off = 0.3
    warm_up = 5000  # until Java has compiled what is hot

    def __init__(self, process: Measured) -> None:
        self.process = process

    @property
    def offers(self) -> Mapping[str, Callable[[int], Work]]:
        return {kinds.GRANTS: self._grants, kinds.FORM_SIGN_INS: self._sign_ins}

    def _grants(self, count: int) -> Work:
        wanted = {"grant_type": "client_credentials", **CLIENT}
        return Work(
            self.process.port, lanes(CONNECTIONS, [form(f"{PROTOCOL}/token", wanted)] * count)
        )

    def _sign_ins(self, count: int) -> Work:
        return Work(self.process.port, lanes(CONNECTIONS, [sign_in()] * count))


def sign_in() -> Dialogue:
    """The page with its form; then name and password, which lead to a code for the service."""

    def dialogue() -> Generator[Request, Answer, None]:
        asked = {
            "response_type": "code",
            "client_id": CLIENT["client_id"],
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": secrets.token_urlsafe(8),
        }
        page = yield Request("GET", f"{PROTOCOL}/auth?{urlencode(asked)}")
        found = _ACTION.search(page.body.decode())
        assert found is not None, page.body[:300]
        action = urlsplit(html.unescape(found[1]))
        typed = {"username": NAME, "password": PASSWORD, "credentialId": ""}
        cookies = {"Cookie": page.cookies}
        came = yield form(f"{action.path}?{action.query}", typed, 302, cookies)
        assert "code=" in came.headers["location"]

    return dialogue


@contextmanager
def keycloak_running(folder: Path, database: str | None) -> Iterator[Keycloak]:
    """Raises servers.Missing without PostgreSQL, Java or the distribution."""
    if database is None:
        raise Missing("Keycloak is left out: it has no SQLite, and is measured on PostgreSQL.")
    program = _built()
    folder.mkdir()
    port = free_port()
    with _store(database) as place:
        command = [
            str(program), "start", "--optimized", "--import-realm", "--http-enabled=true",
            "--http-host=127.0.0.1", f"--http-port={port}", "--hostname-strict=false",
            "--cache=local", "--log-level=warn",
        ]  # fmt: skip
        log = folder / "log"
        with servers.started(command, port, log, "/realms/bench", place, patience=600) as process:
            httpx.get(f"http://127.0.0.1:{port}/realms/bench").raise_for_status()
            yield Keycloak(process)


@contextmanager
def _store(database: str) -> Iterator[Mapping[str, str]]:
    """Its settings for a database of its own, which is gone afterwards."""
    url = make_url(database)
    name = f"keycloak_{secrets.token_hex(4)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        except SQLAlchemyError as refused:
            raise Missing(f"Keycloak is left out: no database for it ({refused}).") from refused
        host = "127.0.0.1" if _is_socket(url) else url.host or "127.0.0.1"
        yield {
            "KC_DB_URL": f"jdbc:postgresql://{host}:{url.port or 5432}/{name}",
            "KC_DB_USERNAME": url.username or "postgres",
            "KC_DB_PASSWORD": url.password or "",
        }
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        engine.dispose()


def _is_socket(url: URL) -> bool:
    return str(url.query.get("host", url.host or "")).startswith("/")


def _built() -> Path:
    """Its starter, once it is unpacked and built for PostgreSQL."""
    program, ready = HOME / "bin" / "kc.sh", HOME / "civitas-bench-ready"
    if not shutil.which("java"):
        raise Missing(f"Keycloak is left out: it needs Java (apt-get install {JAVA}).")
    if not ready.exists():
        shutil.rmtree(HOME, ignore_errors=True)
        with zipfile.ZipFile(_fetched()) as archive:
            archive.extractall(BUILD)
        program.chmod(0o755)
        build = [str(program), "build", "--db=postgres"]
        done = subprocess.run(build, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()[-200:]
            raise Missing(f"Keycloak is left out: its `kc.sh build` said {said!r}.")
        ready.touch()
    realm = HOME / "data" / "import" / "bench-realm.json"
    realm.parent.mkdir(parents=True, exist_ok=True)
    realm.write_text(json.dumps(_realm()))
    return program


def _fetched() -> Path:
    """The distribution, and no other than the one that was measured."""
    file = BUILD / f"keycloak-quarkus-dist-{VERSION}.zip"
    if not file.exists():
        if not shutil.which("mvn"):
            raise Missing("Keycloak is left out: it needs Maven (apt-get install maven).")
        fetch = ["mvn", "-q", "-B", "-f", str(MODULE / "pom.xml"),
                 "dependency:copy-dependencies", f"-DoutputDirectory={BUILD}"]  # fmt: skip
        done = subprocess.run(
            fetch, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0 or not file.exists():
            said = (done.stdout + done.stderr).strip()[-200:]
            raise Missing(f"Keycloak is left out: Maven said {said!r}.")
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != SHA256:
            raise Missing(f"Keycloak is left out: {file.name} is not the one that is pinned.")
    return file


def _realm() -> dict[str, object]:
    return {
        "realm": "bench",
        "enabled": True,
        "sslRequired": "none",
        "accessTokenLifespan": 300,
        "defaultSignatureAlgorithm": "ES256",
        "clients": [
            {
                "clientId": CLIENT["client_id"],
                "secret": CLIENT["client_secret"],
                "enabled": True,
                "publicClient": False,
                "serviceAccountsEnabled": True,
                "standardFlowEnabled": True,
                "redirectUris": [CALLBACK],
            }
        ],
        "users": [
            {
                "username": NAME,
                "enabled": True,
                "emailVerified": True,
                "email": "somebody@example.org",
                "firstName": "Some",
                "lastName": "Body",
                "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
            }
        ],
    }
