"""After a withdrawal everything needs the person again — GDPR art. 7(3); G-4, P-6; failures 20."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from foundation.clock import FrozenClock
from idp import oauth
from idp.oauth import AddedClient, sweeping
from policies import Permit, Question
from tests.support.authorization_server import AuthorizationServer, answer_of

SCOPE = "openid email age offline_access"
ASKED = ("openid", "openid offline_access", "openid email", SCOPE)


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    server = any_authorization_server
    server.people.born("per_1", email="ada@example.org", age_over_18=True)
    server.people.sign_in("per_1")
    return server


def withdraw(server: AuthorizationServer) -> None:
    active = [c for c in server.policies.consent.list("per_1") if c.state == "active"]
    server.withdrawal.withdraw(active[0].id, "per_1")


def sub_of(tokens: dict[str, Any]) -> str:
    return str(jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"])


def gives_nothing(server: AuthorizationServer, service: AddedClient, had: dict[str, Any]) -> None:
    """Every scope, prompt and hint at the authorization endpoint, and every other endpoint."""
    wish = json.dumps({"id_token": {"sub": {"value": sub_of(had)}}})
    hints = ({}, {"claims": wish}, {"id_token_hint": had["id_token"]}, {"login_hint": "ada"})
    for scope in ASKED:
        for hint in hints:
            silent = server.authorize(service, scope=scope, prompt="none", **hint)
            assert answer_of(silent).get("error") == "login_required"
            for prompt in (None, "consent"):
                seen = server.authorize(service, scope=scope, prompt=prompt, **hint)
                assert seen.headers["location"].startswith("/oauth/consent?")
    assert server.refresh(service, had["refresh_token"]).status_code == 400
    assert server.userinfo(had["access_token"]).status_code == 401
    assert server.introspect(service, had["access_token"]) == {"active": False}
    asked = Question(service.client.id, "per_1", ("email",), "library", server.runtime.clock.now())
    assert not isinstance(server.policies.decide(asked, server.people.facts), Permit)


@pytest.mark.row("failures", "20")
@pytest.mark.row("privacy", "G-4")
def test_after_a_withdrawal_no_scope_prompt_or_hint_gives_anything_at_any_endpoint(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    had = server.tokens(service, "email", scope=SCOPE)
    withdraw(server)
    gives_nothing(server, service, had)


@pytest.mark.row("failures", "20")
def test_sign_in_alone_and_codes_under_way_end_with_the_withdrawal_too(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    alone = server.tokens(service, scope="openid offline_access")
    code = server.sign_in(service, scope="openid")
    withdraw(server)
    assert server.refresh(service, alone["refresh_token"]).status_code == 400
    assert server.redeem(service, code).status_code == 400
    gives_nothing(server, service, alone)


@pytest.mark.row("failures", "20")
def test_another_purpose_that_was_answered_without_data_is_asked_anew_too(
    server: AuthorizationServer,
) -> None:
    service = server.add(purposes=["library", "identity.sign-in"])
    server.tokens(service, "email", scope=SCOPE, purpose="library")
    quiet = server.tokens(service, scope="openid offline_access", purpose="identity.sign-in")
    withdraw(server)
    silent = server.authorize(service, purpose="identity.sign-in", prompt="none")
    assert answer_of(silent)["error"] == "login_required"
    assert server.refresh(service, quiet["refresh_token"]).status_code == 400


def test_what_rests_on_another_consent_that_stands_goes_on(server: AuthorizationServer) -> None:
    service = server.add(purposes=["library", "identity.sign-in"])
    other = server.add(redirect_uris=["https://bank.example/cb"])
    kept = [
        server.tokens(service, "email", scope=SCOPE, purpose="identity.sign-in"),
        server.tokens(other, "email", scope=SCOPE),
    ]
    server.tokens(service, "email", scope=SCOPE, purpose="library")
    consent = next(
        c
        for c in server.policies.consent.list("per_1")
        if (c.service, c.purpose) == (service.client.id, "library")
    )
    server.withdrawal.withdraw(consent.id, "per_1")
    assert server.refresh(service, kept[0]["refresh_token"]).status_code == 200
    assert server.refresh(other, kept[1]["refresh_token"]).status_code == 200


def test_who_answers_anew_is_the_same_person_to_the_service(server: AuthorizationServer) -> None:
    service = server.add()
    had = server.tokens(service, "email", scope=SCOPE)
    withdraw(server)
    again = server.tokens(service, scope="openid")
    assert sub_of(again) == sub_of(had)
    assert "code" in answer_of(server.authorize(service, prompt="none"))
    assert server.refresh(service, had["refresh_token"]).status_code == 400


@pytest.mark.row("failures", "20")
@pytest.mark.parametrize("marked", [False, True])
def test_the_end_of_a_consent_by_time_ends_the_answer_and_the_tokens(
    server: AuthorizationServer, clock: FrozenClock, marked: bool
) -> None:
    service = server.add()
    clock.advance(timedelta(seconds=1))
    server.tokens(service, "email", scope=SCOPE)
    clock.advance(timedelta(days=364, hours=23))
    had = server.tokens(service, scope=SCOPE)
    clock.advance(timedelta(hours=2))
    server.people.sign_in("per_1")
    if marked:
        assert server.withdrawal.expire(clock.now()) == 1
    gives_nothing(server, service, had)


@pytest.mark.row("failures", "20")
def test_an_answer_to_sign_in_alone_ends_in_time_and_is_forgotten(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    server.tokens(service)
    clock.advance(timedelta(days=366))
    server.people.sign_in("per_1")
    silent = server.authorize(service, prompt="none")
    assert answer_of(silent).get("error") == "login_required"
    assert sweeping.sweep(server.runtime.database, clock.now()) > 0


@pytest.mark.row("failures", "20")
def test_a_refusal_ends_the_answer_that_was_given_before(server: AuthorizationServer) -> None:
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    page = server.authorize(service, scope=SCOPE, prompt="consent")
    assert answer_of(server.answer(page, choice="refuse"))["error"] == "access_denied"
    for scope in ASKED:
        silent = server.authorize(service, scope=scope, prompt="none")
        assert answer_of(silent)["error"] == "login_required"


@pytest.mark.row("failures", "20")
def test_a_narrower_answer_ends_the_tokens_of_the_wider_one(server: AuthorizationServer) -> None:
    service = server.add()
    wide = server.tokens(service, "email", "age_over_18", scope=SCOPE)
    narrow = server.tokens(service, "email", scope=SCOPE, prompt="consent")
    assert server.refresh(service, wide["refresh_token"]).status_code == 400
    assert server.userinfo(wide["access_token"]).status_code == 401
    assert server.refresh(service, narrow["refresh_token"]).status_code == 200
    wider = server.tokens(service, "email", "age_over_18", scope=SCOPE, prompt="consent")
    kept = server.refresh(service, wider["refresh_token"])
    assert kept.status_code == 200


def test_an_erased_or_suspended_identity_leaves_no_answer(server: AuthorizationServer) -> None:
    service = server.add()
    had = server.tokens(service, "email", scope=SCOPE)
    with server.runtime.database.write() as uow:
        oauth.TokensEndWithIdentity().end_identity(
            uow, "per_1", "suspend", server.runtime.clock.now()
        )
    silent = server.authorize(service, prompt="none")
    assert answer_of(silent)["error"] == "login_required"
    assert server.refresh(service, had["refresh_token"]).status_code == 400


@pytest.mark.row("failures", "20")
def test_a_withdrawal_that_crosses_a_silent_sign_in_comes_before_it_or_after(
    server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the code everything is withdrawn: no code, and no live grant."""
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    flow = server.oauth.authorization
    asking, question = type(flow.asking), type(flow.asking).question

    def crossed(*given: Any) -> Any:
        found = question(*given)
        withdraw(server)
        return found

    monkeypatch.setattr(asking, "question", crossed)
    silent = answer_of(server.authorize(service, scope="openid", prompt="none"))
    assert "code" not in silent
