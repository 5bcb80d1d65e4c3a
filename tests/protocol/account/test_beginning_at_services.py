"""A sign-in that begins here, at a service's own address — OpenID Connect Core 1.0 §4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth import AddedClient, InvalidClientMetadata, OAuth
from tests.protocol.account.test_services import add
from tests.support.city import City, Visitor

HERE = "/account/services/begin"
START = "https://library.example/start?from=portal"


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: City) -> Visitor:
    *_, last = city.importer.run(as_csv(residents(1, 11, city="Tallinn", country="EE")), "r.csv")
    return city.citizen(city.importer.persons(last.import_id)[0], "first.citizen")


def links(page: Any) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(r'href="(https://[^"]+)"', page.text)]


def added(city: City, name: str = "Library", **more: Any) -> AddedClient:
    host = f"{name.lower()}.example"
    return add(city, name, host, **{"initiate_login_uri": START, **more})


@pytest.mark.rfc("oidc-core", "4")
def test_a_service_is_begun_at_its_own_address_with_who_we_are(
    city: City, citizen: Visitor
) -> None:
    added(city)
    page = citizen.get(HERE)
    [link] = links(page)
    said = urlsplit(link)
    assert (said.netloc, said.path) == ("library.example", "/start")
    issuer = city.deployment.parts["oauth"].issuer
    assert parse_qs(said.query) == {"from": ["portal"], "iss": [issuer]}
    assert "Library" in page.text


@pytest.mark.rfc("oidc-core", "4")
def test_nothing_about_the_person_is_in_the_address(city: City, citizen: Visitor) -> None:
    added(city)
    [link] = links(citizen.get(HERE))
    assert not {"login_hint", "id_token_hint", "sub"} & parse_qs(urlsplit(link).query).keys()
    assert citizen.id not in link


def test_who_cannot_be_begun_or_is_suspended_is_not_listed(city: City, citizen: Visitor) -> None:
    oauth: OAuth = city.deployment.parts["oauth"]
    add(city, "Other", "other.example")
    service, actor = added(city), Actor("staff", "olga")
    with city.runtime.database.write() as uow:
        oauth.clients.suspend(uow, service.client.id, "an incident", actor, city.clock.now())
    page = citizen.get(HERE)
    assert not links(page)
    assert "No service can be begun" in page.text


@pytest.mark.row("failures", "19")
def test_who_registered_itself_is_put_before_nobody(city: City, citizen: Visitor) -> None:
    added(city, registered_itself=True)
    assert not links(citizen.get(HERE))


def test_the_page_is_for_citizens(city: City) -> None:
    assert city.browser().get(HERE).status_code == 303


@pytest.mark.rfc("oidc-core", "4")
@pytest.mark.parametrize(
    "uri",
    [
        "http://library.example/start",
        "http://localhost/start",
        "http://127.0.0.1:9/start",
        "https://library.example/start#here",
        "https://user@library.example/start",
        "javascript:alert(1)",
        "https://library.example;script-src *",
    ],
)
def test_the_address_is_https_and_exact(city: City, uri: str) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        added(city, initiate_login_uri=uri)
    assert refused.value.where == "initiate_login_uri"
