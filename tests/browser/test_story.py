"""The story in a real browser, by clicking: officer, citizen, e-service, withdrawal, ledger.

The deployment is a `civitas serve` process; the e-service is the demo's, an ordinary client.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from civitas.demo.city import CITY, COUNTRY, DemoCity, Place
from civitas.residents import as_csv, residents
from tests.support.walking import Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PEOPLE = list(residents(30, 5, city=CITY, country=COUNTRY))
SOMEONE = next(
    p for p in PEOPLE if p["birthdate"] < "2000" and p["locality"] == CITY and p["locale"] == "en"
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoCity]:
    """The demo's processes, on ports of the test's own."""
    city = DemoCity(tmp_path, lambda said: None)
    yield city
    city.stop()


@pytest.fixture
def portal(demo: DemoCity, free_port: Callable[[], int]) -> Place:
    """A running provider."""
    place = Place("portal", "Civitas", free_port(), tls_port=free_port())
    demo.found(place)
    demo.start(place)
    return place


@pytest.fixture
def library(demo: DemoCity, portal: Place, free_port: Callable[[], int]) -> str:
    """The address of the running e-service."""
    port = free_port()
    demo.start_eservice(portal, port, demo.client(portal, port))
    return f"http://localhost:{port}"


def invited(demo: DemoCity, place: Place, role: str, walker: Walker) -> None:
    """Follow the one-time link, set up a sign-in, and prove the passkey that roles need."""
    link = demo.civitas_json(place, "staff", "invite", "--role", role, "--name", "Olga Officer")
    walker.page.goto(link["link"])
    walker.look("invitation")
    walker.set_up(f"olga.{role}")
    home = {"officer": "desk", "operator": "devices", "regulator": "regulator"}[role]
    walker.look("one more proof")
    walker.click("Continue with your passkey")
    walker.page.wait_for_url(f"**/{home}")


def imported(officer: Walker, place: Place) -> None:
    """Upload a file of the civil register, one row of it wrong, and watch the import end."""
    rows = [*PEOPLE, {**PEOPLE[0], "birthdate": "yesterday"}]
    officer.look("desk")
    officer.page.get_by_label("File of the civil register").set_input_files(
        {"name": "residents.csv", "mimeType": "text/csv", "buffer": as_csv(iter(rows))}
    )
    officer.click("Upload")
    officer.page.wait_for_url("**/desk/imports/*")
    for _ in range(100):
        if officer.page.get_by_text("Finished on").count():
            break
        officer.page.wait_for_timeout(200)
        officer.follow("Look again")
    officer.says("Refused rows")
    officer.look("import")
    officer.page.locator(".eyebrow a").click()


def letter(officer: Walker, civil_number: str) -> str:
    """Look a person up, proof them at level 2, print the letter; returns its code."""
    officer.type("Civil number", civil_number)
    officer.page.get_by_label("Why do you look this person up?").select_option("proofing")
    officer.click("Look up")
    officer.page.wait_for_url("**/desk/persons/*")
    officer.look("person")
    officer.page.locator("#evidence_1").select_option("passport:passport-authority")
    officer.page.locator("#reference_1").fill("K1234567")
    officer.page.get_by_label("The person holds it").first.check()
    officer.page.get_by_label("It is genuine and valid").first.check()
    officer.click("Record the proofing")
    officer.says("The proofing is accepted")
    officer.look("person proofed")
    officer.click("Make a letter")
    officer.look("letter")
    code: str = officer.page.locator(".letter .code").inner_text()
    return code


def activated(citizen: Walker, place: Place, code: str) -> None:
    citizen.page.goto(f"{place.url}/")
    citizen.look("start")
    citizen.follow("Activate with a letter")
    citizen.look("activation")
    citizen.type("Code of your letter", code.lower())
    citizen.click("Continue")
    citizen.look("name and password")
    citizen.set_up("leida")


def test_officer_citizen_and_service_by_clicking(
    demo: DemoCity, portal: Place, library: str, browser: Browser
) -> None:
    with Walker(browser, "officer") as officer:
        invited(demo, portal, "officer", officer)
        imported(officer, portal)
        code = letter(officer, SOMEONE["civil_number"])
    with Walker(browser, "citizen") as citizen:
        activated(citizen, portal, code)
        citizen.page.wait_for_url("**/account")
        citizen.look("account")
        citizen.click("Sign out")
        citizen.look("signed out")
        signs_in(citizen, library)
        asks(citizen, "Yes")
        citizen.follow("Back")
        withdraws(citizen, portal)
        citizen.page.goto(library)
        asks(citizen, "We were not told")
        citizen.says("withdrew")
        reads_the_ledger(citizen, portal)


def signs_in(citizen: Walker, library: str) -> None:
    """To the e-service, by passkey, giving a name and one yes/no, and nothing else."""
    citizen.page.goto(library)
    citizen.look("library")
    citizen.click("Sign in with your city identity")
    citizen.look("sign-in for the library")
    citizen.click("Sign in with a passkey")
    citizen.page.wait_for_url("**/oauth/consent*")
    assert citizen.page.locator("input:checked").count() == 0, "nothing is ticked in advance"
    citizen.look("consent")
    citizen.page.locator("[name='give.given_name']").check()
    citizen.page.locator("[name='give.age_over_18']").check()
    citizen.page.locator("[name='give.resident_of_city']").check()
    citizen.click("Continue to City library")
    citizen.says(f"Welcome, {SOMEONE['given_name']}")
    citizen.look("library knows")
    shown = set(citizen.page.locator("dt").all_inner_texts())
    assert {"Given name", "18 or older", "Lives in the city"} < shown
    assert not shown & {"Family name", "Full name", "Date of birth", "Address"}
    told = citizen.page.content()
    assert SOMEONE["family_name"] not in told
    assert SOMEONE["birthdate"] not in told


def asks(citizen: Walker, answer: str) -> None:
    citizen.click("Is this person 18 or older?")
    citizen.says(answer)
    citizen.look(f"answer {answer}")


def withdraws(citizen: Walker, portal: Place) -> None:
    citizen.page.goto(f"{portal.url}/account")
    citizen.follow("Consents")
    citizen.look("consents")
    citizen.follow("Withdraw or see the details")
    citizen.look("one consent")
    citizen.click("Withdraw now")
    citizen.says("You withdrew this consent")
    citizen.look("withdrawn")
    with citizen.page.expect_download() as downloading:
        citizen.follow("Download the receipt")
    receipt = downloading.value.path().read_text()
    payload = receipt.split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert "City library" in json.dumps(said)


def reads_the_ledger(citizen: Walker, portal: Place) -> None:
    citizen.page.goto(f"{portal.url}/account")
    citizen.follow("Ledger")
    citizen.look("ledger")
    table = citizen.page.locator("table").inner_text()
    for words in ("City library", "withdrew", "identity documents"):
        assert words in table, words
    assert re.search(r"18", table)
    citizen.follow("Sign-in methods")
    citizen.look("sign-in methods")
    citizen.follow("Devices")
    citizen.look("devices")
