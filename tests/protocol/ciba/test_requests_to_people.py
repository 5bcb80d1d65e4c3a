"""A service asks a person who is not at it — OpenID Connect CIBA Core 1.0."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.web import Principal
from idp.oauth import AddedClient, InvalidClientMetadata
from idp.oauth.client import CIBA
from tests.support.authorization_server import AuthorizationServer, hidden_fields, soon

HERE = "/account/services/asking"
GRANTS = ["authorization_code", "refresh_token", CIBA]
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())), "alg": "ES256"}


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", email="ada@example.org")
    authorization_server.people.sign_in("per_1")
    authorization_server.visitor = Principal("citizen", "per_1", frozenset(), 2)
    return authorization_server


@pytest.fixture
def bank(server: AuthorizationServer) -> AddedClient:
    return server.add(client_name="Bank", grant_types=GRANTS)


@pytest.fixture
def sub(server: AuthorizationServer, bank: AddedClient) -> str:
    """Who let the bank in, as the bank calls them."""
    tokens = server.tokens(bank, "email", scope="openid email")
    return str(server.userinfo(tokens["access_token"]).json()["sub"])


def ask(server: AuthorizationServer, client: AddedClient, **form: str) -> Any:
    body = {"scope": "openid email", **form}
    auth = (client.client.id, client.secret or "")
    return server.browser().post("/oauth/backchannel-authentication", data=body, auth=auth)


def poll(server: AuthorizationServer, client: AddedClient, auth_req_id: str) -> Any:
    return server.token(client, grant_type=CIBA, auth_req_id=auth_req_id)


def press(server: AuthorizationServer, answer: str) -> Any:
    page = server.http.get(HERE)
    fields = {**hidden_fields(page.text), "answer": answer}
    return server.http.post(HERE, data=fields)


def later(server: AuthorizationServer, seconds: int) -> None:
    server.runtime.clock.advance(timedelta(seconds=seconds))  # type: ignore[attr-defined]


@pytest.mark.rfc("ciba", "7.3")
@pytest.mark.rfc("ciba", "10.1")
def test_a_person_allows_what_a_service_asks(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    answer = ask(server, bank, login_hint=sub, binding_message="Order 4711")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    given = answer.json()
    assert (given["expires_in"], given["interval"]) == (300, 5)
    assert poll(server, bank, given["auth_req_id"]).json()["error"] == "authorization_pending"
    page = server.http.get(HERE).text
    assert "Bank" in page
    assert "Order 4711" in page
    question = press(server, "look")
    assert question.headers["location"].startswith("/oauth/consent")
    assert "Order 4711" in server.http.get(question.headers["location"]).text
    done = server.answer(question, "email")
    assert done.headers["location"] == f"{server.issuer}{HERE}/done"
    assert "goes on by itself" in server.http.get(f"{HERE}?done=allowed").text
    tokens = poll(server, bank, given["auth_req_id"])
    assert tokens.status_code == 200, tokens.text
    claims = jwt.decode(tokens.json()["id_token"], options={"verify_signature": False})
    assert claims["sub"] == sub
    assert server.userinfo(tokens.json()["access_token"]).json()["email"] == "ada@example.org"
    assert "No service asks you" in server.http.get(HERE).text


@pytest.mark.rfc("ciba", "11")
def test_a_person_who_knows_nothing_of_it_refuses_at_once(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    id_ = ask(server, bank, login_hint=sub).json()["auth_req_id"]
    assert press(server, "refuse").headers["location"] == f"{HERE}?done=refused"
    assert poll(server, bank, id_).json()["error"] == "access_denied"


@pytest.mark.rfc("ciba", "11")
def test_who_refuses_on_the_page_of_the_question_is_heard(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    id_ = ask(server, bank, login_hint=sub).json()["auth_req_id"]
    done = server.answer(press(server, "look"), choice="refuse")
    assert done.headers["location"].startswith(f"{server.issuer}{HERE}/done?error=access_denied")
    assert poll(server, bank, id_).json()["error"] == "access_denied"


@pytest.mark.rfc("ciba", "7.1")
def test_an_id_token_names_the_person(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    hint = server.tokens(bank, scope="openid")["id_token"]
    assert ask(server, bank, id_token_hint=hint).status_code == 200
    other = server.add(client_name="Other", grant_types=GRANTS)
    refused = ask(server, other, id_token_hint=hint)
    assert (refused.status_code, refused.json()["error"]) == (400, "unknown_user_id")


@pytest.mark.rfc("ciba", "7.1")
@pytest.mark.parametrize(
    "hints",
    [
        {},
        {"login_hint": "SUB", "id_token_hint": "x"},
        {"login_hint_token": "x"},
        {"login_hint": "SUB", "login_hint_token": "x"},
    ],
)
def test_exactly_one_hint_that_we_read(
    server: AuthorizationServer, bank: AddedClient, sub: str, hints: dict[str, str]
) -> None:
    sent = {name: value.replace("SUB", sub) for name, value in hints.items()}
    assert ask(server, bank, **sent).json()["error"] == "invalid_request"


@pytest.mark.rfc("ciba", "13")
@pytest.mark.row("failures", "20")
def test_who_never_let_the_service_in_or_took_it_back_is_unknown_to_it(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    other = server.add(
        client_name="Other", redirect_uris=["https://other.example/cb"], grant_types=GRANTS
    )
    for client, hint in ((bank, "nobody"), (bank, "ada@example.org"), (other, sub)):
        refused = ask(server, client, login_hint=hint)
        assert (refused.status_code, refused.json()["error"]) == (400, "unknown_user_id")
    id_ = ask(server, bank, login_hint=sub).json()["auth_req_id"]
    for consent in server.policies.consent.list("per_1"):
        server.withdrawal.withdraw(consent.id, "per_1")
    assert poll(server, bank, id_).json()["error"] == "access_denied"
    assert "No service asks you" in server.http.get(HERE).text
    assert ask(server, bank, login_hint=sub).json()["error"] == "unknown_user_id"


@pytest.mark.rfc("ciba", "8")
@pytest.mark.row("failures", "11")
def test_nobody_else_sees_or_answers_it(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    ask(server, bank, login_hint=sub)
    page = server.http.get(HERE).text
    fields = {**hidden_fields(page), "answer": "look"}
    server.people.born("per_2")
    server.people.sign_in("per_2", session="ses_2")
    server.visitor = Principal("citizen", "per_2", frozenset(), 2)
    assert "No service asks you" in server.http.get(HERE).text
    assert server.http.post(HERE, data=fields).status_code == 404
    assert server.http.post(HERE, data={**fields, "answer": "refuse"}).status_code == 404


@pytest.mark.rfc("ciba", "10.1")
def test_it_is_its_own_clients_and_once(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    id_ = ask(server, bank, login_hint=sub).json()["auth_req_id"]
    server.answer(press(server, "look"), "email")
    other = server.add(client_name="Other", grant_types=GRANTS)
    assert poll(server, other, id_).json()["error"] == "invalid_grant"
    token = poll(server, bank, id_).json()["access_token"]
    assert poll(server, bank, id_).json()["error"] == "invalid_grant"
    assert server.userinfo(token).status_code == 401  # a replay ends what it gave


@pytest.mark.rfc("ciba", "11")
def test_who_asks_too_often_is_slowed_and_what_is_old_is_over(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    given = ask(server, bank, login_hint=sub, requested_expiry="60").json()
    assert given["expires_in"] == 60
    errors = [poll(server, bank, given["auth_req_id"]).json()["error"] for _ in range(2)]
    assert errors == ["authorization_pending", "slow_down"]
    later(server, 61)
    assert poll(server, bank, given["auth_req_id"]).json()["error"] == "expired_token"
    assert "No service asks you" in server.http.get(HERE).text


@pytest.mark.rfc("ciba", "7.1")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"binding_message": "x" * 101}, "invalid_binding_message"),
        ({"binding_message": "two\nlines"}, "invalid_binding_message"),
        ({"requested_expiry": "0"}, "invalid_request"),
        ({"requested_expiry": "-5"}, "invalid_request"),
        ({"requested_expiry": "soon"}, "invalid_request"),
        ({"scope": "openid invented"}, "invalid_scope"),
        ({"scope": "email"}, "invalid_scope"),
        ({"request": "no.jwt.atall"}, "invalid_request"),
    ],
)
def test_what_cannot_be_asked(
    server: AuthorizationServer, bank: AddedClient, sub: str, form: dict[str, str], error: str
) -> None:
    refused = ask(server, bank, **{"login_hint": sub, **form})
    assert (refused.status_code, refused.json()["error"]) == (400, error)


def test_one_person_is_not_asked_without_end(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    statuses = [ask(server, bank, login_hint=sub).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


@pytest.mark.rfc("ciba", "4")
def test_who_is_not_registered_for_it_asks_nobody(server: AuthorizationServer) -> None:
    service = server.add()
    refused = ask(server, service, login_hint="x")
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.rfc("ciba", "4")
@pytest.mark.parametrize(
    ("member", "more"),
    [
        ("backchannel_client_notification_endpoint", {"backchannel_token_delivery_mode": "ping"}),
        ("backchannel_token_delivery_mode", {"backchannel_token_delivery_mode": "push"}),
        (
            "backchannel_token_delivery_mode",
            {"backchannel_client_notification_endpoint": "https://bank.example/ping"},
        ),
        (
            "backchannel_client_notification_endpoint",
            {
                "backchannel_token_delivery_mode": "ping",
                "backchannel_client_notification_endpoint": "http://bank.example/ping",
            },
        ),
        ("backchannel_user_code_parameter", {"backchannel_user_code_parameter": True}),
        ("grant_types", {"token_endpoint_auth_method": "none"}),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    server: AuthorizationServer, member: str, more: dict[str, Any]
) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        server.add(grant_types=GRANTS, **more)
    assert refused.value.where == member


# ── signed requests ──────────────────────────────────────────────────────────────────────


def signed(server: AuthorizationServer, client: AddedClient, sub: str, **changed: Any) -> str:
    now = server.runtime.clock.now()
    claims = {
        "iss": client.client.id,
        "aud": server.issuer,
        "iat": soon(now, 0),
        "nbf": soon(now, 0),
        "exp": soon(now, 300),
        "jti": "one",
        "scope": "openid email",
        "login_hint": sub,
        "requested_expiry": 90,
        **changed,
    }
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, KEY, algorithm="ES256")


@pytest.mark.rfc("ciba", "7.1.1")
@pytest.mark.parametrize(
    "changed",
    [
        {"iat": None},
        {"nbf": None},
        {"exp": None},
        {"jti": None},
        {"aud": None},
        {"aud": "https://other.example"},
        {"iss": None},
        {"iss": "svc_other"},
        {"nbf": -4200},
        {"nbf": 600},
        {"exp": -90},
        {"exp": 4200},
    ],
)
def test_a_signed_request_says_all_that_it_has_to(
    server: AuthorizationServer, sub: str, changed: dict[str, Any]
) -> None:
    bank = server.add(
        client_name="Signing bank",
        grant_types=GRANTS,
        jwks={"keys": [JWK]},
        require_signed_request_object=True,
    )
    now = server.runtime.clock.now()
    moved = {k: soon(now, v) if isinstance(v, int) else v for k, v in changed.items()}
    refused = ask_signed(server, bank, signed(server, bank, sub, **moved))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.rfc("ciba", "7.1.1")
def test_a_signed_request_counts_once_and_nothing_beside_it(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    signing = server.add(
        client_name="Signing bank",
        grant_types=GRANTS,
        jwks={"keys": [JWK]},
        sector="library.example",
    )
    server.tokens(signing, "email", scope="openid email")
    request = signed(server, signing, sub)
    beside = ask_signed(server, signing, request, binding_message="x")
    assert beside.json()["error"] == "invalid_request"
    answer = ask_signed(server, signing, request)
    assert answer.json()["expires_in"] == 90, answer.text
    assert ask_signed(server, signing, request).json()["error"] == "invalid_request"


def ask_signed(server: AuthorizationServer, client: AddedClient, request: str, **more: str) -> Any:
    auth = (client.client.id, client.secret or "")
    return server.browser().post(
        "/oauth/backchannel-authentication", data={"request": request, **more}, auth=auth
    )


# ── pings ────────────────────────────────────────────────────────────────────────────────


class Bell:
    """A service's address: what came, and what it says."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, Any]] = []
        self.says = 204
        self.url = ""


@contextmanager
def bell() -> Iterator[Bell]:
    told = Bell()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.heard.append((self.headers["Authorization"], body))
            self.send_response(told.says)
            self.send_header("Location", told.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        told.url = f"http://127.0.0.1:{listener.server_port}/ping"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        listener.shutdown()


def pinged_bank(server: AuthorizationServer, url: str) -> tuple[AddedClient, str]:
    bank = server.add(
        client_name="Bank",
        grant_types=GRANTS,
        backchannel_token_delivery_mode="ping",
        backchannel_client_notification_endpoint=url,
    )
    tokens = server.tokens(bank, "email", scope="openid email")
    return bank, str(server.userinfo(tokens["access_token"]).json()["sub"])


@pytest.mark.rfc("ciba", "10.2")
def test_a_service_is_told_that_it_was_answered_and_not_what(
    server: AuthorizationServer,
) -> None:
    with bell() as told:
        bank, sub = pinged_bank(server, told.url)
        without = ask(server, bank, login_hint=sub)
        assert without.json()["error"] == "invalid_request"
        token = "s3cret.TOKEN~1"
        id_ = ask(server, bank, login_hint=sub, client_notification_token=token).json()
        assert server.oauth.pings.run() == 0
        press(server, "refuse")
        assert server.oauth.pings.run() == 1
        assert told.heard == [(f"Bearer {token}", {"auth_req_id": id_["auth_req_id"]})]
        assert server.oauth.pings.run() == 0
    assert poll(server, bank, id_["auth_req_id"]).json()["error"] == "access_denied"


@pytest.mark.rfc("ciba", "10.2")
@pytest.mark.parametrize(("status", "heard"), [(401, 1), (403, 1), (302, 1), (500, 3), (204, 1)])
def test_what_is_refused_is_not_said_again_and_what_failed_three_times_at_most(
    server: AuthorizationServer, status: int, heard: int
) -> None:
    with bell() as told:
        told.says = status
        bank, sub = pinged_bank(server, told.url)
        ask(server, bank, login_hint=sub, client_notification_token="t")
        press(server, "refuse")
        for _ in range(5):
            server.oauth.pings.run()
            later(server, 30)
        assert len(told.heard) == heard


@pytest.mark.row("failures", "6")
def test_an_address_within_our_network_is_never_pinged(server: AuthorizationServer) -> None:
    bank, sub = pinged_bank(server, "https://10.0.0.7/ping")
    ask(server, bank, login_hint=sub, client_notification_token="t")
    press(server, "refuse")
    assert server.oauth.pings.run() == 1
    later(server, 60)
    assert server.oauth.pings.run() == 0


def test_the_list_says_no_more_of_a_request_than_its_service_and_words(
    server: AuthorizationServer, bank: AddedClient, sub: str
) -> None:
    given = ask(server, bank, login_hint=sub, binding_message="<b>4711</b>").json()
    page = server.http.get(HERE).text
    assert given["auth_req_id"] not in page
    assert "&lt;b&gt;4711" in page
    assert not re.search(r"per_1|svc_", page)
