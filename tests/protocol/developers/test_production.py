"""Production is asked for, and an operator answers; the operators' place — RFC 7591, RFC 7592."""

from __future__ import annotations

import html
from typing import Any

import pytest

from foundation.audit import Actor
from foundation.errors import CivitasError
from tests.protocol.developers.conftest import Place, code_of
from tests.support.authorization_server import request_of
from tests.support.city import Visitor

HERE = "http://localhost:5000/callback"
REAL = "https://chess.example/callback"
WISH = {
    "redirect_uris": REAL,
    "scope": "openid profile",
    "purposes": "identity.sign-in",
    "reason": "Members sign in to play",
}


def ask(visitor: Visitor, client_id: str, **more: str) -> Any:
    return visitor.post(f"/developers/services/{client_id}/production", **{**WISH, **more})


def answer(operator: Visitor, act: str, client_id: str, reason: str = "Looked at") -> Any:
    return operator.post(f"/services/{act}", client_id=client_id, reason=reason)


@pytest.mark.row("failures", "12")
def test_after_a_yes_everybody_signs_in_with_a_new_secret_at_the_real_address(
    place: Place, citizen: Visitor, other: Visitor, operator: Visitor
) -> None:
    client_id, secret = place.register(citizen)
    test_code = code_of(place.sign_in(citizen, request_of(client_id, HERE)))
    assert ask(citizen, client_id).status_code == 303
    assert "Asked for production" in operator.get("/services").text
    page = html.unescape(operator.get(f"/services/one?client_id={client_id}").text)
    assert "Members sign in to play" in page
    assert REAL in page
    done = answer(operator, "approve", client_id)
    assert done.status_code == 303, done.text
    (client,) = place.tokens.clients.list()
    assert client.redirect_uris == (REAL,)
    assert not client.test_only
    assert client.sector == "chess.example"
    assert client.scopes == {"openid", "profile"}
    assert code_of(place.sign_in(other, request_of(client_id, REAL, scope="openid")))
    assert place.sign_in(citizen, request_of(client_id, HERE)).status_code == 400
    # What the test had is worth nothing here.
    form = {"grant_type": "authorization_code", "code": test_code, "redirect_uri": HERE}
    browser = place.city.browser()
    assert browser.http.post("/oauth/token", data=form, auth=(client_id, secret)).status_code == 401
    new = citizen.post(f"/developers/services/{client_id}/secret", overlap="0")
    assert "Secret, shown once" in new.text
    for act in ("change", "remove", "production"):
        refused = citizen.post(f"/developers/services/{client_id}/{act}", **WISH, client_name="C")
        if refused.status_code == 200:  # it asks first
            refused = citizen.mean_it(f"/developers/services/{client_id}/{act}")
        assert refused.status_code == 409, act


def test_after_a_no_it_stays_a_test_and_the_developer_reads_why(
    place: Place, citizen: Visitor, operator: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    ask(citizen, client_id)
    assert answer(operator, "refuse", client_id, "").status_code in (400, 422)
    assert answer(operator, "refuse", client_id, "Say more of it").status_code == 303
    assert "Say more of it" in citizen.get(f"/developers/services/{client_id}").text
    (client,) = place.tokens.clients.list()
    assert client.test_only
    assert ask(citizen, client_id).status_code == 303


@pytest.mark.row("failures", "12")
def test_only_what_was_asked_for_is_approved_and_by_an_operator_alone(
    place: Place, citizen: Visitor, operator: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    assert answer(operator, "approve", client_id).status_code == 409
    ask(citizen, client_id)
    assert answer(citizen, "approve", client_id).status_code == 403
    assert answer(place.city.staff("developer"), "approve", client_id).status_code == 403
    assert answer(place.city.staff("auditor"), "approve", client_id).status_code == 403
    assert citizen.post(f"/developers/services/{client_id}/take-back").status_code == 303
    assert answer(operator, "approve", client_id).status_code == 409
    (client,) = place.tokens.clients.list()
    assert client.test_only


def test_while_it_is_looked_at_it_stays_as_it_is(place: Place, citizen: Visitor) -> None:
    client_id, _ = place.register(citizen)
    ask(citizen, client_id)
    change = citizen.post(
        f"/developers/services/{client_id}/change", client_name="Bank", redirect_uris=HERE
    )
    assert change.status_code == 409
    assert ask(citizen, client_id, redirect_uris="https://bank.example/cb").status_code == 409


@pytest.mark.row("failures", "12")
def test_nobody_approves_what_is_their_own(place: Place) -> None:
    developer = place.city.staff("developer")
    client_id, _ = place.register(developer)
    ask(developer, client_id)
    place_of = place.city.deployment.parts["developers"]
    with pytest.raises(CivitasError):
        place_of.approve(client_id, "mine", Actor("staff", developer.id))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"redirect_uris": "http://chess.example/callback"}, "uses http"),
        ({"redirect_uris": ""}, "redirect_uris"),
        ({"redirect_uris": "http://localhost:8000/developers/tried"}, "Only tests come back"),
        ({"scope": "openid documents:sign"}, "given by the operator"),
        ({"scope": "openid nonsense"}, "not known"),
        ({"purposes": "nonsense"}, "purpose"),
        ({"reason": ""}, "Say in a sentence"),
        ({"reason": "x" * 501}, "Say in a sentence"),
    ],
)
def test_what_cannot_be_registered_is_told_when_it_is_asked_for(
    place: Place, citizen: Visitor, changed: dict[str, str], said: str
) -> None:
    client_id, _ = place.register(citizen)
    page = ask(citizen, client_id, **changed)
    assert page.status_code == 422
    assert said in html.unescape(page.text)


def test_operators_find_services_by_what_they_are(
    place: Place, citizen: Visitor, operator: Visitor
) -> None:
    client_id, secret = place.register(citizen)
    added = place.tokens.clients.add(
        {"client_name": "Opera", "redirect_uris": ["https://opera.example/cb"],
         "purposes": ["identity.sign-in"]},
        place.city.clock.now(),
    )  # fmt: skip
    for query, found, not_found in (
        ("q=opera", added.client.id, client_id),
        ("q=localhost:5000", client_id, added.client.id),
        ("state=test", client_id, added.client.id),
        ("state=production", added.client.id, client_id),
    ):
        page = operator.get(f"/services?{query}").text
        assert found in page, query
        assert not_found not in page, query
    assert "No service is like that" in operator.get("/services?q=nothing-like-it").text
    assert operator.get("/services?state=nonsense").status_code == 200
    place.city.browser().http.post(
        "/oauth/token", data={"grant_type": "nonsense"}, auth=(client_id, secret)
    )
    page = operator.get(f"/services/one?client_id={client_id}").text
    assert "Sign-ins: 0. Other tokens: 0. Refused: 1." in page
    assert "unsupported_grant_type" in page


def test_an_operator_removes_a_test_and_its_developer_has_it_no_more(
    place: Place, citizen: Visitor, operator: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    done = operator.mean_it("/services/remove", client_id=client_id, reason="Abuse")
    assert done.status_code == 303, done.text
    assert citizen.get(f"/developers/services/{client_id}").status_code == 404
    assert client_id not in citizen.get("/developers").text


def test_operators_name_invented_residents_and_take_them_off(
    place: Place, citizen: Visitor, other: Visitor, operator: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    here, person = "/services/testers", place.people[1]
    assert citizen.post(here, act="add", person=person, reason="x").status_code == 403
    unknown = operator.post(here, act="add", person="per_nobody", reason="A test")
    assert unknown.status_code == 404
    assert operator.post(here, act="nonsense", person=person, reason="x").status_code == 400
    done = operator.post(here, act="add", person=person, reason="A test")
    assert done.status_code == 303, done.text
    assert person in operator.get(here).text
    assert code_of(place.sign_in(other, request_of(client_id, HERE)))
    assert "tester.named" in place.city.kinds(person)
    assert operator.post(here, act="end", person=person, reason="Done").status_code == 303
    assert place.sign_in(other, request_of(client_id, HERE)).status_code == 403
