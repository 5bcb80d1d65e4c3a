"""What two services could compare of one person: nothing that joins them — privacy P-1; OIDC §8.1.

One person, one session, two services of two sectors that collude. Everything that each of them sees
is taken apart: redirects, bodies, headers, cookies, both parts of every token. A value that is the
same at both must be one that is the same for everybody; a time must be the service's own moment.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest

from foundation.clock import FrozenClock
from idp.oauth.authorization import freshness
from idp.oauth.authorization.request import AuthorizationRequest, ClaimsWanted
from idp.oauth.grant_store import alive_of_person
from tests.support.authorization_server import AuthorizationServer, answer_of

SCOPE = "openid age offline_access"
ESSENTIAL = json.dumps({"id_token": {"auth_time": {"essential": True}}})
ASKS: dict[str, dict[str, str]] = {
    "nothing": {},
    "max_age": {"max_age": "3600"},
    "essential": {"claims": ESSENTIAL},
}

# The same for everybody, or for so many that it joins nobody: each by its name. `age_over_18` is
# what the person chose to tell both.
FOR_EVERYBODY = frozenset(
    {
        "iss", "acr", "amr", "scope", "purpose", "token_type", "expires_in", "active",
        "age_over_18", "alg", "kid", "typ", "error", "error_description",
        "header.content-type", "header.content-length", "header.cache-control", "header.pragma",
        "header.vary", "header.access-control-allow-origin",
        "header.x-content-type-options", "header.referrer-policy",
        "header.content-security-policy", "header.cross-origin-opener-policy",
        "header.cross-origin-resource-policy", "header.permissions-policy",
        "header.x-frame-options", "header.strict-transport-security",
        "header.www-authenticate",
    }
)  # fmt: skip
TIMES = frozenset({"iat", "exp", "nbf", "auth_time", "updated_at"})


class Seen:
    """All values that one service saw, by the name under which it saw them."""

    def __init__(self) -> None:
        self.values: dict[str, set[str]] = defaultdict(set)
        self.times: list[tuple[str, int]] = []

    def answer(self, response: Any) -> Any:
        for name, value in response.headers.items():
            if name == "location":
                for part, told in answer_of(response).items():
                    self._one(part, told)
            else:
                self._one(f"header.{name}", value)
        for name, value in response.cookies.items():
            self._one(f"cookie.{name}", value)
        if response.headers.get("content-type", "").startswith("application/json"):
            self._one("body", response.json())
        return response

    def _one(self, name: str, value: Any) -> None:
        if isinstance(value, Mapping):
            for member, told in value.items():
                self._one(member, told)
        elif isinstance(value, list):
            for told in value:
                self._one(name, told)
        elif isinstance(value, str) and value.count(".") == 2 and value.startswith("ey"):
            self.values[value].add(name)
            self._one("header", jwt.get_unverified_header(value))
            self._one("payload", jwt.decode(value, options={"verify_signature": False}))
        elif isinstance(value, int) and not isinstance(value, bool) and value > 10**9:
            self.times.append((name, value))
        else:
            self.values[str(value)].add(name)


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    server = any_authorization_server
    server.people.born("per_1", age_over_18=True, email="ada@example.org")
    return server


def visit(server: AuthorizationServer, host: str, asks: Mapping[str, str]) -> tuple[Seen, set[int]]:
    """The whole life of one service with the person, and the seconds in which it asked."""
    clock, seen, moments = server.runtime.clock, Seen(), set()

    def later() -> None:
        assert isinstance(clock, FrozenClock)
        clock.advance(timedelta(seconds=7))
        moments.add(int(clock.now().timestamp()))

    service = server.add(
        client_name=host,
        redirect_uris=[f"https://{host}/cb"],
        post_logout_redirect_uris=[f"https://{host}/bye"],
    )
    own = {"state": f"state-{host}", "nonce": f"nonce-{host}", **asks}
    later()
    page = server.authorize(service, scope=SCOPE, **own)
    answered = seen.answer(server.answer(page, "age_over_18"))
    later()
    tokens = seen.answer(server.redeem(service, answer_of(answered)["code"])).json()
    later()
    seen.answer(server.userinfo(tokens["access_token"]))
    again = seen.answer(server.refresh(service, tokens["refresh_token"])).json()
    secret = (service.client.id, service.secret or "")
    form = {"token": again["access_token"]}
    seen.answer(server.browser().post("/oauth/introspect", data=form, auth=secret))
    later()
    silent = seen.answer(server.authorize(service, scope=SCOPE, prompt="none", **own))
    seen.answer(server.redeem(service, answer_of(silent)["code"]))
    later()
    seen.answer(server.browser().post("/oauth/revoke", data=form, auth=secret))
    seen.answer(server.browser().post("/oauth/introspect", data=form, auth=secret))
    seen.answer(server.userinfo(again["access_token"]))
    seen.answer(
        server.http.get(
            "/oauth/end-session",
            params={
                "id_token_hint": tokens["id_token"],
                "post_logout_redirect_uri": f"https://{host}/bye",
                "state": f"bye-{host}",
            },
        )
    )
    seen.answer(server.authorize(service, scope=SCOPE, prompt="none", **own))
    return seen, moments


@pytest.mark.row("privacy", "P-1")
@pytest.mark.rfc("oidc-core", "8.1")
@pytest.mark.parametrize("asks", ASKS.values(), ids=ASKS)
def test_two_services_that_compare_everything_find_nothing_of_one_person(
    server: AuthorizationServer, clock: FrozenClock, asks: Mapping[str, str]
) -> None:
    clock.advance(timedelta(seconds=111))  # no round second
    here = server.people.sign_in("per_1")
    signed_in = int(clock.now().timestamp())
    clock.advance(timedelta(minutes=10))
    one, moments = visit(server, "a.example", asks)
    server.people.present = here  # the same session goes on at the other service
    clock.advance(timedelta(minutes=10))
    two, others = visit(server, "b.example", asks)

    same = one.values.keys() & two.values.keys() - {server.issuer}
    joined = {v: one.values[v] | two.values[v] for v in same}
    assert {v: n for v, n in joined.items() if not n <= FOR_EVERYBODY} == {}
    lives = {0, server.oauth.settings.access_token_seconds, server.oauth.settings.id_token_seconds}
    for seen, own in ((one, moments), (two, others)):
        told = {name for name, _ in seen.times}
        assert told <= TIMES
        assert ("auth_time" in told) == bool(asks)
        for name, second in seen.times:
            if name == "auth_time":
                assert second % freshness.COARSE.total_seconds() == 0
                assert second <= signed_in
            else:
                assert any(second - life in own for life in lives)
    everything = json.dumps([list(one.values), list(two.values)])
    assert not [inner for inner in _inner(server, here.session_id) if inner in everything]


def _inner(server: AuthorizationServer, session_id: str) -> Iterator[str]:
    """Identifiers of ours that no service ever sees."""
    yield from ("per_1", session_id)
    yield from (consent.id for consent in server.policies.consent.list("per_1"))


# ── the time of the sign-in ──────────────────────────────────────────────────────────────


def request(**more: Any) -> AuthorizationRequest:
    return AuthorizationRequest("svc", "https://a.example/cb", ("openid",), "library", "c", **more)


@pytest.mark.rfc("oidc-core", "3.1.2.1")
@pytest.mark.parametrize("max_age", [2, 3, 10, 60, 599, 600, 3600, 999_999_999])
def test_a_service_that_checks_max_age_itself_is_never_wrong(
    clock: FrozenClock, max_age: int
) -> None:
    """What we let pass is, as it is told, not older than the service allows."""
    asked, now = request(max_age=max_age), clock.now() + timedelta(milliseconds=1234)
    allowed = freshness.oldest(asked)
    assert allowed is not None
    assert timedelta(0) <= allowed < timedelta(seconds=max_age)
    for part in range(0, 101, 5):
        signed_in = now - allowed * part / 100 if max_age < 10_000 else now - timedelta(days=part)
        told = freshness.told(asked, signed_in)
        assert told is not None
        assert told <= signed_in
        assert now - told <= timedelta(seconds=max_age)


def test_a_time_is_told_to_who_asked_only_and_exactly_only_of_a_sign_in_made_for_it(
    clock: FrozenClock,
) -> None:
    at: datetime = clock.now() + timedelta(seconds=123)
    assert freshness.told(request(), at) is None
    assert freshness.told(request(prompt=("login",)), at) is None
    essential = ClaimsWanted(auth_time=True)
    assert freshness.told(request(claims=essential), at) == clock.now()
    assert freshness.told(request(max_age=3600), at) == clock.now()
    for fresh in (request(max_age=0), request(claims=essential, prompt=("login",))):
        assert freshness.told(fresh, at) == at


def test_a_sign_in_that_would_be_told_as_too_old_is_made_anew(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    service = server.add()
    server.people.sign_in("per_1")
    clock.advance(timedelta(minutes=6))
    old = server.authorize(service, max_age="600")
    assert old.headers["location"].startswith("/sign-in?")
    fine = server.authorize(service, max_age="1200")
    assert fine.headers["location"].startswith("/oauth/consent?")


# ── guessing who is there ────────────────────────────────────────────────────────────────


def guesses(sub: str, hint: str) -> Iterator[dict[str, str]]:
    yield {"claims": json.dumps({"id_token": {"sub": {"value": sub}}})}
    yield {"claims": json.dumps({"id_token": {"sub": {"values": ["x", sub], "essential": True}}})}
    yield {"claims": json.dumps({"userinfo": {"sub": {"value": sub}}})}
    yield {"claims": json.dumps({"id_token": {"email": {"value": "ada@example.org"}}})}
    yield {"login_hint": "ada"}
    if hint:
        yield {"id_token_hint": hint}


@pytest.mark.row("privacy", "P-1")
@pytest.mark.rfc("oidc-core", "5.5.1")
def test_a_guess_gets_the_same_bytes_whether_right_wrong_or_nobody_is_there(
    server: AuthorizationServer,
) -> None:
    server.people.born("per_2", email="bob@example.org")
    known, curious = server.add(), server.add()  # one sector: they know the same subjects
    server.people.sign_in("per_1")
    tokens = server.tokens(known)
    sub = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    answered = server.tokens(curious, "email", scope="openid email")
    consent = server.policies.consent.list("per_1")[0]
    server.withdrawal.withdraw(consent.id, "per_1")

    def tried(person: str | None, guess: Mapping[str, str]) -> Any:
        server.people.present = None
        if person is not None:
            server.people.sign_in(person)
        answer = server.authorize(curious, prompt="none", **guess)
        told = {n: v for n, v in answer.headers.items() if n != "x-request-id"}  # random each time
        return answer.status_code, sorted(told.items()), answer.content

    for guess in ({}, *guesses(sub, answered["id_token"]), *guesses("wrong", "")):
        nobody = tried(None, guess)
        assert tried("per_1", guess) == nobody
        assert tried("per_2", guess) == nobody
        assert "error=login_required" in dict(nobody[1])["location"]


@pytest.mark.rfc("oidc-core", "5.5.1")
def test_a_service_that_was_let_in_is_never_given_another_than_it_asks_for(
    server: AuthorizationServer,
) -> None:
    server.people.born("per_2", email="bob@example.org")
    service, other = server.add(), server.add(redirect_uris=["https://bank.example/cb"])
    server.people.sign_in("per_2")
    server.tokens(service)
    server.people.sign_in("per_1")
    tokens = server.tokens(service)
    sub = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    asking = [
        g for g in guesses(sub, tokens["id_token"]) if "sub" in str(g) or "id_token_hint" in g
    ]
    for guess in asking:
        server.people.sign_in("per_1")
        assert "code" in answer_of(server.authorize(service, prompt="none", **guess))
        server.people.sign_in("per_2")
        for prompt in (None, "none"):
            answer = answer_of(server.authorize(service, prompt=prompt, **guess))
            assert answer["error"] == "login_required"
    foreign = answer_of(server.authorize(other, id_token_hint=tokens["id_token"]))
    assert foreign["error"] == "invalid_request"
    both = {"claims": json.dumps({"id_token": {"sub": {"value": "wrong"}}})}
    server.people.sign_in("per_1")
    mixed = server.authorize(service, id_token_hint=tokens["id_token"], **both)
    assert answer_of(mixed)["error"] == "login_required"


@pytest.mark.row("privacy", "P-1")
def test_on_the_page_a_guess_is_looked_at_only_after_the_person_agreed(
    server: AuthorizationServer,
) -> None:
    server.people.born("per_2")
    known, curious = server.add(), server.add()
    server.people.sign_in("per_1")
    tokens = server.tokens(known)
    sub = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    wish = json.dumps({"id_token": {"sub": {"value": sub}}})

    def answered(person: str, choice: str) -> dict[str, str]:
        server.people.sign_in(person)
        page = server.authorize(curious, claims=wish)
        assert page.headers["location"].startswith("/oauth/consent?")
        return answer_of(server.answer(page, choice=choice))

    assert answered("per_1", "refuse") == answered("per_2", "refuse")
    assert answered("per_2", "accept")["error"] == "login_required"
    with server.runtime.database.read() as uow:
        assert alive_of_person(uow, "per_2", server.runtime.clock.now()) == []
    assert "code" in answered("per_1", "accept")


def test_silent_attempts_are_counted_like_any_other(server: AuthorizationServer) -> None:
    service = server.add()
    most = server.oauth.settings.authorize_per_minute
    tries = [server.authorize(service, prompt="none").status_code for _ in range(most + 1)]
    assert (tries[0], tries[-1]) == (303, 429)
