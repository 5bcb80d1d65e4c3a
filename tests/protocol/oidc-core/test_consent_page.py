"""The consent page — ISO/IEC 29184, OpenID Connect Core §3.1.2.4; failures 11, 14; privacy G-1."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.support.authorization_server import AuthorizationServer, answer_of, hidden_fields


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    people = authorization_server.people
    people.born("per_1", given_name="Ada", email="ada@example.org", age_over_18=True)
    people.born("per_2", given_name="Eve")
    people.sign_in("per_1")
    return authorization_server


SCOPE = "openid email age"


def asked(server: AuthorizationServer, **changed: str) -> tuple[str, str]:
    """The address of the consent page, and the page."""
    response = server.authorize(server.add(), **{"scope": SCOPE, **changed})
    location = response.headers["location"]
    return location, server.http.get(location).text


@pytest.mark.row("privacy", "G-1")
@pytest.mark.row("assurance", "X.1253-9.4-3")
def test_the_page_says_who_asks_for_what_and_why_with_nothing_ticked(
    server: AuthorizationServer,
) -> None:
    _, page = asked(server)
    assert "City Library" in page
    assert "library.example" in page
    assert server.policies.purpose("library").sentence in page
    assert 'name="give.email"' in page
    assert "checked" not in page
    assert page.index('value="accept"') < page.index('value="refuse"')
    assert page.count('<button type="submit" name="answer"') == 2


@pytest.mark.row("privacy", "G-1")
def test_choosing_nothing_still_signs_the_person_in(server: AuthorizationServer) -> None:
    service = server.add()
    tokens = server.tokens(service, scope=SCOPE)
    assert set(server.userinfo(tokens["access_token"]).json()) == {"sub"}


@pytest.mark.row("failures", "14")
def test_a_refusal_is_the_protocols_own_answer(server: AuthorizationServer) -> None:
    response = server.answer(server.authorize(server.add(), scope=SCOPE), choice="refuse")
    assert response.status_code == 303
    answer = answer_of(response)
    assert (answer["error"], answer["state"]) == ("access_denied", "af0ifjsldkj")
    assert answer["iss"] == server.issuer
    assert server.policies.consent.list("per_1") == []


@pytest.mark.row("failures", "14")
def test_consent_is_asked_again_only_when_what_is_asked_changed(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    assert "code" in answer_of(server.authorize(service, scope=SCOPE))
    assert "code" in answer_of(server.authorize(service, scope="openid email"))
    more = server.authorize(service, scope=SCOPE + " profile")
    assert more.headers["location"].startswith("/oauth/consent?")


@pytest.mark.row("failures", "14")
def test_the_choice_is_stored_as_given_and_kept_at_the_next_sign_in(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    stored = server.policies.consent.list("per_1")[0]
    assert (stored.attributes, stored.refused) == (("email",), ("age_over_18",))
    again = server.tokens(service, scope=SCOPE)
    body = server.userinfo(again["access_token"]).json()
    assert (body["email"], "age_over_18" in body) == ("ada@example.org", False)


@pytest.mark.row("failures", "14")
def test_after_a_withdrawal_the_person_is_asked_again(server: AuthorizationServer) -> None:
    service = server.add()
    server.tokens(service, "email", scope=SCOPE)
    server.withdrawal.withdraw(server.policies.consent.list("per_1")[0].id, "per_1")
    again = server.authorize(service, scope=SCOPE)
    assert again.headers["location"].startswith("/oauth/consent?")


@pytest.mark.row("privacy", "G-3")
def test_the_record_keeps_the_notice_that_was_shown(server: AuthorizationServer) -> None:
    location, page = asked(server)
    fields = hidden_fields(page)
    changed = {**fields, "notice": "0" * 64, "answer": "accept"}
    assert server.http.post("/oauth/consent", data=changed).status_code == 400
    accepted = {**fields, "answer": "accept", "give.email": "yes"}
    assert server.http.post("/oauth/consent", data=accepted).status_code == 303
    notice = server.policies.consent.list("per_1")[0].notice
    assert notice is not None
    assert notice.text in page.replace("&#39;", "'")
    assert location


@pytest.mark.row("failures", "11")
def test_an_answer_without_our_forms_token_is_refused(server: AuthorizationServer) -> None:
    _, page = asked(server)
    fields = {**hidden_fields(page), "answer": "accept", "csrf_token": "forged"}
    assert server.http.post("/oauth/consent", data=fields).status_code == 403


@pytest.mark.row("failures", "11")
def test_an_answer_from_another_browser_is_refused(server: AuthorizationServer) -> None:
    _, page = asked(server)
    other = server.browser()
    fields = {**hidden_fields(page), "answer": "accept"}
    response = other.post("/oauth/consent", data=fields)
    assert response.status_code in (400, 403)


@pytest.mark.row("failures", "11")
def test_an_answer_by_another_person_or_session_is_refused(server: AuthorizationServer) -> None:
    location, page = asked(server)
    fields = {**hidden_fields(page), "answer": "accept"}
    server.people.sign_in("per_2", session="ses_2")
    assert server.http.get(location).status_code == 403
    assert server.http.post("/oauth/consent", data=fields).status_code == 403
    assert server.http.get(location.replace("consent", "continue")).status_code == 403


@pytest.mark.row("failures", "11")
def test_the_same_person_in_another_session_is_asked_anew_and_answers_for_that(
    server: AuthorizationServer,
) -> None:
    location, page = asked(server)
    fields = {**hidden_fields(page), "answer": "accept"}
    # They signed in in two tabs at once: the browser kept the cookie of the second.
    server.people.sign_in("per_1", session="ses_3")
    onward = server.http.post("/oauth/consent", data=fields).headers["location"]
    assert onward == location.replace("consent", "continue")
    assert server.policies.consent.list("per_1") == []
    anew = server.http.get(onward)
    assert anew.headers["location"] == location
    assert "code" in answer_of(server.answer(anew))


@pytest.mark.row("failures", "11")
def test_an_answer_to_another_request_is_refused(server: AuthorizationServer) -> None:
    service = server.add()
    narrow = server.authorize(service, scope="openid email").headers["location"]
    fields = {**hidden_fields(server.http.get(narrow).text), "answer": "accept"}
    # Meanwhile the same person answers a wider request of the same service.
    server.tokens(service, "email", scope=SCOPE + " profile", prompt="consent")
    smuggled = {**fields, "give.given_name": "yes"}
    assert server.http.post("/oauth/consent", data=smuggled).status_code == 400


@pytest.mark.row("failures", "11")
def test_an_answer_is_to_the_question_that_was_shown_and_to_no_later_one(
    server: AuthorizationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, page = asked(server)
    fields = {**hidden_fields(page), "answer": "accept"}
    # Meanwhile the service, which describes itself, needs what was free to choose before.
    clients = server.oauth.clients
    find = clients.find

    def needs_more(client_id: str, now: datetime) -> Any:
        found = find(client_id, now)
        return found and replace(found, required_attributes=frozenset({"email"}))

    monkeypatch.setattr(clients, "find", needs_more)
    assert server.http.post("/oauth/consent", data=fields).status_code == 409
    assert server.policies.consent.list("per_1") == []


@pytest.mark.row("failures", "11")
def test_an_answer_counts_once(server: AuthorizationServer) -> None:
    _, page = asked(server)
    fields = {**hidden_fields(page), "answer": "accept"}
    first = server.http.post("/oauth/consent", data=fields)
    again = server.http.post("/oauth/consent", data=fields)
    assert again.headers["location"] == first.headers["location"]
    assert len(server.policies.consent.list("per_1")) == 1
    wider = {**fields, "give.email": "yes"}
    assert server.http.post("/oauth/consent", data=wider).status_code == 409
    assert server.http.post("/oauth/consent", data=fields | {"answer": "refuse"}).status_code == 409


@pytest.mark.parametrize("answer", ["", "perhaps"])
def test_an_unclear_answer_is_refused(server: AuthorizationServer, answer: str) -> None:
    _, page = asked(server)
    fields = {**hidden_fields(page), "answer": answer}
    assert server.http.post("/oauth/consent", data=fields).status_code == 400


def test_what_a_service_needs_is_marked_and_goes_with_the_sign_in(
    server: AuthorizationServer,
) -> None:
    service = server.add(required_attributes=["age_over_18"])
    response = server.authorize(service, scope=SCOPE)
    page = server.http.get(response.headers["location"]).text
    assert "give.age_over_18" not in page
    tokens = server.tokens(service, scope=SCOPE)
    assert server.userinfo(tokens["access_token"]).json()["age_over_18"] is True


def test_names_of_services_are_text_and_never_markup(server: AuthorizationServer) -> None:
    service = server.add(client_name="<script>alert(1)</script>")
    page = server.http.get(server.authorize(service).headers["location"]).text
    assert "<script>alert" not in page


def test_staying_connected_is_asked_in_words(server: AuthorizationServer) -> None:
    service = server.add()
    server.tokens(service)
    offline = server.authorize(service, scope="openid offline_access")
    page = server.http.get(offline.headers["location"]).text
    assert "stay connected" in page


# ── what is shown of each thing ──────────────────────────────────────────────────────────────


@pytest.fixture
def named(server: AuthorizationServer) -> AuthorizationServer:
    people = server.people
    people.born("per_1", name="Ada Lovelace", given_name="Ada", family_name="Lovelace",
                email="ada@example.org", age_over_18=True)  # fmt: skip
    people.sign_in("per_1")
    return server


WITH_NAME = "openid profile email age"


@pytest.mark.row("privacy", "G-3")
def test_the_page_shows_what_would_be_given_to_who_gives_it(named: AuthorizationServer) -> None:
    _, page = asked(named, scope=WITH_NAME)
    assert "<bdi>Ada Lovelace</bdi>" in page
    assert "<bdi>ada@example.org</bdi>" in page
    assert "<bdi>Yes</bdi>" in page
    assert "We have nothing here that we could give." in page  # a language nobody told us


@pytest.mark.row("privacy", "P-2")
def test_no_value_is_shown_that_this_sign_in_is_too_weak_for(named: AuthorizationServer) -> None:
    named.people.sign_in("per_1", level=1)
    _, page = asked(named, scope=WITH_NAME)
    assert "Lovelace" not in page


def test_a_name_is_one_choice_and_is_given_whole(named: AuthorizationServer) -> None:
    service = named.add()
    page = named.http.get(named.authorize(service, scope=WITH_NAME).headers["location"]).text
    assert page.count('name="give.name"') == 1
    assert "give.given_name" not in page
    assert "give.family_name" not in page
    tokens = named.tokens(service, "name", scope=WITH_NAME)
    told = named.userinfo(tokens["access_token"]).json()
    assert {"name", "given_name", "family_name"} <= set(told)
    assert "email" not in told


def test_a_service_says_why_in_the_readers_language_and_in_its_own_words(
    named: AuthorizationServer,
) -> None:
    reasons = {"email": "To tell you <b>when</b> a book is due", "email#fr": "Pour vous prévenir"}
    service = named.add(attribute_reasons=reasons)
    place = named.authorize(service, scope=WITH_NAME).headers["location"]
    page = named.http.get(place).text
    assert "in the words of the service: “To tell you &lt;b&gt;when&lt;/b&gt;" in page
    assert "Pour vous prévenir" in named.http.get(f"{place}&ui_locales=fr").text
