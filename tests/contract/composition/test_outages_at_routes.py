"""While the database is away, each route says so in the form of its own protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from foundation import web
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth import bearer
from tests.support.city import City
from tests.support.client import TestClient

SECRET = "what the statement would have stored"
FORM = {"grant_type": "client_credentials", "token": "x", "client_id": "x", "client_secret": "x"}


def away(*_: Any) -> NoReturn:
    raise OperationalError(f"INSERT {SECRET}", {}, Exception("connection refused"))


@pytest.fixture
def town(settings: Settings, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    made = City(settings, clock)
    with monkeypatch.context() as down:
        for way in ("read", "write"):
            down.setattr(made.runtime.database, way, away)
        yield made
    made.close()


def ask(town: City, method: str, path: str, **more: Any) -> httpx.Response:
    origin = "https://localhost:8443" if "/est/" in path else "http://localhost:8000"
    client = TestClient(town.app, base_url=origin, follow_redirects=False)
    answer: httpx.Response = client.request(method, path, **more)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert "does not answer" in answer.text
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text
    return answer


@pytest.mark.rfc("6749", "5.2")
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/introspect", "/oauth/revoke"])
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_oauth_endpoints_say_temporarily_unavailable(town: City, path: str, accept: str) -> None:
    answer = ask(town, "POST", path, data=FORM, headers={"Accept": accept})
    assert answer.json()["error"] == "temporarily_unavailable"
    assert answer.headers["Cache-Control"] == "no-store"


def test_userinfo_says_temporarily_unavailable(town: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bearer.Bearers, "active", away)  # of a token whose signature is good
    answer = ask(town, "GET", "/oauth/userinfo", headers={"Authorization": "Bearer x"})
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "WWW-Authenticate" not in answer.headers, "the token may well be good"


@pytest.mark.rfc("7030", "4.2.3")
@pytest.mark.parametrize("label", ["", "devices/"])
@pytest.mark.parametrize("operation", ["simpleenroll", "csrattrs"])
def test_est_says_so_in_plain_text(town: City, label: str, operation: str) -> None:
    method, given = ("GET", {}) if operation == "csrattrs" else ("POST", {"content": b"MAA="})
    answer = ask(
        town,
        method,
        f"/.well-known/est/{label}{operation}",
        auth=("dev_x", "token"),
        headers={"Content-Type": "application/pkcs10"},
        **given,
    )
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Next step:" in answer.text


def test_authzen_echoes_the_identifier_of_the_request(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "principal", away)
    headers = {"X-Request-ID": "mine", "Authorization": "Bearer x"}
    answer = ask(town, "POST", "/access/v1/evaluation", json={}, headers=headers)
    assert answer.headers["X-Request-ID"] == "mine"


def test_a_person_gets_a_page(town: City) -> None:
    answer = ask(town, "GET", "/oauth/authorize?client_id=x", headers={"Accept": "text/html"})
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "Try again in a few seconds" in answer.text


def test_a_defect_is_a_server_error_with_a_reference(
    town: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> NoReturn:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(town.runtime.database, "read", broken)
    monkeypatch.setattr(town.runtime.database, "write", broken)
    client = TestClient(town.app, base_url="http://localhost:8000")
    answer = client.post("/oauth/token", data=FORM)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "err_" in answer.json()["error_description"]
    assert SECRET not in answer.text
