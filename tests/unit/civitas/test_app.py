"""The assembled application, as somebody sees it who writes headers of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Server, Settings
from tests.support.city import City
from tests.support.client import TestClient
from tests.support.deployments import settings_in


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.mark.row("failures", "1")
@pytest.mark.parametrize("path", ["/sign-in/", "/account/", "/oauth/authorize/?a=b", "/desk/"])
def test_no_answer_leads_to_the_host_that_a_header_names(city: City, path: str) -> None:
    answer = city.browser().get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil.example" not in answer.headers.get("location", "")


def test_two_deployments_of_one_process_share_models_of_routes_and_no_answer(
    clock: FrozenClock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    cities = [City(settings_in(folder), clock) for folder in folders]
    cities[0].runtime.audit.tree.sequence(clock.now())
    answers = [made.browser().http.get("/audit/checkpoint").status_code for made in cities]
    routes = [
        next(r for r in made.app.routes if getattr(r, "path", "") == "/audit/entries")
        for made in cities
    ]
    for made in cities:
        made.close()
    assert answers == [200, 503]  # no checkpoint is signed there
    assert routes[0].dependant.query_params is routes[1].dependant.query_params
    assert routes[0].dependant.call is not routes[1].dependant.call


def from_loopback(city: City, **headers: str) -> int:
    caller = TestClient(city.app, base_url="http://localhost:8000", client=("127.0.0.1", 50000))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.get("/metrics", headers=named).status_code


@pytest.mark.parametrize(
    "header", ["Forwarded", "Via", "X_Forwarded_For", "X_Forwarded_Proto", "X_Real_IP"]
)
def test_metrics_are_not_for_those_behind_a_proxy_that_nobody_named(
    city: City, header: str
) -> None:
    assert from_loopback(city) == 200
    assert from_loopback(city, **{header: "127.0.0.1"}) == 403


def test_a_named_proxy_says_whom_the_metrics_are_for(
    settings: Settings, clock: FrozenClock
) -> None:
    server = settings.of(Server).model_copy(update={"trusted_proxies": ("127.0.0.1",)})
    city = City(settings.with_sections(server), clock)
    assert from_loopback(city) == 200
    assert from_loopback(city, X_Forwarded_For="127.0.0.1") == 200
    assert from_loopback(city, X_Forwarded_For="203.0.113.9") == 403
    assert from_loopback(city, X_Forwarded_Proto="https") == 403
    city.close()


def test_an_address_that_leads_nowhere_is_said_in_the_readers_language(city: City) -> None:
    page = city.browser().get("/nowhere", headers={"Accept-Language": "fr"})
    assert page.status_code == 404
    assert "Il n’y a rien à cette adresse." in page.text
    assert "/nowhere" in page.text
