"""Developers register test services by themselves, and reach their own alone — RFC 7591, 7592."""

from __future__ import annotations

import html
from typing import Any

import pytest

from foundation.audit import SYSTEM
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.developers import DevelopersSettings
from idp.oauth import InvalidClientMetadata
from tests.protocol.developers.conftest import WHAT, Place
from tests.support.city import City, Visitor

ADD = "/developers/services/add"


def test_a_service_is_registered_at_once_with_its_secret_and_a_working_example(
    place: Place, citizen: Visitor
) -> None:
    page = citizen.post(ADD, ADD, **WHAT)
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    assert "Chess club &lt;b&gt;" in page.text
    assert 'client_secret="' in html.unescape(page.text)
    assert "/developers/tried" not in page.text
    (client,) = place.tokens.clients.list()
    assert client.test_only
    assert client.sector == client.id
    assert client.scopes == {"openid", "profile", "email"}
    assert client.grant_types == {"authorization_code", "refresh_token"}
    one = citizen.get(f"/developers/services/{client.id}")
    assert "Chess club &lt;b&gt;" in one.text
    assert "Secret, shown once" not in one.text
    assert "Chess club" in citizen.get("/developers?q=chess").text
    assert "None of your services" in citizen.get("/developers?q=opera").text


def test_each_example_is_filled_in_with_the_values_of_the_service(
    place: Place, citizen: Visitor
) -> None:
    client_id, secret = place.register(citizen)
    for program in ("spring", "express", "go", "apache", "nginx", "browser", "native"):
        page = citizen.get(f"/developers/services/{client_id}?example={program}")
        assert page.status_code == 200
        assert client_id in page.text.partition('id="example"')[2]
        assert secret not in page.text


@pytest.mark.row("failures", "12")
def test_another_developer_does_not_find_it(place: Place, citizen: Visitor, other: Visitor) -> None:
    client_id, _ = place.register(citizen)
    developer = place.city.staff("developer")
    assert client_id not in other.get("/developers").text
    for visitor in (other, developer):
        here = f"/developers/services/{client_id}"
        for path in (here, f"{here}/change", f"{here}/production"):
            assert visitor.get(path).status_code == 404, path
        for act in ("change", "secret", "remove", "production", "take-back", "try"):
            answer = visitor.post(f"{here}/{act}", overlap="0", reason="x")
            assert answer.status_code == 404, act
    (client,) = place.tokens.clients.list()
    assert client.previous_secret_mac is None


def test_only_developers_have_a_place_here(
    place: Place, settings: Settings, clock: FrozenClock
) -> None:
    for role in ("officer", "operator", "auditor"):
        assert place.city.staff(role).get("/developers").status_code == 403
    nobody = place.city.browser().get("/developers")
    assert nobody.headers["location"].startswith("/sign-in?")
    assert place.city.staff("developer").get("/developers").status_code == 200


def test_without_self_service_citizens_have_none_and_those_invited_do(
    settings: Settings, clock: FrozenClock, place: Place, citizen: Visitor
) -> None:
    object.__setattr__(place.city.deployment.parts["developers"], "settings", DevelopersSettings())
    assert citizen.get("/developers").status_code == 403
    assert citizen.post(ADD, **WHAT).status_code == 403
    assert not place.tokens.clients.list()
    assert place.city.staff("developer").get("/developers").status_code == 200


def test_a_form_from_elsewhere_registers_nothing(place: Place, citizen: Visitor) -> None:
    answer = citizen.http.post(ADD, data={"csrf_token": "made-up", **WHAT})
    assert answer.status_code == 403
    client_id, _ = place.register(citizen)
    for act in ("change", "secret", "remove", "production", "take-back", "try"):
        path = f"/developers/services/{client_id}/{act}"
        assert citizen.http.post(path, data={"overlap": "0"}).status_code == 403, act
    assert [c.id for c in place.tokens.clients.list()] == [client_id]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_name": ""}, "Write a name"),
        ({"client_name": "x" * 81}, "Write a name"),
        ({"program": "wallet"}, "Choose one of those"),
        ({"program": "program"}, "Choose one of those"),
        ({"program": "nonsense"}, "Choose one of those"),
        ({"url": "ftp://x"}, "no address that we can use"),
        ({"url": "http://192.0.2.1:80"}, "uses http"),
        ({"program": "", "url": ""}, "Say where people come back to"),
        ({"redirect_uris": "http://evil.example/cb"}, "uses http"),
        ({"redirect_uris": "https://x.example/*"}, "wildcard"),
        ({"redirect_uris": " ".join(f"https://x.example/{n}" for n in range(21))}, "too many"),
        ({"scope.documents:sign": "yes"}, "for an operator to give"),
        ({"scope.access:evaluate": "yes"}, "for an operator to give"),
        ({"scope.identity_card": "yes"}, "for an operator to give"),
    ],
)
def test_what_a_test_may_not_be_is_refused_and_what_was_typed_stays(
    place: Place, citizen: Visitor, changed: dict[str, str], said: str
) -> None:
    page = citizen.post(ADD, ADD, **{**WHAT, **changed})
    assert page.status_code in (400, 422)
    assert said in html.unescape(page.text)
    assert not place.tokens.clients.list()


@pytest.mark.parametrize(
    "member",
    [
        {"grant_types": ["client_credentials"], "redirect_uris": []},
        {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]},
        {"resource": "urn:x"},
        {"audiences": ["urn:x"]},
        {"authorization_details_types": ["openid_credential"]},
        {"scope": "openid access:evaluate"},
    ],
)
@pytest.mark.row("failures", "12")
def test_a_test_service_reaches_nothing_else_however_it_was_registered(
    place: Place, member: dict[str, Any]
) -> None:
    said = {
        "client_name": "T",
        "redirect_uris": ["https://t.example/cb"],
        "purposes": ["identity.sign-in"],
        "test_only": True,
    }
    with pytest.raises(InvalidClientMetadata):
        place.tokens.clients.add({**said, **member}, place.city.clock.now())


def test_a_test_is_changed_rotated_and_removed_by_its_developer(
    place: Place, citizen: Visitor
) -> None:
    client_id, first = place.register(citizen)
    here = f"/developers/services/{client_id}"
    done = citizen.post(
        f"{here}/change",
        client_name="Chess",
        redirect_uris="http://localhost:5000/callback https://chess.example/cb",
        **{"scope.email": "yes"},
    )
    assert done.status_code == 303, done.text
    (client,) = place.tokens.clients.list()
    assert (client.name, client.scopes) == ("Chess", {"openid", "email"})
    assert client.test_only
    wider = citizen.post(f"{here}/change", client_name="C", redirect_uris="https://c.example/",
                         **{"scope.documents:sign": "yes"})  # fmt: skip
    assert wider.status_code == 422
    page = citizen.post(f"{here}/secret", overlap="24")
    assert page.status_code == 200
    assert first not in page.text
    assert "Secret, shown once" in page.text
    assert citizen.post(f"{here}/secret", overlap="9999").status_code == 400
    gone = citizen.mean_it(f"{here}/remove")
    assert gone.status_code == 303, gone.text
    assert not place.tokens.clients.list()
    assert citizen.get(here).status_code == 404


def test_one_developer_has_so_many_tests_and_no_more(
    settings: Settings, clock: FrozenClock
) -> None:
    few = DevelopersSettings(self_service="test", services_each=1)
    city = City(settings.with_sections(few), clock)
    try:
        developer = city.staff("developer")
        assert developer.post(ADD, ADD, **WHAT).status_code == 200
        full = developer.post(ADD, ADD, **WHAT)
        assert full.status_code == 409
        assert len(city.deployment.parts["oauth"].clients.list()) == 1
    finally:
        city.close()


def test_the_tests_of_who_leaves_are_served_no_more(place: Place, operator: Visitor) -> None:
    developer = place.city.staff("developer")
    client_id, _ = place.register(developer)
    done = operator.mean_it(f"/staff/{developer.id}/end", reason="They left")
    assert done.status_code == 303, done.text
    (client,) = place.tokens.clients.list()
    assert (client.id, client.active) == (client_id, False)


def test_with_an_identity_its_test_services_end(place: Place, citizen: Visitor) -> None:
    client_id, _ = place.register(citizen)
    life = place.city.deployment.parts["identity_life"]
    now = place.city.clock.now()
    life.suspend(place.people[0], SYSTEM, "a test", now)
    (client,) = place.tokens.clients.list()
    assert (client.id, client.active) == (client_id, False)
    life.archive(place.people[0], SYSTEM, "a test", now)
    assert not place.tokens.clients.list()
    assert place.city.deployment.parts["developers"].owned(client_id) is None
