"""Services hear of what happened to a sign-in — OpenID Shared Signals 1.0, CAEP, RISC; RFC 8935,
RFC 8936, RFC 8417."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from sqlalchemy import select

from foundation.audit import Actor
from idp import oauth
from idp.oauth import AddedClient
from idp.oauth.event_tables import signal_streams, signals
from idp.oauth.signals import events
from tests.support.authorization_server import AuthorizationServer

PUSH, POLL = "urn:ietf:rfc:8935", "urn:ietf:rfc:8936"
GRANTS = ["authorization_code", "refresh_token", "client_credentials"]
SCOPE = "openid email offline_access ssf.read ssf.manage"


class Receiver:
    """A service's address for events: what came, and what it says."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, str]] = []
        self.says = 202
        self.url = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/secevent+jwt"
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.heard.append((self.headers["Authorization"], body))
            self.send_response(told.says)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        told.url = f"http://127.0.0.1:{listener.server_port}/events"
        threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True).start()
        yield told
        listener.shutdown()


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    return authorization_server


class Service:
    """A service with tokens of its own."""

    def __init__(self, server: AuthorizationServer, **more: Any) -> None:
        usual = {"grant_types": GRANTS, "scope": SCOPE, "purposes": ["library"]}
        self.server = server
        self.client: AddedClient = server.add(**{**usual, **more})

    def token(self, scope: str = "ssf.manage") -> str:
        answer = self.server.token(self.client, grant_type="client_credentials", scope=scope)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, body: Any = None, scope: str = "ssf.manage") -> Any:
        headers = {"Authorization": f"Bearer {self.token(scope)}"}
        return self.server.browser().request(method, path, json=body, headers=headers)

    def stream(self, delivery: Any = None, **more: Any) -> Any:
        asked = {"delivery": delivery or {"method": POLL}, **more}
        made = self.call("POST", "/ssf/stream", asked)
        assert made.status_code == 201, made.text
        return made.json()

    def poll(self, **asked: Any) -> Any:
        answer = self.call("POST", "/ssf/poll", asked, "ssf.read")
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def service(server: AuthorizationServer) -> Service:
    return Service(server)


def end_session(server: AuthorizationServer) -> None:
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", now)


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    def plain(part: str) -> Any:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))

    head, body, _ = token.split(".")
    return plain(head), plain(body)


def waiting(server: AuthorizationServer) -> list[Any]:
    with server.runtime.database.read() as uow:
        return list(uow.all(select(signals)))


@pytest.mark.rfc("ssf", "7.1")
def test_a_receiver_finds_us(server: AuthorizationServer) -> None:
    told = server.http.get("/.well-known/ssf-configuration").json()
    assert told["issuer"] == server.issuer
    assert told["delivery_methods_supported"] == [PUSH, POLL]
    assert told["default_subjects"] == "ALL"
    assert told["authorization_schemes"] == [{"spec_urn": "urn:ietf:rfc:6749"}]
    for name in ("configuration_endpoint", "status_endpoint", "verification_endpoint", "jwks_uri"):
        assert told[name].startswith(server.issuer)


@pytest.mark.rfc("ssf", "8.1.1")
def test_a_stream_from_its_beginning_to_its_end(service: Service) -> None:
    made = service.stream(events_requested=[events.SESSION_REVOKED, "urn:unknown"])
    assert made["aud"] == service.client.client.id
    assert made["events_delivered"] == [events.SESSION_REVOKED]
    assert made["delivery"]["endpoint_url"].endswith("/ssf/poll")
    one = f"/ssf/stream?stream_id={made['stream_id']}"
    assert service.call("GET", one, scope="ssf.read").json() == made
    assert service.call("GET", "/ssf/stream").json() == [made]
    assert service.call("POST", "/ssf/stream", {}).status_code == 409
    id_ = made["stream_id"]
    changed = service.call("PATCH", "/ssf/stream", {"stream_id": id_, "description": "Sign-ins"})
    assert changed.json() == {**made, "description": "Sign-ins"}
    whole = {"stream_id": id_, "delivery": {"method": POLL}, "events_requested": []}
    put = service.call("PUT", "/ssf/stream", whole).json()
    assert "description" not in put
    assert put["events_delivered"] == []
    assert service.call("DELETE", one).status_code == 204
    for method, path, body in (
        ("GET", one, None),
        ("DELETE", one, None),
        ("PATCH", "/ssf/stream", {"stream_id": id_}),
        ("PUT", "/ssf/stream", whole),
        ("GET", f"/ssf/status?stream_id={id_}", None),
        ("POST", "/ssf/status", {"stream_id": id_, "status": "paused"}),
        ("POST", "/ssf/verify", {"stream_id": id_}),
    ):
        assert service.call(method, path, body).status_code == 404, (method, path)
    assert service.call("GET", "/ssf/stream").json() == []


@pytest.mark.rfc("ssf", "4.1")
@pytest.mark.rfc("caep", "3.1")
@pytest.mark.rfc("8417", "2.2")
def test_an_event_names_the_person_and_the_session_and_nothing_else_of_them(
    server: AuthorizationServer, service: Service
) -> None:
    stream = service.stream()
    tokens = server.tokens(service.client, "email", scope="openid email")
    known = parts(tokens["id_token"])[1]
    end_session(server)
    [(jti, token)] = service.poll()["sets"].items()
    head, body = parts(token)
    assert head["typ"] == "secevent+jwt"
    at = body.pop("iat")
    assert body == {
        "iss": server.issuer,
        "aud": service.client.client.id,
        "jti": jti,
        "sub_id": {
            "format": "complex",
            "user": {"format": "iss_sub", "iss": server.issuer, "sub": known["sub"]},
            "session": {"format": "opaque", "id": known["sid"]},
        },
        "events": {events.SESSION_REVOKED: {"event_timestamp": at}},
    }
    keys = jwt.PyJWKSet.from_dict(server.http.get("/oauth/jwks").json())
    jwt.decode(token, keys[head["kid"]].key, algorithms=["ES256"], audience=stream["aud"],
               options={"verify_iat": False})  # fmt: skip
    kept = repr(waiting(server))
    assert "per_1" not in kept
    assert "ada@" not in kept


@pytest.mark.rfc("8936", "2.4")
@pytest.mark.row("failures", "29")
def test_what_is_polled_stays_until_it_is_acknowledged(
    server: AuthorizationServer, service: Service
) -> None:
    service.stream()
    server.tokens(service.client, "email", scope="openid email")
    end_session(server)
    first = service.poll()["sets"]
    assert set(service.poll()["sets"]) == set(first)
    assert service.poll(maxEvents=0) == {"sets": {}, "moreAvailable": True}
    other = Service(server, client_name="Other")
    other.stream()
    assert other.poll(ack=list(first)) == {"sets": {}}
    assert set(service.poll()["sets"]) == set(first)
    assert service.poll(ack=list(first), returnImmediately=True) == {"sets": {}}
    assert waiting(server) == []


@pytest.mark.rfc("8935", "2.1")
def test_what_is_pushed_is_sent_with_what_the_service_said(
    server: AuthorizationServer, service: Service, receiver: Receiver
) -> None:
    place = {"method": PUSH, "endpoint_url": receiver.url, "authorization_header": "Bearer s3cret"}
    made = service.stream(place)
    assert "s3cret" not in json.dumps(made)
    assert made["delivery"] == {"method": PUSH, "endpoint_url": receiver.url}
    server.tokens(service.client, "email", scope="openid email")
    end_session(server)
    receiver.says = 500
    assert server.oauth.pushes.run() == 1
    server.runtime.clock.advance(timedelta(seconds=5))  # type: ignore[attr-defined]
    receiver.says = 202
    assert server.oauth.pushes.run() == 1
    assert server.oauth.pushes.run() == 0
    (_, first), (sent, second) = receiver.heard
    assert sent == "Bearer s3cret"
    # The same event each time: who heard the first takes the second for what it is.
    assert parts(first)[1]["jti"] == parts(second)[1]["jti"]
    assert service.call("POST", "/ssf/poll", {}).status_code == 400


@pytest.mark.rfc("risc", "2.3")
@pytest.mark.rfc("caep", "3.3")
def test_an_account_that_is_disabled_and_means_that_changed_are_told(
    server: AuthorizationServer, service: Service
) -> None:
    service.stream()
    tokens = server.tokens(service.client, "email", scope="openid email")
    sub = parts(tokens["id_token"])[1]["sub"]
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        oauth.AskAfterChange().means_changed(uow, "per_1", now)
        oauth.TokensEndWithIdentity().end_identity(uow, "per_1", "suspended", now)
    told = [parts(token)[1] for token in service.poll()["sets"].values()]
    assert {kind for body in told for kind in body["events"]} == set(events.SUPPORTED)
    [disabled] = [body for body in told if events.ACCOUNT_DISABLED in body["events"]]
    assert disabled["events"][events.ACCOUNT_DISABLED] == {}
    assert disabled["sub_id"] == {"format": "iss_sub", "iss": server.issuer, "sub": sub}
    [changed] = [body for body in told if events.CREDENTIAL_CHANGE in body["events"]]
    assert {"credential_type", "change_type"} <= set(changed["events"][events.CREDENTIAL_CHANGE])


@pytest.mark.row("privacy", "G-4")
def test_a_withdrawal_is_told_to_that_service_and_to_no_other(
    server: AuthorizationServer, service: Service
) -> None:
    other = Service(server, client_name="Other", redirect_uris=["https://other.example/cb"])
    for one in (service, other):
        one.stream()
        server.tokens(one.client, "email", scope="openid email")
    [consent] = server.policies.consent.list("per_1")[:1]
    by_id = {one.client.client.id: one for one in (service, other)}
    server.withdrawal.withdraw(consent.id, "per_1")
    told = by_id.pop(consent.service)
    [silent] = by_id.values()
    assert len(told.poll()["sets"]) == 1
    assert silent.poll()["sets"] == {}


@pytest.mark.rfc("ssf", "8.1.4")
def test_a_service_has_an_event_sent_that_says_only_that_it_arrived(service: Service) -> None:
    stream = service.stream()
    asked = {"stream_id": stream["stream_id"], "state": "VGhpcw"}
    assert service.call("POST", "/ssf/verify", asked).status_code == 204
    [token] = service.poll()["sets"].values()
    body = parts(token)[1]
    assert body["sub_id"] == {"format": "opaque", "id": stream["stream_id"]}
    assert body["events"] == {events.VERIFICATION: {"state": "VGhpcw"}}
    statuses = [service.call("POST", "/ssf/verify", asked).status_code for _ in range(10)]
    assert statuses == [204] * 9 + [429]


@pytest.mark.rfc("ssf", "8.1.2")
def test_paused_waits_and_disabled_forgets(server: AuthorizationServer, service: Service) -> None:
    stream = service.stream()["stream_id"]

    def status(value: str) -> None:
        asked = {"stream_id": stream, "status": value}
        answer = service.call("POST", "/ssf/status", asked)
        assert answer.json() == asked
        read = service.call("GET", f"/ssf/status?stream_id={stream}", scope="ssf.read")
        assert read.json() == asked

    server.tokens(service.client, "email", scope="openid email")
    status("paused")
    end_session(server)
    assert service.poll()["sets"] == {}
    status("enabled")
    assert len(service.poll()["sets"]) == 1
    status("disabled")
    assert waiting(server) == []
    end_session(server)
    assert waiting(server) == []


def test_who_has_no_stream_costs_no_row(server: AuthorizationServer, service: Service) -> None:
    server.tokens(service.client, "email", scope="openid email")
    end_session(server)
    assert waiting(server) == []


@pytest.mark.rfc("ssf", "8.1.1.1")
@pytest.mark.row("failures", "6")
@pytest.mark.parametrize(
    "asked",
    [
        {"delivery": "push"},
        {"delivery": {"method": "urn:ietf:rfc:1"}},
        {"delivery": {"method": PUSH}},
        {"delivery": {"method": PUSH, "endpoint_url": "http://bank.example/e"}},
        {"delivery": {"method": PUSH, "endpoint_url": "https://a:b@bank.example/e"}},
        {"delivery": {"method": PUSH, "endpoint_url": 7}},
        {
            "delivery": {
                "method": PUSH,
                "endpoint_url": "https://bank.example/e",
                "authorization_header": "Bearer a\r\nX-Other: b",
            }
        },
        {"events_requested": "all"},
        {"events_requested": [7]},
        {"events_requested": ["x"] * 51},
        {"description": ["x"]},
        {"iss": "https://elsewhere.example"},
        {"aud": "svc_other"},
        [],
        "stream",
    ],
)
def test_what_is_no_stream_is_refused(service: Service, asked: Any) -> None:
    refused = service.call("POST", "/ssf/stream", asked)
    assert 400 <= refused.status_code < 500, refused.text
    assert refused.status_code != 409
    assert service.call("GET", "/ssf/stream").json() == []


@pytest.mark.row("failures", "6")
def test_an_address_within_our_network_is_never_pushed_to(
    server: AuthorizationServer, service: Service
) -> None:
    made = service.stream({"method": PUSH, "endpoint_url": "https://10.0.0.7/events"})
    service.call("POST", "/ssf/verify", {"stream_id": made["stream_id"]})
    assert server.oauth.pushes.run() == 1
    [row] = waiting(server)
    assert "not public" in row.last_error


@pytest.mark.rfc("ssf", "9")
@pytest.mark.row("failures", "12")
def test_only_a_services_own_token_with_the_scope_opens_it(
    server: AuthorizationServer, service: Service
) -> None:
    service.stream()
    other = Service(server, client_name="Other", redirect_uris=["https://other.example/cb"])
    assert other.call("GET", "/ssf/stream").json() == []
    browser = server.browser()
    assert browser.get("/ssf/stream").status_code == 401
    wrong = {"Authorization": "Bearer nonsense"}
    assert browser.get("/ssf/stream", headers=wrong).status_code == 401
    persons = server.tokens(service.client, "email", scope="openid email")["access_token"]
    theirs = {"Authorization": f"Bearer {persons}"}
    assert browser.get("/ssf/stream", headers=theirs).status_code == 401
    assert service.call("POST", "/ssf/stream", {}, "ssf.read").status_code == 403


def test_a_service_that_was_removed_has_no_stream(
    server: AuthorizationServer, service: Service
) -> None:
    service.stream()
    server.tokens(service.client, "email", scope="openid email")
    actor, now = Actor("staff", "olga"), server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        server.oauth.clients.remove(uow, service.client.client.id, "closed", actor, now)
    end_session(server)
    assert waiting(server) == []
    with server.runtime.database.read() as uow:
        assert not uow.all(select(signal_streams))
