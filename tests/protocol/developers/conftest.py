"""A city where any citizen may register test services, with a few people in it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.developers import DevelopersSettings
from idp.oauth import add_tester
from tests.support.authorization_server import answer_of, hidden_fields
from tests.support.city import City, Visitor

WHAT = {
    "client_name": "Chess club <b>",
    "program": "authlib",
    "url": "http://localhost:5000",
    "scope.profile": "yes",
    "scope.email": "yes",
}


@dataclass
class Place:
    """Two people and a developer of the staff; the second person is nobody's tester."""

    city: City
    people: list[str]

    @property
    def tokens(self) -> Any:
        return self.city.deployment.parts["oauth"]

    def invent(self, person_id: str) -> None:
        with self.city.runtime.database.write() as uow:
            add_tester(uow, person_id, self.city.clock.now())

    def register(self, visitor: Visitor, **more: str) -> tuple[str, str]:
        """The id and the secret of a new test service."""
        page = visitor.post("/developers/services/add", "/developers/services/add", **WHAT | more)
        assert page.status_code == 200, page.text
        text = html.unescape(page.text)
        found = re.search(r"<dt>client_id</dt><dd><code[^>]*>(svc_\w+)<", text)
        secret = re.search(r'<p class="code" translate="no">([^<]+)</p>', text)
        assert found is not None
        return found[1], secret[1] if secret else ""

    def sign_in(self, visitor: Visitor, asked: dict[str, str]) -> Any:
        """Where the code flow leads this person: the last answer."""
        answer = visitor.get("/oauth/authorize", params=asked)
        return self.consented(visitor, answer)

    def consented(self, visitor: Visitor, answer: Any) -> Any:
        if answer.headers.get("location", "").startswith("/oauth/consent"):
            page = visitor.get(answer.headers["location"])
            assert page.status_code == 200, page.text
            form = {**hidden_fields(page.text), "answer": "accept"}
            answer = visitor.http.post("/oauth/consent", data=form)
        return answer


def code_of(answer: Any) -> str:
    return answer_of(answer)["code"]


@pytest.fixture
def place(settings: Settings, clock: FrozenClock) -> Iterator[Place]:
    city = City(settings.with_sections(DevelopersSettings(self_service="test")), clock)
    people = list(residents(3, 7, city="Tallinn", country="EE"))
    *_, last = city.importer.run(as_csv(iter(people)), "register.csv")
    yield Place(city, city.importer.persons(last.import_id))
    city.close()


@pytest.fixture
def citizen(place: Place) -> Visitor:
    """A citizen who makes services."""
    return place.city.citizen(place.people[0], "one.citizen")


@pytest.fixture
def other(place: Place) -> Visitor:
    """Another one."""
    return place.city.citizen(place.people[1], "other.citizen")


@pytest.fixture
def operator(place: Place) -> Visitor:
    return place.city.staff("operator")
