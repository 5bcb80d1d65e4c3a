"""Who lost everything is back by clicking, with the same `sub` at the library — issue 13, CM-9."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from civitas.demo.city import DemoCity, Place, grown_ups
from tests.browser.test_story import activated, invited, printed
from tests.support.walking import Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]
SEED = 2
SOMEONE = grown_ups(SEED)[0]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoCity]:
    city = DemoCity(tmp_path)
    yield city
    city.stop()


@pytest.fixture
def portal(demo: DemoCity, free_port: Callable[[], int]) -> Place:
    """A running provider with people in it."""
    place = Place("portal", "Civitas", free_port(), tls_port=free_port())
    demo.found(place)
    demo.people(place, 30, seed=SEED)
    demo.start(place)
    return place


def number_at(citizen: Walker, library: str) -> str:
    """By which the library knows who is signed in."""
    citizen.page.goto(library)
    citizen.click("Sign in with your city identity")
    citizen.page.wait_for_url(lambda url: "/oauth/consent" in url or url.startswith(library))
    if "/oauth/consent" in citizen.page.url:
        citizen.page.locator("[name='give.name']").check()
        citizen.click("Continue to City library")
    citizen.says(f"Welcome, {SOMEONE['given_name']}")
    shown = citizen.page.locator("dt", has_text="Your number here").locator("+ dd")
    return str(shown.inner_text()).strip()


def asked_for(citizen: Walker, library: str) -> None:
    """On the sign-in page, with nothing left: what works, and a letter that waits."""
    citizen.page.goto(library)
    citizen.click("Sign in with your city identity")
    citizen.follow("Lost your password or passkey?")
    citizen.look("lost")
    citizen.type("Your sign-in name or your civil number", SOMEONE["civil_number"])
    year, month, day = SOMEONE["birthdate"].split("-")
    citizen.type("Day", day)
    citizen.type("Month", month)
    citizen.type("Year", year)
    citizen.click("Ask for a letter")
    citizen.says("a letter goes to the address in the register")
    citizen.look("letter asked for")


def seen_at_desk(officer: Walker) -> None:
    """The person comes to the desk with a passport: their letter need not wait."""
    officer.type("Civil number", SOMEONE["civil_number"])
    officer.page.get_by_label("Why do you look this person up?").select_option("request")
    officer.click("Look up")
    officer.page.wait_for_url("**/desk/persons/*")
    officer.says("This person lost every way to sign in")
    for _ in range(50):  # what was written on the page is looked at beside the answer
        if officer.page.get_by_text("at the earliest").count():
            break
        officer.page.wait_for_timeout(100)
        officer.page.reload()
    officer.look("person who lost everything")
    officer.page.locator("#evidence_1").select_option("passport:passport-authority")
    officer.page.locator("#reference_1").fill("K1234567")
    officer.page.locator("[name=possessed_1]").check()
    officer.page.locator("[name=valid_1]").check()
    officer.click("Record the check")
    officer.page.wait_for_url("**done=accepted")
    officer.page.locator("#recovery-reason").fill("Lost the phone and the password")
    officer.click("Send a letter without waiting")
    officer.says("It leaves with the next file for the printing house.")
    officer.look("letter without waiting")


def test_a_person_who_lost_everything_is_back_with_the_same_sub_at_the_library(
    demo: DemoCity, portal: Place, browser: Browser, free_port: Callable[[], int]
) -> None:
    port = free_port()
    library = f"http://localhost:{port}"
    demo.start_eservice(portal, port, demo.client(portal, port))
    _, code = demo.letter(portal, seed=SEED)
    with Walker(browser, "before") as citizen:
        activated(citizen, portal, code)
        before = number_at(citizen, library)
    with Walker(browser, "lost") as citizen, Walker(browser, "officer") as officer:
        asked_for(citizen, library)
        invited(demo, portal, "officer", officer)
        seen_at_desk(officer)
        with Walker(browser, "printer") as printer:
            invited(demo, portal, "operator", printer, "otto")
            again = printed(printer, portal)
        citizen.page.goto(f"{portal.url}/activate")
        citizen.type("Code of your letter", again)
        citizen.click("Continue")
        citizen.look("back by the code")
        citizen.set_up("leida.anew", "Get back in")
        citizen.page.goto(f"{portal.url}/account")
        citizen.look("account again")
        assert number_at(citizen, library) == before
