"""After the whole story neither databases nor logs hold a name, a birth date, a secret or a token
in clear — ISO/IEC 29115 CM-7, AU-4, AU-7; GDPR art. 32; privacy P-1."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from civitas.residents import residents
from civitas.tour.steps import STEPS, enrolment
from civitas.tour.steps.sign_in import by_passkey
from civitas.tour.world import PASSWORD, World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PEOPLE = 40
STORY = tuple(step.act for step in STEPS if step.act.__name__ != "verify")
"""All but the step that changes a row to see it found."""
IDENTIFYING = ("civil_number", "birthdate", "email", "phone_number", "street_address")
SECRET_MEMBERS = ("access_token", "refresh_token", "id_token", "client_secret", "token", "link")


class Eavesdropper:
    """Takes down every secret that a server of ours hands out, at the clients' own end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.secrets: dict[str, str] = {}
        send, run = httpx.Client.send, World.run_json

        def heard(client: httpx.Client, request: httpx.Request, **more: Any) -> httpx.Response:
            response = send(client, request, **more)
            self._hear(response)
            return response

        def told(*arguments: Any) -> Any:
            said = run(*arguments)
            if isinstance(said, dict):
                self._members(said)
            return said

        monkeypatch.setattr(httpx.Client, "send", heard)
        monkeypatch.setattr(World, "run_json", staticmethod(told))

    def _hear(self, response: httpx.Response) -> None:
        for header in response.headers.get_list("set-cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            if not name.endswith("language"):
                self.note("cookie", value.strip('"'))
        asked = parse_qs(urlsplit(response.headers.get("location", "")).query)
        for name in ("code", "transaction"):
            for value in asked.get(name, ()):
                self.note(name, value)
        if response.request.url.path == "/oauth/token" and response.status_code == 200:
            self._members(response.json())

    def _members(self, said: Mapping[str, Any]) -> None:
        for name in SECRET_MEMBERS:
            if isinstance(said.get(name), str):
                self.note(name, said[name].rsplit("/", 1)[-1])

    def note(self, what: str, value: str) -> None:
        # A shorter value would be found by chance in what is random anyway.
        if len(value) >= 16:
            self.secrets[value] = what


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Eavesdropper:
    return Eavesdropper(monkeypatch)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Eavesdropper) -> Iterator[World]:
    monkeypatch.setattr(enrolment, "PEOPLE", PEOPLE)
    made = World(tmp_path)
    yield made
    made.close()


@pytest.mark.row("assurance", "CM-7")
@pytest.mark.row("assurance", "AU-4")
@pytest.mark.row("assurance", "X.1253-9.3-5")
def test_after_the_whole_story_no_file_of_ours_names_anybody_or_holds_a_secret_in_clear(
    world: World, heard: Eavesdropper
) -> None:
    for step in STORY:
        step(world)
    for deployed in world.city.deployed:
        deployed.stop()
    needles = {**personal(), **heard.secrets, PASSWORD: "password", world.code: "activation code"}
    assert {"access_token", "id_token", "client_secret", "token", "code", "cookie", "link"} <= set(
        heard.secrets.values()
    )
    found = {
        f"{what} in {deployed.name}/{file.name}"
        for deployed in world.city.deployed
        for file in ours(deployed.folder)
        for what in inside(file.read_bytes(), needles)
    }
    assert not found


@pytest.mark.row("privacy", "P-1")
def test_two_services_have_no_field_in_common_by_which_to_join_a_person(world: World) -> None:
    for step in STORY[:2]:
        step(world)
    library, pool = world.service(world.provider), world.service(world.provider)
    pool.redirect = "https://pool.example/callback"
    added = world.run_json(
        world.provider, "clients", "add", "--name", "Pool", "--redirect", pool.redirect,
        "--scope", "openid profile age residence", "--purpose", "library",
    )  # fmt: skip
    pool.client_id, pool.secret = added["client_id"], added["client_secret"]
    told = []
    for service in (library, pool):
        world.citizen.client.cookies.clear()
        learned = by_passkey(service, world.citizen, world.passkey, world.provider.url)
        access = jwt.decode(learned.tokens["access_token"], options={"verify_signature": False})
        introspected = service.introspect(learned.tokens["access_token"])
        seen = [learned.claims, access, introspected, learned.tokens]
        told.append({v for part in seen for v in values(part)})
    common = {v for v in told[0] & told[1] if isinstance(v, str) and len(v) >= 12}
    public = {"openid profile age residence", "openid age profile residence", world.provider.url}
    assert not {v for v in common - public if not v.startswith("urn:civitas:loa:")}


def values(part: Mapping[str, Any]) -> Iterator[Any]:
    for value in part.values():
        yield from value if isinstance(value, list) else [str(value)]


def personal() -> dict[str, str]:
    """What identifies those who were enrolled, each value with its name."""
    found = {"leida": "sign-in name", "K1234567": "document number"}
    for person in residents(PEOPLE, city="Tallinn", country="EE"):
        found |= {person[name]: name for name in IDENTIFYING if person[name]}
        found[f"{person['given_name']} {person['family_name']}"] = "name"
        for name in ("given_name", "family_name"):
            # A short one would be found by chance.
            if len(person[name].encode()) >= 7:
                found[person[name]] = name
    return found


def ours(folder: Path) -> list[Path]:
    """The databases, with what is still in their logs, and the log of the server."""
    return [f for f in folder.iterdir() if re.search(r"\.(db|db-wal|log)$", f.name)]


def inside(content: bytes, needles: Mapping[str, str]) -> set[str]:
    """Names of the needles that `content` holds: as text, in JSON's escapes, or in base64."""
    return {
        what for needle, what in needles.items() if any(form in content for form in forms(needle))
    }


def forms(needle: str) -> Iterator[bytes]:
    raw = needle.encode()
    yield raw
    yield json.dumps(needle)[1:-1].encode()
    if len(raw) >= 12:
        for shift in range(3):
            # What stands at the edges shares its characters with a neighbour.
            encoded = base64.b64encode(b"\0" * shift + raw)[4:-4].rstrip(b"=")
            yield encoded
            yield encoded.translate(bytes.maketrans(b"+/", b"-_"))
