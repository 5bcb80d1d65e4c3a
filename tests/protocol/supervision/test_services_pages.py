"""Operators add, change and remove services on pages — RFC 7591, RFC 7592 §2."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City, confirmed

WHAT = {"client_name": "Parking <b>", "kind": "spring", "url": "https://parking.example"}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def operator(city: City) -> Any:
    return city.staff("operator")


def clients(city: City) -> Any:
    return city.deployment.parts["oauth"].clients


def added(city: City, operator: Any, **more: str) -> Any:
    before = {c.id for c in clients(city).list()}
    page = operator.post("/services/add", "/services/add", **{**WHAT, **more})
    assert page.status_code == 200, page.text
    (new,) = (c for c in clients(city).list() if c.id not in before)
    return new


def test_a_service_is_added_by_what_it_is_and_its_configuration_is_shown_once(
    city: City, operator: Any
) -> None:
    assert "/services/add" in operator.get("/services").text
    form = operator.get("/services/add")
    assert "Keycloak" in form.text
    page = operator.post("/services/add", "/services/add", **WHAT)
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    text = html.unescape(page.text)
    secret = re.search(r'client-secret: "([^"]+)"', text)
    assert secret is not None
    assert "https://parking.example/login/oauth2/code/civitas" in text
    assert "Parking &lt;b&gt;" in page.text
    (service,) = clients(city).list()
    one = operator.get(f"/services/one?client_id={service.id}").text
    assert secret[1] not in one
    assert "https://parking.example/login/oauth2/code/civitas" in one


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"url": ""}, "Its address is needed"),
        ({"kind": "nonsense"}, "There is no kind of service"),
        ({"kind": ""}, "Say where people come back to"),
        ({"kind": "", "redirect_uris": "http://parking.example/cb"}, "uses http"),
        ({"scope": "openid nonsense"}, "not known"),
    ],
)
def test_a_refused_service_keeps_what_was_typed(
    city: City, operator: Any, changed: dict[str, str], said: str
) -> None:
    page = operator.post("/services/add", "/services/add", **{**WHAT, **changed})
    assert page.status_code in (400, 422)
    assert said in html.unescape(page.text)
    assert "Parking &lt;b&gt;" in page.text
    assert not clients(city).list()


def change(operator: Any, service: Any, **changed: str) -> Any:
    """Send the form of the page with some of its fields written otherwise."""
    here = f"/services/change?client_id={service.id}"
    page = operator.get(here).text
    typed = dict(re.findall(r'<input id="(\w+)"[^>]* value="([^"]*)"', page))
    typed |= dict(re.findall(r'<textarea id="(\w+)"[^>]*>([^<]*)<', page))
    typed |= {
        name: re.search(r'value="([^"]+)" selected', options)[1]  # type: ignore[index]
        for name, options in re.findall(r'<select id="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL)
        if name != "language"
    }
    fields = {name: html.unescape(value) for name, value in typed.items()}
    fields |= {"client_id": service.id, "reason": "It moves", **changed}
    return operator.post("/services/change", here, **fields)


def test_a_change_that_ends_nothing_is_made_at_once(city: City, operator: Any) -> None:
    service = added(city, operator)
    wider = service.redirect_uris[0] + "\nhttps://parking.example/new"
    done = change(operator, service, redirect_uris=wider, client_name="Parking")
    assert done.status_code == 303, done.text
    assert "It is changed" in operator.get(done.headers["location"]).text
    (now,) = clients(city).list()
    assert (now.name, len(now.redirect_uris)) == ("Parking", 2)
    assert now.scopes == service.scopes
    assert not now.require_pkce


def test_what_can_be_switched_is_a_choice_on_the_page(city: City, operator: Any) -> None:
    service = added(city, operator)
    switched = {"require_pushed_authorization_requests": "yes", "dpop_bound_access_tokens": "yes"}
    assert change(operator, service, **switched).status_code == 303
    (now,) = clients(city).list()
    assert now.require_pushed_authorization_requests
    assert now.dpop_bound_access_tokens
    refused = change(operator, service, profile="fapi2-security")
    assert refused.status_code == 422
    assert "fapi2-security" in refused.text


def test_a_change_that_ends_something_says_so_first(city: City, operator: Any) -> None:
    service = added(city, operator)
    asked = change(operator, service, sector="all.example")
    assert asked.status_code == 200
    assert "knows nobody again" in asked.text
    assert clients(city).list()[0].sector == "parking.example"
    done = change(operator, service, sector="all.example", confirmed=confirmed(asked))
    assert done.status_code == 303
    assert clients(city).list()[0].sector == "all.example"


def test_a_change_without_a_reason_or_with_a_wrong_word_is_refused(
    city: City, operator: Any
) -> None:
    service = added(city, operator)
    for changed, status in (
        ({"client_name": "Parking", "reason": ""}, (400, 422)),
        ({"purposes": "everything"}, (422,)),
        ({"require_pkce": "perhaps"}, (422,)),
        ({"dpop_bound_access_tokens": "perhaps"}, (422,)),
        ({}, (409,)),
    ):
        assert change(operator, service, **changed).status_code in status
    assert clients(city).list() == [service]


def test_a_service_is_removed_after_a_page_that_says_what_follows(
    city: City, operator: Any
) -> None:
    service = added(city, operator)
    here = f"/services/one?client_id={service.id}"
    why = {"client_id": service.id, "reason": "closed"}
    assert operator.post("/services/remove", here, client_id=service.id).status_code in (400, 422)
    asked = operator.post("/services/remove", here, **why)
    assert "cannot be brought back" in asked.text
    assert clients(city).list() == [service]
    done = operator.post("/services/remove", here, **why, confirmed=confirmed(asked))
    assert "It is removed" in operator.get(done.headers["location"]).text
    assert operator.get(here).status_code == 404
    assert operator.get("/services/change?client_id=svc_nobody").status_code == 404


def test_only_operators_manage_services(city: City) -> None:
    officer = city.staff("officer")
    for path in ("/services/add", "/services/change?client_id=x"):
        assert officer.get(path).status_code == 403
