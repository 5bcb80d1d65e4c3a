"""No log line names anything of a person, over all flows and whatever the level — X.1253 9.1."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.log_lines import configure_logging
from foundation.settings import Server, Settings
from idp.login.tables import credentials, sessions
from idp.oauth import pkce
from idp.register import NoticeSettings
from idp.register.tables import persons
from policies import Policies
from tests.support import mail_server
from tests.support.authorization_server import CALLBACK, VERIFIER
from tests.support.city import PASSWORD, City, Visitor, confirmed
from tests.support.mail_server import MailServer
from tests.support.passkey import SoftPasskey

PERSON = {
    **next(iter(residents(1, 7, city="Tallinn", country="EE"))),
    "email": "berta.quist@mail.example",
}
NAME = "berta.of.the.harbour"
ADDRESS = "198.51.100.77"


class Written(logging.Handler):
    """Every record that any logger hands on, at every level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self._formatter.format(record))


@pytest.fixture
def written() -> Iterator[Written]:
    """All that is logged, as if somebody had asked for everything."""
    root, handler = logging.getLogger(), Written()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server.running() as running:
        yield running


@pytest.fixture
def city(
    written: Written, any_settings: Settings, clock: FrozenClock, server: MailServer
) -> Iterator[City]:
    by_mail = NoticeSettings(
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        smtp_security="none",
        sender="identity@city.example",
    )
    behind = Server(url="http://localhost:8000", trusted_proxies=("testclient",))
    made = City(any_settings.with_sections(by_mail, behind), clock)
    yield made
    made.close()


def by_desk(city: City) -> tuple[Visitor, str]:
    """An import with a person and a refused row, searches, a record, a wrong step."""
    officer = city.staff(name="Olga Overseer")
    rows = [PERSON, {**PERSON, "birthdate": "yesterday"}]
    officer.upload("/desk/imports", f"{PERSON['family_name']}.csv", as_csv(iter(rows)))
    city.runtime.jobs.run_once()
    city.runtime.jobs.run_once()
    with city.runtime.database.read() as uow:
        row = uow.one(select(persons.c.id))
    if row is None:  # imports that need two people: the importer itself does it here
        *_, last = city.importer.run(as_csv(iter([PERSON])), "register.csv")
        person_id = city.importer.persons(last.import_id)[0]
    else:
        person_id = str(row.id)
    for number in (PERSON["civil_number"], "QQ999999", "no number at all!"):
        officer.post("/desk/search", "/desk", civil_number=number, purpose="proofing")
    place = f"/desk/persons/{person_id}"
    officer.get(place)
    officer.get("/desk/persons/per_nobody")
    officer.post(f"{place}/letter", place)
    officer.post(f"{place}/state", place, step="restore", reason=f"{PERSON['given_name']} asked")
    return officer, person_id


def by_the_person(city: City, person_id: str) -> list[str]:
    """Activation, passkeys, sign-ins right and wrong, changes, the account; their secrets."""
    secrets: list[str] = []
    browser = city.citizen(person_id, NAME)
    passkey = SoftPasskey(str(browser.http.base_url).rstrip("/"))
    proof = {"X-CSRF-Token": browser.token()}

    def send(visitor: Visitor, path: str, body: dict[str, Any]) -> Any:
        answer = visitor.http.post(path, json=body, headers={"X-CSRF-Token": visitor.token()})
        return answer.json() if answer.status_code == 200 else {}

    asked = send(browser, "/passkeys/options", {})
    made = passkey.create(asked["options"])
    body = {"challenge": asked["challenge"], "credential": made, "label": "Berta's own phone"}
    send(browser, "/passkeys", body)
    secrets += [asked["challenge"], made["id"], proof["X-CSRF-Token"]]
    for fault in ("", "https://evil.example"):
        other = city.browser()
        other.http.headers["X-Forwarded-For"] = ADDRESS
        right = passkey.origin
        passkey.origin = fault or right
        asked = send(other, "/sign-in/passkey/options", {})
        answer = passkey.get(asked["options"])
        passkey.origin = right
        send(other, "/sign-in/passkey", {"challenge": asked["challenge"], "credential": answer})
        send(other, "/sign-in/passkey", {"challenge": asked["challenge"], "credential": answer})
        secrets += [asked["challenge"], answer["id"]]
    asked = send(browser, "/sign-in/passkey/options", {"step_up": True})
    answer = passkey.get(asked["options"])
    body = {"step_up": True, "challenge": asked["challenge"], "credential": answer}
    send(browser, "/sign-in/passkey", body)
    stranger = city.browser()
    stranger.http.headers["X-Forwarded-For"] = ADDRESS
    for name, typed in ((NAME, "a guess at it"), ("nobody.at.all", PASSWORD), (NAME, PASSWORD)):
        stranger.post("/sign-in", name=name, password=typed)
    stranger.post("/activate", "/activate", code="BCDFG-BCDFG-BCDFG-BCDFG")
    stranger.http.post("/sign-in", data={"name": NAME, "password": PASSWORD})
    with city.runtime.database.read() as uow:
        keys = [row.id for row in uow.all(select(credentials.c.id))]
        secrets += keys + [row.id for row in uow.all(select(sessions.c.id))]
    chosen = "marble hedge pilot walrus"
    browser.post("/account/credentials/password", present=PASSWORD, chosen=chosen, repeated=chosen)
    for key in keys:
        stranger.post(f"/account/credentials/{key}/lost")
        asked = browser.post(f"/account/credentials/{key}/remove")
        if 'name="confirmed"' in asked.text:
            browser.post(f"/account/credentials/{key}/remove", confirmed=confirmed(asked))
    for path in ("/account", "/account/ledger", "/account/data.json", "/account/credentials"):
        browser.get(path)
    city.runtime.jobs.run_once()
    by_a_service(city, browser, person_id, secrets)
    browser.post("/sign-out")
    secrets += [value for cookie in browser.http.cookies.jar if (value := cookie.value)]
    return [*secrets, chosen, "a guess at it", "Berta's own phone"]


def by_a_service(city: City, browser: Visitor, person_id: str, secrets: list[str]) -> None:
    """Consent, codes and tokens, right and wrong; a withdrawal."""
    oauth = city.deployment.parts["oauth"]
    metadata = {
        "client_name": "City Library",
        "redirect_uris": [CALLBACK],
        "scope": "openid",
        "purposes": ["library"],
        "grant_types": ["authorization_code"],
    }
    added = oauth.clients.add(metadata, city.clock.now())
    asked = browser.get(
        "/oauth/authorize",
        params={
            "client_id": added.client.id,
            "response_type": "code",
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": "s",
            "nonce": "a-nonce",
            "code_challenge": pkce.challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            "login_hint": NAME,
        },
    )
    page = browser.get(asked.headers["location"])
    form = re.search(r'<form[^>]*action="([^"]+)"', page.text.partition("<main")[2])
    assert form is not None, page.text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = browser.http.post(form[1], data={**fields, "answer": "accept"})
    code = re.search(r"code=([^&]+)", answer.headers.get("location", ""))
    for sent in (code[1] if code else "made-up-code", "made-up-code"):
        tokens = browser.http.post(
            "/oauth/token",
            auth=(added.client.id, added.secret or ""),
            data={
                "grant_type": "authorization_code",
                "code": sent,
                "redirect_uri": CALLBACK,
                "code_verifier": VERIFIER,
            },
        )
        secrets.append(sent)
        if tokens.status_code == 200:
            token = tokens.json()["access_token"]
            secrets += [token, tokens.json()["id_token"]]
            browser.http.get("/oauth/userinfo", headers={"Authorization": f"Bearer {token}"})
            broken = {"Authorization": f"Bearer {token[:-4]}AAAA"}
            browser.http.get("/oauth/userinfo", headers=broken)
    policies: Policies = city.deployment.parts["policies"]
    purpose = "city.residence-services"
    consent = policies.consent.give(
        person_id=person_id,
        service="svc_library",
        service_name="City Library",
        purpose=purpose,
        asked=("resident_of_city",),
        chosen=("resident_of_city",),
        notice=policies.notice(purpose, "City Library"),
    )
    browser.post(f"/account/consents/{consent.id}/withdraw", reason="Berta has moved away")
    secrets += ["Berta has moved away"]


@pytest.mark.row("assurance", "X.1253-9.1-6")
def test_no_log_line_names_anything_of_a_person(city: City, written: Written) -> None:
    officer, person_id = by_desk(city)
    secrets = by_the_person(city, person_id)
    walked = {
        "register.looked-up",
        "register.activate",
        "credential.added",
        "credential.changed",
        "credential.ended",
        "sign-in.succeeded",
        "sign-in.failed",
        "service.signed_in",
        "consent.withdrawn",
    }
    assert walked <= set(city.kinds(person_id)), "all of it really happened"
    named = [
        value
        for key, value in PERSON.items()
        if value and key not in ("locality", "country", "region", "locale")
    ]
    never = {
        *named,
        *secrets,
        person_id,
        officer.id,
        NAME,
        PASSWORD,
        ADDRESS,
        "Olga Overseer",
        "nobody.at.all",
        "no number at all!",
    }
    told = [
        (line, value)
        for line in written.lines
        for value in never
        if len(value) > 3 and value.lower() in line.lower()
    ]
    assert told == []
    raw = [c for c in secrets if c]
    hexed = {bytes(c, "ascii", "ignore").hex() for c in raw}
    assert not [line for line in written.lines if any(h in line for h in hexed if len(h) > 16)]


def test_what_a_library_says_is_shown_as_having_been_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        configure_logging("text")
        logging.getLogger("some.package").error("user anna.tamm failed: %s", "AB123456")
        logging.getLogger("fido2.server").critical("Credential authenticated: 00ff")
        logging.getLogger("civitas.anything").info("a sentence of ours")
        try:
            raise ValueError(".".join(("anna", "tamm")))
        except ValueError:
            logging.getLogger("some.package").exception("of %s", "anna.tamm")
    finally:
        root.handlers[:], root.level = before
    shown = capsys.readouterr().err
    assert "a sentence of ours" in shown
    assert "ERROR some.package" in shown, "that there was something is said"
    assert "test_log_lines.py" in shown, "and where to look"
    for kept_back in ("anna.tamm", "AB123456", "00ff"):
        assert kept_back not in shown
