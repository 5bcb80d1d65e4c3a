"""A city whose offices make out documents, with an office, a library and a citizen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from civitas.residents import as_csv, residents
from documents.locker import DocumentsSettings, Locker, prepare
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.oauth import AddedClient, OAuth
from idp.oauth.subjects import subject_of
from tests.support.city import City, Visitor

KINDS = """
[[issuer]]
id = "town-hall"
name = "Town Hall"
names = {{ fr = "Mairie" }}
clients = ["{office}"]

[[issuer]]
id = "university"
name = "University"
clients = ["{other}"]

[[kind]]
id = "residence"
issuer = "town-hall"
version = "2026-03"
title = "Certificate of residence"
titles = {{ fr = "Certificat de résidence" }}
level = 1
valid_days = 365
purposes = ["library", "mobility.parking"]

  [[kind.field]]
  name = "street"
  label = "Street"

  [[kind.field]]
  name = "since"
  label = "Lives there since"
  type = "date"

  [[kind.field]]
  name = "owner"
  label = "Owns the home"
  type = "yes-no"
  required = false

[[kind]]
id = "diploma"
issuer = "university"
version = "2026-03"
title = "Diploma"
level = 3
purposes = ["library"]

  [[kind.field]]
  name = "degree"
  label = "Degree"
"""
SAID = {"street": "Long Street 1", "since": "2019-05-01", "owner": True}
RETURN = "https://library.example/cb"


class Lockers(City):
    """`office` makes out for the town hall, `other` for the university; `library` asks."""

    office: AddedClient
    other: AddedClient
    library: AddedClient

    @property
    def locker(self) -> Locker:
        found: Locker = self.deployment.parts["documents"]
        return found

    @property
    def oauth(self) -> OAuth:
        found: OAuth = self.deployment.parts["oauth"]
        return found

    def people(self, count: int = 1) -> list[str]:
        *_, last = self.importer.run(
            as_csv(residents(count, 11, city="Tallinn", country="EE")), "r.csv"
        )
        return list(self.importer.persons(last.import_id))

    def record(self, person_id: str) -> dict[str, Any]:
        """Number, name and birth date as the register has them."""
        with self.runtime.database.read() as uow:
            profile = self.register.profile(uow, person_id)
        return {
            "civil_number": profile.civil_number,
            "name": profile.name,
            "birthdate": profile.birthdate.isoformat(),
        }

    def sub(self, person_id: str, service: AddedClient) -> str:
        """By which the service knows the person, who has signed in there."""
        now = self.clock.now()
        with self.runtime.database.write() as uow:
            return subject_of(uow, person_id, service.client.sector, now)

    def program(self, service: AddedClient) -> Program:
        return Program(self, service)


class Program:
    """A client with a token of its own."""

    def __init__(self, city: Lockers, service: AddedClient) -> None:
        self.city = city
        self.service = service

    def _headers(self) -> dict[str, str]:
        assert self.service.secret is not None
        answer = self.city.browser().http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(self.service.client.id, self.service.secret),
            headers={"Accept": "application/json"},
        )
        assert answer.status_code == 200, answer.text
        return {
            "Authorization": f"Bearer {answer.json()['access_token']}",
            "Accept": "application/json",
        }

    def get(self, path: str) -> Any:
        path = path.removeprefix(self.city.locker.originals.url)
        return self.city.browser().http.get(path, headers=self._headers())

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.city.browser().http.post(path, json=body, headers=self._headers())

    def make_out(self, person_id: str, **changed: Any) -> Any:
        body = {
            "kind": "residence",
            "number": "R-1",
            **self.city.record(person_id),
            "content": SAID,
        }
        return self.post("/documents/v1/documents", {**body, **changed})

    def ask(self, person_id: str, **changed: Any) -> Any:
        body = {
            "sub": self.city.sub(person_id, self.service),
            "documents": [{"issuer": "town-hall", "kind": "residence"}],
            "return_to": RETURN,
        }
        return self.post("/documents/v1/requests", {**body, **changed})


@contextmanager
def lockers(settings: Settings, clock: FrozenClock, kinds: str = KINDS) -> Iterator[Lockers]:
    """Clients first: the file of kinds names them, as an operator would write it."""
    before = City(settings, clock)
    oauth: OAuth = before.deployment.parts["oauth"]

    def add(name: str, scope: str, **more: Any) -> AddedClient:
        metadata = {
            "client_name": name,
            "grant_types": ["client_credentials"],
            "scope": scope,
            **more,
        }
        return oauth.clients.add(metadata, clock.now())

    office = add("Town Hall's desk", "documents:issue")
    other = add("University's desk", "documents:issue")
    library = add(
        "Library",
        "openid documents:request",
        grant_types=["authorization_code", "client_credentials"],
        redirect_uris=[RETURN],
        purposes=["library"],
    )
    before.close()
    file = settings.path.parent / "documents.toml"
    file.write_text(kinds.format(office=office.client.id, other=other.client.id))
    city = Lockers(settings.with_sections(DocumentsSettings(kinds=str(file))), clock)
    city.office, city.other, city.library = office, other, library
    prepare(city.runtime)
    try:
        yield city
    finally:
        city.close()


def pick(page: str) -> list[str]:
    """What there is to tick on the page of a request."""
    return re.findall(r'name="(pick\.[^"]+)"', page)


def notice(page: str) -> str:
    found = re.search(r'name="notice" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def answer(citizen: Visitor, url: str, said: str = "share", **fields: str) -> Any:
    """Answer a request as its page would, with everything ticked."""
    path = "/" + url.split("/", 3)[3]
    page = citizen.get(path)
    assert page.status_code == 200, page.text
    ticked = dict.fromkeys(pick(page.text), "yes") if said == "share" else {}
    sent = {"notice": notice(page.text), "answer": said, **ticked, **fields}
    return citizen.post(path, path, **sent)
