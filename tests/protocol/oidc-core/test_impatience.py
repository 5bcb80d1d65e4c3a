"""The same answer given twice leads to the same place, and tabs leave each other alone —
OpenID Connect Core 1.0 §3.1.2; RFC 6265bis §5.6.7.1 (SameSite and requests that post)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from foundation.clock import FrozenClock
from foundation.cross_origin import origin
from idp.oauth import AddedClient
from tests.support.authorization_server import (
    CALLBACK,
    AuthorizationServer,
    answer_of,
    hidden_fields,
)
from tests.support.client import TestClient

ELSEWHERE = {"Origin": "https://library.example", "Sec-Fetch-Site": "cross-site"}
PAGE = {"Accept": "text/html"}


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.born("per_1", given_name="Ada")
    authorization_server.people.sign_in("per_1")
    return authorization_server


def asked(server: AuthorizationServer, service: AddedClient) -> dict[str, str]:
    location = server.authorize(service).headers["location"]
    return hidden_fields(server.http.get(location).text)


def posted_from_elsewhere(
    server: AuthorizationServer, service: AddedClient, http: TestClient, **changed: str
) -> Any:
    """Another site posts a request: cookies that are SameSite=Lax do not come with it."""
    kept = dict(http.cookies)
    http.cookies.clear()
    answer = http.post(
        "/oauth/authorize", data=server.parameters(service, **changed), headers=ELSEWHERE
    )
    assert "set-cookie" not in answer.headers
    for name, value in kept.items():
        http.cookies.set(name, value)
    return answer


# ── twice ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.rfc("oidc-core", "3.1.2.5")
@pytest.mark.parametrize("choice", ["accept", "refuse"])
def test_the_same_answer_leads_to_the_same_place_while_nobody_used_what_is_there(
    server: AuthorizationServer, choice: str
) -> None:
    service = server.add()
    fields = {**asked(server, service), "answer": choice}
    first, second = (server.http.post("/oauth/consent", data=fields) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    if choice == "accept":
        assert server.redeem(service, answer_of(second)["code"]).status_code == 200
        assert server.http.post("/oauth/consent", data=fields).status_code == 409


def test_an_answer_is_repeated_no_longer_than_its_code_lives_and_in_no_other_browser(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    fields = {**asked(server, server.add()), "answer": "accept"}
    assert server.http.post("/oauth/consent", data=fields).status_code == 303
    stranger = server.browser()
    stranger.get("/oauth/authorize", params=server.parameters(server.add()))
    assert stranger.post("/oauth/consent", data=fields).status_code == 403
    clock.advance(timedelta(seconds=61))
    assert server.http.post("/oauth/consent", data=fields).status_code == 409


def test_going_on_after_sign_in_leads_twice_to_the_same_place(server: AuthorizationServer) -> None:
    service = server.add()
    server.sign_in(service)
    server.people.present = None
    server.authorize(service)
    onward = server.people.asked[-1].return_to
    server.people.sign_in("per_1")
    first, second = (server.http.get(onward) for _ in range(2))
    assert "code" in answer_of(first)
    assert first.headers["location"] == second.headers["location"]


def test_going_on_twice_leads_twice_to_the_question(server: AuthorizationServer) -> None:
    server.people.present = None
    server.authorize(server.add())
    onward = server.people.asked[-1].return_to
    server.people.sign_in("per_1")
    first, second = (server.http.get(onward).headers["location"] for _ in range(2))
    assert first == second
    assert server.http.get(second).status_code == 200


# ── tabs ─────────────────────────────────────────────────────────────────────────────────


def test_two_tabs_that_open_at_once_both_go_on(server: AuthorizationServer) -> None:
    service = server.add()
    both = server.browser()
    answers = []
    for _ in range(2):
        # Neither has a cookie yet when it asks; the browser keeps what each is given.
        kept = dict(both.cookies)
        both.cookies.clear()
        answers.append(both.get("/oauth/authorize", params=server.parameters(service)))
        for name, value in kept.items():
            both.cookies.set(name, value)
    for answer in answers:
        page = both.get(answer.headers["location"])
        assert page.status_code == 200
        fields = {**hidden_fields(page.text), "answer": "accept"}
        sent = both.post("/oauth/consent", data=fields)
        assert sent.status_code == 303
        assert "code" in answer_of(sent)


def test_cookies_of_tabs_do_not_grow_without_end(server: AuthorizationServer) -> None:
    http = server.browser()
    service = server.add()
    for number in range(30):
        http.cookies.set(f"civitas-0a1b2c3d-browser-{number:08x}", f"value{number}")
    answer = http.get("/oauth/authorize", params=server.parameters(service))
    forgotten = [told for told in answer.headers.get_list("set-cookie") if "Max-Age=0" in told]
    assert len(forgotten) == 30 - 8
    assert "browser-00000000=" in forgotten[0]


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_a_request_that_another_site_posts_leaves_the_tabs_of_the_browser_alone(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    fields = asked(server, service)
    posted = posted_from_elsewhere(server, service, server.http)
    assert posted.status_code == 303
    assert posted.headers["location"].startswith("/oauth/come?transaction=")
    there = server.http.get(posted.headers["location"])
    assert there.headers["location"].startswith("/oauth/consent?")
    sent = server.http.post("/oauth/consent", data={**fields, "answer": "accept"})
    assert "code" in answer_of(sent)
    assert server.http.get(there.headers["location"]).status_code == 200


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_who_is_signed_in_is_known_in_silence_to_a_service_that_posts(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    server.sign_in(service)
    posted = posted_from_elsewhere(server, service, server.http, prompt="none")
    first, second = (server.http.get(posted.headers["location"]) for _ in range(2))
    assert "code" in answer_of(first)
    assert second.headers["location"] == first.headers["location"]


def test_what_another_site_posted_belongs_to_the_first_browser_that_comes_for_it(
    server: AuthorizationServer,
) -> None:
    posted = posted_from_elsewhere(server, server.add(), server.http)
    assert server.http.get(posted.headers["location"]).status_code == 303
    assert server.browser().get(posted.headers["location"]).status_code == 400


@pytest.mark.rfc("6749", "4.1.2.1")
def test_an_error_in_what_another_site_posted_goes_back_at_once(
    server: AuthorizationServer,
) -> None:
    posted = posted_from_elsewhere(server, server.add(), server.http, response_type="token")
    assert answer_of(posted)["error"] == "unsupported_response_type"


@pytest.mark.rfc("oidc-rpinitiated", "2")
def test_a_service_that_posts_a_sign_out_finds_who_is_there(server: AuthorizationServer) -> None:
    hint = server.tokens(server.add())["id_token"]
    posted = server.http.post("/oauth/end-session", data={"id_token_hint": hint}, headers=ELSEWHERE)
    assert server.people.present is not None
    server.http.get(posted.headers["location"])
    assert server.people.present is None


# ── cookies ──────────────────────────────────────────────────────────────────────────────


def test_without_cookies_the_page_says_that_cookies_are_missing(
    server: AuthorizationServer,
) -> None:
    fields = {**asked(server, server.add()), "answer": "accept"}
    location = server.authorize(server.add()).headers["location"]
    bare = server.browser()
    sent = bare.post("/oauth/consent", data=fields, headers=PAGE)
    assert sent.status_code == 403
    shown = bare.get(location, headers=PAGE)
    for page in (sent, shown):
        assert "Without cookies nobody can be signed in here" in page.text


# ── ways back ────────────────────────────────────────────────────────────────────────────


def way_back(page: Any) -> str:
    found = re.search(r'<a class="button" href="([^"]+)"[^>]*>Go back to City Library', page.text)
    assert found is not None, page.text
    return found[1].replace("&amp;", "&")


def test_what_has_expired_leads_back_to_the_service_with_an_answer_that_it_knows(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    location = server.authorize(server.add()).headers["location"]
    clock.advance(timedelta(minutes=31))
    page = server.http.get(location, headers=PAGE)
    assert page.status_code == 400
    told = parse_qs(urlsplit(way_back(page)).query)
    assert way_back(page).startswith(CALLBACK + "?")
    assert told["error"] == ["access_denied"]
    assert told["state"] == ["af0ifjsldkj"]


def test_a_question_that_was_answered_leads_to_where_the_answer_led_or_to_the_service(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    fields = {**asked(server, service), "answer": "accept"}
    led = server.http.post("/oauth/consent", data=fields).headers["location"]
    again = {**fields, "answer": "refuse"}
    page = server.http.post("/oauth/consent", data=again, headers=PAGE)
    assert way_back(page) == led
    server.redeem(service, parse_qs(urlsplit(led).query)["code"][0])
    page = server.http.post("/oauth/consent", data=again, headers=PAGE)
    assert way_back(page) == origin(CALLBACK) + "/"


def test_another_browser_is_led_to_the_service_without_the_state_of_the_first(
    server: AuthorizationServer,
) -> None:
    service = server.add(client_uri="https://library.example/start")
    location = server.authorize(service).headers["location"]
    page = server.browser().get(location, headers=PAGE)
    assert way_back(page) == "https://library.example/start"


def test_a_form_that_expired_leads_back_to_the_service_whatever_form_it_was(
    server: AuthorizationServer,
) -> None:
    fields = {**asked(server, server.add()), "answer": "accept", "csrf_token": "old"}
    page = server.http.post("/oauth/consent", data=fields, headers=PAGE)
    assert page.status_code == 403
    assert way_back(page).startswith(CALLBACK + "?error=access_denied")
    lost = {"return_to": f"/oauth/continue?transaction={fields['transaction']}"}
    page = server.http.get(f"/nowhere/oauth?{urlencode(lost)}", headers=PAGE)
    assert page.status_code == 404


@pytest.mark.row("failures", "1")
def test_nothing_that_a_request_says_becomes_a_way_back(server: AuthorizationServer) -> None:
    service = server.add()
    for changed in ({"redirect_uri": "https://evil.example/"}, {"client_id": "svc_nobody"}):
        page = server.http.get(
            "/oauth/authorize", params=server.parameters(service, **changed), headers=PAGE
        )
        assert page.status_code == 400
        assert "Go back to City Library" not in page.text
        assert 'href="https://evil.example' not in page.text


@pytest.mark.rfc("oidc-core", "3.1.2.1")
def test_the_languages_that_a_service_wishes_for_reach_the_pages(
    server: AuthorizationServer, clock: FrozenClock
) -> None:
    location = server.authorize(server.add(), ui_locales="fr-CA en").headers["location"]
    assert server.http.get(location).headers["content-language"] == "fr"
    fields = {**hidden_fields(server.http.get(location).text), "answer": "x"}
    wrong = server.http.post("/oauth/consent", data=fields, headers=PAGE)
    assert wrong.headers["content-language"] == "fr"
    server.people.present = None
    server.authorize(server.add(), ui_locales="ar")
    assert server.people.asked[-1].ui_locales == "ar"
    clock.advance(timedelta(minutes=31))
    over = server.http.get(location.partition("&ui_locales")[0], headers=PAGE)
    assert over.headers["content-language"] == "fr"
