"""The first hour of each who works or lives here, by clicking; the officer's, printer's and
regulator's first steps are in the story.

One running provider serves all of it; every test brings its own people.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from civitas.demo.city import DemoCity, Place
from tests.support.english import english_on
from tests.support.first_steps import activated, invited
from tests.support.walking import Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # on a busy machine
NEWCOMER = {
    "Given name": "Maarja",
    "Family name": "Ranniste",
    "Birth date": "1987-03-21",
    "Civil number": "48703210999",
    "Street and house number": "Harbour Street 3",
    "Postal code": "10111",
    "Town": "Civitas",
    "E-mail": "maarja at mail",
}


@pytest.fixture(scope="module")
def peopled(demo: DemoCity, portal: Place) -> Place:
    """The provider with residents in its register."""
    demo.people(portal, 60)
    return portal


@pytest.mark.slow
def test_an_auditor_reads_what_happened_and_keeps_an_account(
    demo: DemoCity, peopled: Place, browser: Browser
) -> None:
    demo.letter(peopled)  # an officer decided something
    with Walker(browser, "auditor") as auditor:
        invited(demo, peopled, "auditor", auditor, "aino")
        auditor.look("audit")
        auditor.follow("Decisions")
        auditor.says("accepted")
        auditor.look("decisions")
        auditor.page.locator(".eyebrow a").click()
        auditor.page.get_by_role("main").get_by_role("link", name="Officers").click()
        auditor.says("Identity checks accepted")
        auditor.look("officers")
        auditor.page.locator(".eyebrow a").click()
        auditor.follow("Events")
        auditor.type("Kind, or how it begins", "register.letter")
        auditor.click("Show")
        auditor.look("events")
        auditor.page.locator("tbody th a").first.click()
        auditor.says("Leaf")
        auditor.look("event")
        auditor.page.goto(f"{peopled.url}/auditor/events/evt_nobody")
        auditor.look("no such event")
        auditor.page.keyboard.press("Tab")
        assert auditor.page.evaluate("document.activeElement.closest('main') !== null")
        auditor.page.goto(f"{peopled.url}/auditor")
        has_an_account(auditor)


def has_an_account(staff: Walker) -> None:
    """Staff add a second passkey from another device, and read what they did."""
    staff.follow("Your account")
    staff.look("own account")
    staff.follow("Change")
    staff.look("own ways to sign in")
    staff.another_authenticator()
    staff.type("A name for this passkey", "my telephone")
    staff.click("Add a passkey")
    staff.page.wait_for_url(re.compile(r"^(?!.*/credentials$)"))
    assert len(staff.authenticator.credentials()) == 1
    staff.follow("Your account")
    staff.says("3 ways to sign in are bound to you.")
    staff.follow("Change")
    staff.says("my telephone")
    staff.look("two passkeys")
    staff.follow("Your account")
    staff.follow("Everything that you did")
    staff.says("A way to sign in was added.")
    staff.look("own acts")


def test_a_service_is_added_by_what_it_is_and_removed_again(
    demo: DemoCity, portal: Place, browser: Browser
) -> None:
    with Walker(browser, "integrator") as operator:
        invited(demo, portal, "operator", operator, "ivo")
        operator.follow("Services")
        operator.look("services")
        operator.follow("Add a service")
        operator.look("add a service")
        operator.type("Name", "Parking permits")
        operator.page.get_by_label("What it is", exact=True).select_option("spring")
        operator.type("Its address", "parking, at the town hall")
        operator.click("Add the service")
        operator.refused("address refused", "url")
        assert operator.page.get_by_label("Name", exact=True).input_value() == "Parking permits"
        assert operator.page.locator("#kind").input_value() == "spring"
        assert operator.page.locator("#url").input_value() == "parking, at the town hall"
        operator.page.keyboard.press("Control+A")
        operator.page.keyboard.type("https://parking.example")
        operator.page.keyboard.press("Enter")
        operator.says("The secret is shown this once")
        operator.look("added, with its configuration")
        assert "client-id:" in operator.page.locator("pre").first.inner_text()
        operator.follow("To its page")
        operator.look("service")
        changes(operator)
        pauses(operator)
        goes(operator)


def changes(operator: Walker) -> None:
    """A new name is changed at once; another sector only after a look at what follows."""
    operator.follow("Change it")
    operator.look("change a service")
    operator.type("Name", "Parking")
    operator.type("Sector", "https://other.example")
    operator.type("Reason", "the town hall moved")
    operator.click("Change it")
    operator.says("This cannot be undone.")
    operator.look("asked before the change")
    operator.click("Yes, change it")
    operator.says("It is changed.")
    operator.page.get_by_role("heading", name="Parking", exact=True).wait_for()
    operator.look("changed")


def pauses(operator: Walker) -> None:
    operator.page.locator("#suspend-reason").fill("audit overdue")
    operator.click("Suspend")
    operator.says("It is suspended")
    operator.look("service suspended")
    operator.page.locator("#resume-reason").fill("audit done")
    operator.click("Let it work again")
    operator.says("It works again")


def goes(operator: Walker) -> None:
    operator.page.locator("#remove-reason").fill("replaced")
    operator.click("Remove it")
    operator.says("This cannot be undone.")
    operator.look("asked before it is removed")
    operator.click("Yes, remove it")
    operator.says("It is removed")
    operator.look("services, one removed")
    assert not operator.page.get_by_role("link", name="Parking").count()


@pytest.mark.slow
def test_an_officer_enrols_finds_and_corrects_one_person(
    demo: DemoCity, portal: Place, browser: Browser
) -> None:
    with Walker(browser, "officer") as officer:
        invited(demo, portal, "officer", officer, "ene")
        officer.follow("Open the form")
        officer.look("enrol one person")
        for label, text in NEWCOMER.items():
            officer.type(label, text)
        officer.page.locator("#evidence").select_option("passport:passport-authority")
        officer.click("Enrol this person")
        officer.refused("enrolment refused", "email")
        assert officer.page.locator("#family_name").input_value() == NEWCOMER["Family name"]
        officer.type("E-mail", "maarja@mail.example")
        officer.click("Enrol this person")
        officer.says("The person is enrolled")
        officer.look("enrolled")
        corrects(officer)
    with Walker(browser, "colleague") as officer:
        invited(demo, portal, "officer", officer, "eda")
        finds(officer, "rannis")
        officer.page.locator("#evidence_1").select_option("passport:passport-authority")
        officer.page.locator("#reference_1").fill("K1234567")
        officer.click("Only try it")
        officer.says("Only tried: nothing was recorded.")
        assert officer.page.evaluate("document.activeElement.id") == "tried"
        officer.look("check tried")
        assert officer.page.locator("#reference_1").input_value() == "K1234567"
        officer.click("Ask for a letter")
        officer.says("The letter is asked for")
        officer.look("letter asked for")


def finds(officer: Walker, beginning: str) -> None:
    """By the beginning of the name, without the number."""
    officer.type("Name", beginning)
    officer.page.get_by_label("Why do you look this person up?").select_option("proofing")
    officer.click("Look up")
    officer.page.wait_for_url("**/desk/**")
    if officer.page.get_by_text("People found").count():
        officer.look("people found")
        officer.page.get_by_role("button", name=re.compile("Open the record")).click()
    officer.page.get_by_role("heading", name="Maarja Ranniste").wait_for()
    officer.look("person found")


def corrects(officer: Walker) -> None:
    """The address: a look at what changes first, then it is done."""
    officer.follow("Correct the record")
    officer.look("correct the record")
    officer.type("Street and house number", "Market Square 1")
    officer.page.locator("#source").select_option(index=1)
    officer.type("Reason", "moved in May")
    officer.click("See what changes")
    officer.says("Nothing is changed yet.")
    officer.look("what changes")
    officer.click("Correct the record")
    officer.says("The record is corrected")
    officer.says("Market Square 1")
    officer.look("corrected")


@pytest.mark.slow
def test_a_citizen_comes_in_changes_an_address_and_ends_a_service(
    demo: DemoCity, peopled: Place, library: str, browser: Browser
) -> None:
    _, code = demo.letter(peopled)
    with Walker(browser, "citizen") as citizen:
        activated(citizen, peopled, code, "kadri")
        citizen.page.wait_for_url("**/account")
        citizen.follow("See and correct")
        citizen.look("own data")
        citizen.follow("Show that it is me")
        citizen.look("shows that it is them")
        citizen.click("Continue with your passkey")
        citizen.page.wait_for_url("**/account/data")
        citizen.look("own data, to be changed")
        citizen.type("E-mail", "kadri at home")
        citizen.click("Change")
        citizen.refused("own data refused", "email")
        citizen.type("E-mail", "kadri@mail.example")
        citizen.click("Change")
        citizen.says("It is changed.")
        assert citizen.page.get_by_role("cell", name="kadri@mail.example").count()
        citizen.look("own data changed")
        citizen.follow("Sign-in methods")
        citizen.look("sign-in methods")
        uses(citizen, library)
        ends(citizen, peopled)
        reads_a_receipt(citizen)
        speaks_french(citizen)


def uses(citizen: Walker, library: str) -> None:
    citizen.page.goto(library)
    citizen.click("Sign in with your city identity")
    citizen.page.wait_for_url("**/oauth/consent*")
    citizen.page.locator("[name='give.name']").check()
    citizen.click("Continue to City library")
    citizen.says("Welcome, ")


def ends(citizen: Walker, place: Place) -> None:
    """What the service may do is shown, and ends after a question."""
    citizen.page.goto(f"{place.url}/account")
    citizen.look("account")
    citizen.follow("See and end")
    citizen.says("City library")
    citizen.look("services that act")
    citizen.page.get_by_role("link", name=re.compile("^End its access")).click()
    citizen.look("asked before it ends")
    citizen.click("End it now")
    citizen.says("Its access has ended")
    citizen.look("access ended")


def reads_a_receipt(citizen: Walker) -> None:
    citizen.follow("Consents")
    citizen.page.get_by_role("link", name="City library").first.click()
    citizen.follow("Read or print the receipt")
    citizen.says("Receipt of what you decided")
    citizen.look("receipt")


def speaks_french(citizen: Walker) -> None:
    citizen.follow("Overview")
    citizen.follow("français")
    citizen.page.locator("html[lang=fr]").wait_for()
    citizen.look("account in French")
    assert english_on(citizen.page.content(), "fr") == []


@pytest.mark.slow
def test_a_citizen_sees_a_device_that_is_registered_as_theirs(
    demo: DemoCity, peopled: Place, browser: Browser
) -> None:
    _, code = demo.letter(peopled)
    with Walker(browser, "owner") as citizen, Walker(browser, "registrar") as operator:
        activated(citizen, peopled, code, "owner")
        citizen.page.wait_for_url("**/account")
        me = str(citizen.page.evaluate("fetch('/account/data.json').then((r) => r.text())"))
        number = re.search(r"\bper_\w+", me)
        assert number, "the number by which one is known"
        invited(demo, peopled, "operator", operator, "oskar")
        registers(operator, number[0])
        citizen.follow("Devices")
        citizen.says("Heat pump, Market Square 1")
        citizen.look("own device")
        operator.type("Reason", "sold with the house")
        operator.click("Transfer")
        operator.says("Take this device from its owner?")
        operator.look("asked before the transfer")
        operator.follow("No, go back")
        operator.type("Reason", "sold with the house")
        operator.click("Transfer")
        operator.click("Yes, take it from its owner")
        operator.page.locator("#claim").wait_for()
        operator.look("transferred")
        citizen.page.reload()
        citizen.says("No device is registered as yours.")


def registers(operator: Walker, owner: str) -> None:
    """In the name of a citizen, whose number is asked; a name is refused, and it is said why."""
    operator.follow("Register a device")
    operator.type("What it is and where", "Heat pump, Market Square 1")
    operator.page.get_by_label("A citizen", exact=True).check()
    field = "Name of the organisation, or the citizen's id"
    operator.type(field, "Maarja")
    operator.click("Register")
    operator.refused("owner refused", "owner")
    assert operator.page.get_by_label("A citizen", exact=True).is_checked()
    operator.type(field, owner)
    operator.click("Register")
    operator.look("token")
    operator.follow("Go to the device")
    operator.look("device of a citizen")
    operator.follow("All devices")
    operator.look("devices")
    operator.follow("Heat pump, Market Square 1")
