"""No English on a French or an Arabic page, whoever looks at it, and whatever is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from foundation.audit import SYSTEM
from foundation.rates import rate_limits
from tests.support import access_worlds
from tests.support.access_walk import LAST, Caller, World
from tests.support.access_worlds import LIBRARY
from tests.support.authorization_server import request_of
from tests.support.english import english_on

pytestmark = pytest.mark.slow
PEOPLE = {"nobody", "the citizen", "officer", "operator", "auditor", "regulator"}


UNSEEN = {"/oauth/check-session"}
"""A frame without a word in it."""


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, World]]:
    with access_worlds.worlds(tmp_path_factory.mktemp("worlds")) as made:
        yield made


def pages(world: World, caller: Caller, method: str, language: str) -> Iterator[tuple[str, str]]:
    """(route, page) of all that answers a browser: what is shown, or what is refused."""
    for route in world.routes():
        # Typed routes are for programs; what they refuse names members of JSON.
        if route.method != method or route.path in LAST or (route.typed and method == "POST"):
            continue
        with world.city.runtime.database.write() as uow:
            uow.execute(delete(rate_limits))
        headers = {"Accept": "text/html", "Accept-Language": language}
        sent = {}
        if method == "POST":
            # Nothing is filled in: what is refused says why.
            sent = {"data": {"csrf_token": caller.headers.get("X-CSRF-Token", "")}}
        answer = caller.visitor.http.request(
            method, world.filled(route.path), headers=headers, **sent
        )
        if route.path in UNSEEN:
            continue
        if answer.headers.get("content-type", "").startswith("text/html"):
            yield route.name, answer.text


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("model", ["provider", "broker", "regulator"])
def test_no_english_on_a_page_in_another_language(
    worlds: dict[str, World], model: str, method: str
) -> None:
    world, found, seen = worlds[model], set(), 0
    for kind, caller in world.callers.items():
        if kind not in PEOPLE:
            continue
        for language in ("fr", "ar"):
            for route, page in pages(world, caller, method, language):
                assert f'lang="{language}"' in page, route
                seen += 1
                found |= {(route, piece) for piece in english_on(page, language)}
    assert not sorted(found)
    assert seen > 20


def test_no_english_on_the_way_in(worlds: dict[str, World]) -> None:
    """The pages that only lie on a way: the letter's code, the set-up, the service's question."""
    world = worlds["provider"]
    city, client = world.city, world.library
    uri = LIBRARY["redirect_uris"][0]
    asked = request_of(client, uri, scope="openid profile email", prompt="consent")
    *_, waiting = city.importer.persons(world.ids["import_id"])
    with city.runtime.database.write() as uow:
        issued = city.register.codes.issue(uow, waiting, SYSTEM, city.clock.now())
    found: set[str] = set()
    for language in ("fr", "ar"):
        new = city.browser()
        token = {"csrf_token": new.token()}
        new.http.headers["Accept-Language"] = language
        for path, form in (
            ("/sign-in", {"name": "nobody.here", "password": "wrong password"}),
            ("/activate", {"code": "AAAA-BBBB-CCCC-DDDD"}),
        ):
            found |= english(new.http.post(path, data={**token, **form}), language)
        secret = city.register.staff.invite("officer", "Olga Officer", city.clock.now())
        for path in ("/oauth/authorize", f"/invitation/{secret}"):
            shown = new.get(path, params=asked, follow_redirects=True)
            assert shown.status_code == 200
            found |= english(shown, language)
        wrong = {**token, "name": "x", "password": "short", "repeated": "other"}
        found |= english(new.http.post("/activate/set-up", data=wrong), language)
        person = world.callers["another citizen"].visitor
        headers = {"Accept-Language": language}
        question = person.get("/oauth/authorize", params=asked, headers=headers)
        shown = person.get(question.headers["location"], headers=headers)
        assert 'name="answer"' in shown.text
        found |= english(shown, language)
    with city.runtime.database.write() as uow:
        uow.execute(delete(rate_limits))
    citizen = city.browser()
    citizen.http.headers["Accept-Language"] = "ar"
    assert citizen.post("/activate", "/activate", code=issued.code).status_code == 303
    found |= english(citizen.get("/activate/set-up"), "ar")
    citizen.set_up("third.citizen")
    found |= english(citizen.get("/activate/passkey"), "ar")
    assert not sorted(found)


def english(answer: Any, language: str) -> set[str]:
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    assert f'lang="{language}"' in answer.text
    return set(english_on(answer.text, language))
