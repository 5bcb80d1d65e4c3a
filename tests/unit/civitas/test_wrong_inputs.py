"""What people really type wrongly in each role, and the sentence that meets it.

Each sentence says what was wrong, where, and what to do next; each is held by words of it.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from civitas import cli
from civitas.commands import console
from device_registry import owner
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.settings import Server
from tests.support import deployments
from tests.support.city import City
from tests.support.devices import csr, new_key

RAW = re.compile(
    r"Traceback|pydantic|sqlalchemy|Input should|Errno|routines|[a-z]\.\.(?!\.)|: [^ ]+: .*: "
)
"""What no person should read: names of libraries, their words, doubled stops."""

# ── the operator's configuration: what stands there, and what was written instead ────────────
CONFIGURATION: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "a port too high": ("127.0.0.1:8000", "127.0.0.1:99999", ("[server] listen", "65535")),
    "a port forgotten": ('"127.0.0.1:8000"', '"127.0.0.1"', ("[server] listen", "host:port")),
    "only a port": ('"127.0.0.1:8000"', '"8000"', ("[server] listen", "host:port")),
    "an url without scheme": ('"http://localhost:8000"', '"localhost:8000"',
                              ("[server] url", "write an origin", "http:// or https://")),
    "an url with a path": ("localhost:8000\"\nl", "localhost:8000/id\"\nl",
                           ("[server] url", "without a path")),
    "http for everybody": ("http://localhost:8000", "http://id.example.city",
                           ("loopback_http", "id.example.city")),
    "a key misspelt": ("listen =", "lisen =", ("'lisen'", "[server]", "did you mean listen?")),
    "a section misspelt": ("[server]", "[sever]", ("[sever]", "did you mean server?")),
    "a model misspelt": ('"provider"', '"provder"', ("governance", "did you mean provider?")),
    "a country by its name": ('"XX"', '"Estonia"', ("country", "two capital letters")),
    "a city for a time zone": ('"UTC"', '"Tallinn"', ("time_zone", "Europe/Tallinn")),
    "quotes forgotten": ('"UTC"', "UTC", ("line ", "time_zone", "in quotes")),
    "a word for a number": ("[server]", '[server]\nthreads = "many"', ("threads", "whole number")),
    "no threads at all": ("[server]", "[server]\nthreads = 0", ("threads", "1 or more")),
    "one instead of a list": ("[server]", '[server]\ntrusted_proxies = "10.0.0.1"',
                              ("trusted_proxies", "list in brackets")),
    "a name for an address": ("[server]", '[server]\ntrusted_proxies = ["nginx"]',
                              ("trusted_proxies", "'nginx'", "address")),
    "a header of another proxy": ("[server]", '[server]\nclient_certificate_header = "X-Cert"',
                                  ("client_certificate_header", "X-SSL-Client-Cert")),
    "another database": ("sqlite:///civitas.db", "mysql://x/y", ("mysql", "postgresql+psycopg://")),
    "another driver": ("sqlite:///civitas.db", "postgresql+psycopg2://x/y",
                       ("psycopg2", "write postgresql+psycopg://")),
    "a file for an url": ("sqlite:///civitas.db", "civitas.db", ("'civitas.db'", "sqlite:///")),
    "a folder that is not there": ("sqlite:///civitas.db", "sqlite:////nowhere/civitas.db",
                                   ("[database]", "/nowhere", "make that folder")),
    "a key file misspelt": ("file:master.key", "file:mater.key", ("mater.key", "civitas init")),
    "a key without its kind": ("file:master.key", "master.key", ("master_key", "file:PATH")),
    "a certificate that is not there": (
        "[server]", '[server]\ntls_listen = "127.0.0.1:8443"\ntls_certificate = "no.pem"',
        ("tls_certificate", "no.pem", "civitas init")),
    "a certificate that is none": (
        "[server]", ('[server]\ntls_listen = "127.0.0.1:8443"\ntls_certificate = "civitas.toml"\n'
                     'tls_key = "civitas.toml"'), ("no PEM certificate", "write a chain")),
    "nobody's word for a log": ("[server]", '[telemetry]\nlog_format = "xml"\n[server]',
                                ("log_format", "text, json")),
}  # fmt: skip

# ── the command line ─────────────────────────────────────────────────────────────────────────
SERVICE = ("clients", "add", "--name", "Library", "--redirect")
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a command misspelt": (("device", "list"), ("'device'", "'devices'")),
    "an act misspelt": (("devices", "ad"), ("'ad'", "'add'")),
    "no owner": (("devices", "add", "--label", "Lamp"), ("--owner", "--help")),
    "no label": (("devices", "add", "--label", "", "--owner", "X"), ("label", "such as")),
    "an owner unknown": (("devices", "add", "--label", "Lamp", "--owner", "citizen:per_nobody"),
                         ("per_nobody", "register")),
    "an owner by name": (("devices", "add", "--label", "Lamp", "--owner", "citizen:Mari"),
                         ("register's id", "per_")),
    "a profile misspelt": (
        ("devices", "add", "--label", "Lamp", "--owner", "X", "--profile", "device-shrt"),
        ("device-shrt", "did you mean device-short?")),
    "an identifier of no scheme": (
        ("devices", "add", "--label", "Lamp", "--owner", "X", "--identifier", "mac=00"),
        ("'mac'", "eui64", "scheme=value")),
    "half an identifier": (
        ("devices", "add", "--label", "Lamp", "--owner", "X", "--identifier", "eui64=00-11"),
        ("EUI-64", "eight bytes", "00-24-BE")),
    "a device id cut off": (("devices", "show", "dev-12"),
                            ("dev-12", "2 characters", "22", "devices list")),
    "a label for an id": (("devices", "show", "lamp"), ("'lamp'", "dev-", "devices list")),
    "no reason": (("devices", "suspend", f"dev-{'0' * 22}", "--reason", ""), ("reason", "history")),
    "a person id cut off": (("citizens", "suspend", "per_x", "--reason", "moved"),
                            ("per_x", "1 characters", "22")),
    "a role unknown": (("staff", "invite", "--role", "admin"), ("'admin'", "officer, operator")),
    "a role with a capital": (("staff", "invite", "--role", "Officer"), ("did you mean officer?",)),
    "a file that is not there": (("citizens", "import", "no.csv"), ("no.csv", ".csv or .json")),
    "a redirect over http": ((*SERVICE, "http://svc.example/cb"), ("redirect_uris", "https")),
    "a redirect with a fragment": ((*SERVICE, "https://svc.example/cb#x"), ("fragment",)),
    "a redirect with a star": ((*SERVICE, "https://*.example/cb"), ("wildcard", "exact")),
    "a scope misspelt": ((*SERVICE, "https://svc.example/cb", "--scope", "openid proflie"),
                         ("'proflie'", "did you mean profile?")),
    "a purpose misspelt": ((*SERVICE, "https://svc.example/cb", "--purpose", "libary"),
                           ("'libary'", "did you mean library?")),
    "a grant of old times": ((*SERVICE, "https://svc.example/cb", "--grant", "password"),
                             ("'password'", "authorization_code")),
    "a configuration that is not there": (("clients", "list", "--config", "none.toml"),
                                          ("none.toml", "civitas init")),
    "a backup into nowhere": (("backup", "/nowhere/x"), ("/nowhere/x", "No such file")),
    "a governance model misspelt": (("routes", "--governance", "brokr"), ("did you mean broker?",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One deployment for all: what is refused changes nothing."""
    made = tmp_path_factory.mktemp("wrong")
    config = str(made / "civitas.toml")
    done = CliRunner().invoke(cli.command_line(), ["init", "--config", config, "--development"])
    assert done.exit_code == 0, done.output
    return made


@dataclass
class Console:
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def refused(self, *words: str) -> str:
        """What the program as it is installed says on standard error, in one line."""
        self.monkeypatch.setattr(sys, "argv", ["civitas", *words])
        self.monkeypatch.setattr(console.err, "_file", sys.stderr)
        self.monkeypatch.setenv("COLUMNS", "200")
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert ended.value.code in (1, 2), said.out
        return " ".join(re.sub("[│╭╮╰╯─]+", " ", said.err).split())


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(capsys, monkeypatch)


def held(said: str, words: tuple[str, ...]) -> None:
    for word in words:
        assert word in said, said
    assert not RAW.search(said), said


@pytest.mark.parametrize(("right", "wrong", "words"), CONFIGURATION.values(), ids=CONFIGURATION)
def test_a_slip_in_the_configuration(
    folder: Path, typed: Console, right: str, wrong: str, words: tuple[str, ...]
) -> None:
    written = (folder / "civitas.toml").read_text("utf-8")
    assert right in written
    (folder / "wrong.toml").write_text(written.replace(right, wrong, 1), "utf-8")
    held(typed.refused("config", "check", "--config", str(folder / "wrong.toml")), words)


@pytest.mark.parametrize(("line", "words"), COMMANDS.values(), ids=COMMANDS)
def test_a_slip_at_the_command_line(
    folder: Path, typed: Console, line: tuple[str, ...], words: tuple[str, ...]
) -> None:
    typed.monkeypatch.chdir(folder)
    held(typed.refused(*line), words)


# ── the endpoints: what an integrator, a device's owner and a person send ────────────────────
CALLBACK = "https://library.example/callback"
JSON, PAGE = {"Accept": "application/json"}, {"Accept": "text/html"}


class Senders:
    """A service and a device that mean well."""

    def __init__(self, city: City) -> None:
        self.city = city
        added = city.deployment.parts["oauth"].clients.add(
            {
                "client_name": "Library",
                "redirect_uris": [CALLBACK],
                "scope": "openid profile",
                "purposes": ["library"],
                "grant_types": ["authorization_code", "refresh_token"],
            },
            city.clock.now(),
        )
        self.service = (added.client.id, added.secret or "")
        street = owner("organisation", "Street")
        lamp = city.deployment.parts["devices"].register(
            "Lamp", street, [], SYSTEM, city.clock.now()
        )
        self.device = (lamp.device.id, lamp.token)
        self.key = new_key()

    def token(self, service: tuple[str, str] | None = None, /, **form: str) -> Any:
        """To the token endpoint, as the service unless it is somebody else."""
        http = self.city.browser().http
        return http.post("/oauth/token", auth=service or self.service, data=form, headers=JSON)

    def get(self, path: str, **headers: str) -> Any:
        return self.city.browser().http.get(
            path, headers={**JSON, **headers}, follow_redirects=False
        )

    def authorize(self, **changed: str | None) -> Any:
        asked = {
            "client_id": self.service[0],
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "nonce": "n",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
            **changed,
        }
        params = {k: v for k, v in asked.items() if v is not None}
        http = self.city.browser().http
        return http.get("/oauth/authorize", params=params, headers=PAGE, follow_redirects=False)

    def est(
        self, path: str = "simpleenroll", *, by: tuple[str, str] | None = None,
        content: bytes | None = None, kind: str = "application/pkcs10", tls: bool = True,
    ) -> Any:  # fmt: skip
        headers = {"Content-Type": kind, **({"X-Forwarded-Proto": "https"} if tls else {})}
        body = base64.b64encode(csr(self.key, self.device[0])) if content is None else content
        return self.city.browser().http.post(
            f"/.well-known/est/{path}", content=body, auth=by or self.device, headers=headers
        )


Sent = Callable[[Senders], Any]
REQUESTS: dict[str, tuple[Sent, int, tuple[str, ...]]] = {
    "a wrong secret": (lambda s: s.token((s.service[0], "x"), grant_type="authorization_code"),
                       401, ("invalid_client",)),
    "a service that nobody knows": (lambda s: s.token(("svc_x", "x"), grant_type="refresh_token"),
                                    401, ("invalid_client",)),
    "the grant of old times": (lambda s: s.token(grant_type="password", username="m"),
                               400, ("unsupported_grant_type", "authorization_code")),
    "no grant": (lambda s: s.token(code="x"), 400, ("grant_type is missing",)),
    "a grant it was not given": (lambda s: s.token(grant_type="client_credentials"),
                                 400, ("unauthorized_client", "not registered")),
    "no code": (lambda s: s.token(grant_type="authorization_code"), 400, ("code is missing",)),
    "a code that is none": (
        lambda s: s.token(grant_type="authorization_code", code="x", redirect_uri=CALLBACK,
                          code_verifier="x" * 43),
        400, ("invalid_grant", "sign in again")),
    "a refresh token that is none": (
        lambda s: s.token(grant_type="refresh_token", refresh_token="x"),
        400, ("invalid_grant", "sign in again")),
    "a token endpoint in a browser": (lambda s: s.get("/oauth/token"), 405, ("POST",)),
    "an unknown service": (lambda s: s.authorize(client_id="svc_x"), 400, ("client_id", "tell")),
    "a redirect with a slash more": (lambda s: s.authorize(redirect_uri=f"{CALLBACK}/"),
                                     400, ("redirect_uri", "not registered", "Go back")),
    "a hybrid of old times": (lambda s: s.authorize(response_type="token"), 303,
                              ("unsupported_response_type", "code")),
    "a plain challenge": (lambda s: s.authorize(code_challenge_method="plain"), 303, ("S256",)),
    "no openid": (lambda s: s.authorize(scope="profile"), 303, ("openid",)),
    "a scope it was not given": (lambda s: s.authorize(scope="openid email"), 303,
                                 ("invalid_scope", "email", "profile")),
    "userinfo without a token": (lambda s: s.get("/oauth/userinfo"), 401, ("Authorization",)),
    "a token that has expired": (lambda s: s.get("/oauth/userinfo", Authorization="Bearer x.y.z"),
                                 401, ("invalid_token", "not valid")),
    "a list of devices for nobody": (lambda s: s.get("/devices/v1"), 401, ("access token",)),
    "discovery by another name": (lambda s: s.get("/.well-known/openid-config"), 404,
                                  ("/.well-known/openid-configuration?",)),
    "an address of another server": (lambda s: s.get("/authorize"), 404, ("/oauth/authorize?",)),
    "EST without TLS": (lambda s: s.est(tls=False), 403, ("TLS", "https")),
    "a token of another device": (lambda s: s.est(by=(s.device[0], "guess")), 401,
                                  ("do not belong together", "new enrolment token")),
    "a request of the wrong type": (lambda s: s.est(kind="application/json"), 415,
                                    ("Content-Type", "application/pkcs10")),
    "no request": (lambda s: s.est(content=b""), 400, ("openssl req",)),
    "a picture for a request": (lambda s: s.est(content=b"\x89PNG\r\n\x1a\n"), 400,
                                ("Where: request", "openssl req")),
    "a label that is none": (lambda s: s.est("lamps/simpleenroll"), 404, ("label", "devices")),
    "a letter forgotten": (lambda s: s.est("simpleenrol"), 404, ("/.well-known/est/simpleenroll",)),
    "another name in the request": (
        lambda s: s.est(content=base64.b64encode(csr(s.key, "lamp"))), 400,
        ("subject.CN", "Use the subject")),
    "an invitation that was used": (lambda s: s.get("/invitation/abc", Accept="text/html"), 410,
                                    ("no longer works", "Ask an operator")),
    "a form without its cookie": (
        lambda s: s.city.browser().http.post("/sign-in", data={"name": "m"}, headers=PAGE), 403,
        ("cookie", "Allow cookies")),
    "a wrong password": (lambda s: s.city.browser().post("/sign-in", name="m", password="x"), 422,
                         ("do not fit together",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def senders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Senders]:
    behind = Server(url="http://localhost:8000", trusted_proxies=("testclient",))
    settings = deployments.settings_in(tmp_path_factory.mktemp("sent"), behind)
    city = City(settings, FrozenClock(deployments.START))
    yield Senders(city)
    city.close()


def read(answer: Any) -> str:
    """What a person reads of it, in whatever form it came."""
    if answer.status_code == 303:
        return str(answer.headers["location"]).replace("+", " ")
    said = str(answer.text)
    if "html" in answer.headers["content-type"]:
        said = re.sub("<[^>]+>", " ", said.partition("<main")[2].partition("</main")[0])
    return said


@pytest.mark.parametrize(("send", "status", "words"), REQUESTS.values(), ids=REQUESTS)
def test_a_slip_in_a_request(
    senders: Senders, send: Sent, status: int, words: tuple[str, ...]
) -> None:
    answer = send(senders)
    said = read(answer)
    assert answer.status_code == status, said
    for word in words:
        assert word in said, said


def test_the_table_holds_what_it_promises() -> None:
    assert len(CONFIGURATION) + len(COMMANDS) + len(REQUESTS) >= 51
