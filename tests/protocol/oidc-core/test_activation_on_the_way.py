"""Activation on the way from a service leads back to its request — OpenID Connect Core §3.1.2.3."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth import AddedClient, pkce
from tests.support.authorization_server import CALLBACK, VERIFIER
from tests.support.city import PASSWORD, City, Visitor

pytestmark = pytest.mark.rfc("oidc-core", "3.1.2.3")


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def code(city: City) -> str:
    """The code of a letter that has just come."""
    people = residents(1, 7, city="Tallinn", country="EE")
    *_, last = city.importer.run(as_csv(people), "register.csv")
    person_id = city.importer.persons(last.import_id)[0]
    with city.runtime.database.write() as uow:
        return city.register.codes.issue(uow, person_id, SYSTEM, city.clock.now()).code


@pytest.fixture
def library(city: City) -> AddedClient:
    metadata = {
        "client_name": "City Library",
        "redirect_uris": [CALLBACK],
        "scope": "openid",
        "purposes": ["library"],
        "grant_types": ["authorization_code"],
    }
    added: AddedClient = city.deployment.parts["oauth"].clients.add(metadata, city.clock.now())
    return added


def link(page: str, words: str) -> str:
    """Where the link or form with these words leads."""
    found = re.search(rf'href="([^"]+)"[^>]*>{words}<', page)
    assert found is not None, words
    return html.unescape(found[1])


def activated(visitor: Visitor, start: str, code: str) -> str:
    """From the sign-in page through every page of an activation; where the last one leads."""
    path = link(visitor.get(start).text, "Activate your identity")
    opened = visitor.post(path, path, code=code)
    choices = opened.headers["location"]
    done = visitor.post(choices, choices, name="new.citizen", password=PASSWORD, repeated=PASSWORD)
    return link(visitor.get(done.headers["location"]).text, "Later")


def begun(visitor: Visitor, library: AddedClient) -> str:
    asked = visitor.get(
        "/oauth/authorize",
        params={
            "client_id": library.client.id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "nonce": "n",
            "code_challenge": pkce.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
        },
    )
    location: str = asked.headers["location"]
    return location


def test_a_new_citizen_goes_back_to_the_request_that_led_them_here(
    city: City, code: str, library: AddedClient
) -> None:
    visitor = city.browser()
    onward = activated(visitor, begun(visitor, library), code)
    assert onward.startswith("/oauth/continue?transaction=")
    asked = visitor.get(onward).headers["location"]
    assert asked.startswith("/oauth/consent?")
    page = visitor.get(asked)
    assert page.status_code == 200
    assert "City Library" in page.text


def test_a_request_that_is_over_meanwhile_says_so_and_the_identity_is_active(
    city: City, code: str, library: AddedClient
) -> None:
    visitor = city.browser()
    start = begun(visitor, library)
    city.clock.advance(timedelta(minutes=31))
    over = visitor.get(activated(visitor, start, code))
    assert over.status_code == 400
    assert "start again" in over.text
    assert visitor.get("/account").status_code == 200


@pytest.mark.row("failures", "1")
@pytest.mark.parametrize(
    "planted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_an_activation_leads_to_no_other_host(city: City, code: str, planted: str) -> None:
    visitor = city.browser()
    path = "/activate"
    opened = visitor.post(f"{path}?return_to={planted}", path, code=code)
    assert opened.headers["location"] == "/activate/set-up"
    choices = f"/activate/set-up?return_to={planted}"
    chosen = {"name": "new.citizen", "password": PASSWORD, "repeated": PASSWORD}
    done = visitor.post(choices, choices, **chosen)
    assert done.headers["location"] == "/activate/passkey"
    page = visitor.get(f"/activate/passkey?return_to={planted}").text
    assert link(page, "Later") == "/account"
