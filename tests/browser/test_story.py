"""The story in a real browser, by clicking: officer, citizen, e-service, withdrawal, ledger.

The deployment is a `civitas serve` process; the e-service is the demo's, an ordinary client.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import pytest

from civitas.demo.city import CITY, COUNTRY, DemoCity, Place
from civitas.residents import as_csv, residents
from tests.support.devices import csr, new_key
from tests.support.first_steps import activated, invited
from tests.support.walking import Walker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]  # on a busy machine
PEOPLE = list(residents(30, 5, city=CITY, country=COUNTRY))
SOMEONE = next(
    p for p in PEOPLE if p["birthdate"] < "2000" and p["locality"] == CITY and p["locale"] == "en"
)


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


def letter(officer: Walker, civil_number: str) -> None:
    """Look a person up, proof them at level 2, ask for their letter: no code is seen."""
    officer.type("Civil number", civil_number)
    officer.page.get_by_label("Why do you look this person up?").select_option("proofing")
    officer.click("Look up")
    officer.page.wait_for_url("**/desk/persons/*")
    officer.look("person")
    officer.page.locator("#evidence_1").select_option("passport:passport-authority")
    officer.page.locator("#reference_1").fill("K1234567")
    officer.page.get_by_label("The person holds it").first.check()
    officer.page.get_by_label("It is genuine and valid").first.check()
    officer.click("Record the check")
    officer.says("The identity check is accepted")
    officer.look("person proofed")
    officer.click("Ask for a letter")
    officer.says("The letter is asked for")
    officer.look("letter asked for")
    assert officer.page.locator(".code").count() == 0


def printed(operator: Walker, place: Place) -> str:
    """Make the file for the printing house; the code in it, and nowhere on the page."""
    operator.page.goto(f"{place.url}/letters")
    operator.look("letters")
    with operator.page.expect_download() as downloading:
        operator.click("Make the file")
    letters = json.loads(downloading.value.path().read_text())["letters"]
    operator.page.reload()
    operator.says("No letter waits")
    operator.look("letters made")
    code: str = letters[0]["code"]
    assert code not in operator.page.content()
    return code


def test_officer_citizen_and_service_by_clicking(
    demo: DemoCity, portal: Place, library: str, browser: Browser
) -> None:
    with Walker(browser, "importer") as importer:
        invited(demo, portal, "officer", importer, "ines")
        imported(importer, portal)
    with Walker(browser, "officer") as officer:
        invited(demo, portal, "officer", officer)
        letter(officer, SOMEONE["civil_number"])
    with Walker(browser, "printer") as printer:
        invited(demo, portal, "operator", printer, "otto")
        code = printed(printer, portal)
    with Walker(browser, "citizen") as citizen:
        activated(citizen, portal, code)
        citizen.page.wait_for_url("**/account")
        citizen.look("account")
        citizen.click("Sign out")
        citizen.look("signed out")
        signs_in(citizen, library)
        asks(citizen, "Yes")
        citizen.follow("Back")
        with citizen.beside(library):
            withdraws(citizen, portal)
        forgets(citizen)
        reads_the_ledger(citizen, portal)
        signs_in(citizen, library, signed_in=True)
        with citizen.beside(library):
            citizen.page.goto(f"{portal.url}/account")
            citizen.click("Sign out")
            citizen.says("can ask us nothing more about you")
        forgets(citizen)


def signs_in(citizen: Walker, library: str, *, signed_in: bool = False) -> None:
    """To the e-service, by passkey, giving a name and one yes/no, and nothing else."""
    citizen.page.goto(library)
    citizen.look("library")
    citizen.click("Sign in with your city identity")
    if not signed_in:
        citizen.look("sign-in for the library")
        citizen.click("Sign in with a passkey")
    citizen.page.wait_for_url("**/oauth/consent*")
    assert citizen.page.locator("input:checked").count() == 0, "nothing is ticked in advance"
    citizen.look("consent")
    citizen.page.locator("[name='give.name']").check()
    citizen.page.locator("[name='give.age_over_18']").check()
    citizen.page.locator("[name='give.resident_of_city']").check()
    citizen.click("Continue to City library")
    citizen.says(f"Welcome, {SOMEONE['given_name']}")
    citizen.look("library knows")
    shown = set(citizen.page.locator("dt").all_inner_texts())
    assert {"Given name", "Full name", "18 or older", "Lives in the city"} < shown
    assert not shown & {"Date of birth", "Address"}
    told = citizen.page.content()
    assert SOMEONE["birthdate"] not in told


def asks(citizen: Walker, answer: str) -> None:
    citizen.click("Is this person 18 or older?")
    citizen.says(answer)
    citizen.look(f"answer {answer}")


def forgets(library: Walker) -> None:
    """The tab that stayed open at the library: it asks, and says what it deleted."""
    library.page.reload()
    library.says("We forgot you")
    library.look("forgotten")
    assert "Given name" in library.page.locator("main li").all_inner_texts()
    assert SOMEONE["given_name"] not in library.page.content()
    library.says("Sign in with your city identity")


def withdraws(citizen: Walker, portal: Place) -> None:
    citizen.page.goto(f"{portal.url}/account")
    citizen.follow("Consents")
    citizen.look("consents")
    citizen.page.get_by_role("button", name="Withdraw").click()
    citizen.says("You withdrew this consent")
    citizen.look("withdrawn")
    citizen.follow("Read or print the receipt")
    citizen.look("receipt")
    citizen.page.go_back()
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


def test_an_operator_registers_a_device_and_suspends_it_by_clicking(
    demo: DemoCity, portal: Place, browser: Browser
) -> None:
    with Walker(browser, "operator") as operator:
        invited(demo, portal, "operator", operator)
        operator.look("devices, none yet")
        operator.follow("Register a device")
        operator.look("register a device")
        operator.type("What it is and where", "Lamp 114, Harbour Street")
        operator.page.get_by_label("Name of the organisation").fill("Street Lighting")
        operator.click("Register")
        operator.look("token, shown once")
        device_id = operator.page.locator("#device-id").inner_text()
        token = operator.page.locator("#token").inner_text()
        answer = httpx.post(
            f"https://localhost:{portal.tls_port}/.well-known/est/simpleenroll",
            content=csr(new_key(), device_id),
            headers={"Content-Type": "application/pkcs10"},
            auth=(device_id, token),
            verify=False,  # what is judged here are the pages
        )
        assert answer.status_code == 200, answer.text
        operator.follow("Go to the device")
        operator.look("enrolled")
        operator.type("Reason", "reported stolen")
        operator.click("Suspend")
        assert operator.page.locator("#state").inner_text().lower() == "suspended"
        operator.look("suspended")
        operator.follow("All devices")
        operator.look("devices")


def test_a_broker_offers_what_the_regulator_accredited_until_it_is_suspended(
    demo: DemoCity, free_port: Callable[[], int], browser: Browser
) -> None:
    regulator, bank, hub = three_models(demo, free_port)
    port = free_port()
    library = f"http://localhost:{port}"
    with Walker(browser, "regulator") as official, Walker(browser, "kaja") as citizen:
        invited(demo, regulator, "regulator", official)
        accredits(official, bank.url, "Level 2")
        accredits(official, hub.url, "As a relying party only")
        demo.start_eservice(hub, port, demo.client(hub, port))
        _, code = demo.letter(bank, seed=2)
        activated(citizen, bank, code)
        citizen.click("Sign out")
        signs_in_by_broker(citizen, library, bank, hub)
        official.page.goto(f"{regulator.url}/regulator")
        official.look("console")
        official.follow("Bank Identity")
        official.page.locator("#suspend-reason").fill("audit overdue")
        official.click("Suspend")
        official.says("Suspended")
        official.look("suspended")
        official.page.goto(f"{regulator.url}/register-of-providers")
        official.look("public register")
        official.page.goto(f"{regulator.url}/work")
        official.look("own account")
        citizen.context.clear_cookies()
        citizen.page.goto(library)
        for _ in range(60):
            citizen.click("Sign in with your city identity")
            citizen.page.wait_for_url("**/broker/choose*")
            if not citizen.page.get_by_role("button", name="Bank Identity").count():
                break
            citizen.page.wait_for_timeout(250)
            citizen.page.goto(library)
        citizen.says("No provider is accredited")
        citizen.look("nobody is offered")
        citizen.follow("Cancel and go back to the service")
        citizen.says("You are not signed in")
        citizen.look("back at the library")


def three_models(demo: DemoCity, free_port: Callable[[], int]) -> tuple[Place, Place, Place]:
    """A regulator, a private provider with people, and a broker, all running."""
    regulator = Place("regulator", "Identity Authority", free_port(), "regulator")
    bank = Place(
        "bank", "Bank Identity", free_port(), tls_port=free_port(), regulator=regulator.url
    )
    hub = Place("hub", "City Hub", free_port(), "broker", regulator=regulator.url)
    for place in (regulator, bank, hub):
        demo.found(place)
        if place is bank:
            demo.people(bank, 30, seed=2)
        demo.start(place)
    return regulator, bank, hub


def accredits(official: Walker, entity: str, level: str) -> None:
    official.page.get_by_label("Entity identifier").fill(entity)
    official.click("Fetch and check")
    official.says("Applied")
    official.look("an applicant")
    official.page.get_by_label(level).check()
    official.page.locator("#do-accredit ~ form button").click()
    official.says("Accredited")
    official.look("accredited")
    official.follow("All entities")


def signs_in_by_broker(citizen: Walker, library: str, bank: Place, hub: Place) -> None:
    """The person chooses the bank, which never learns of the library, nor the library of it."""
    citizen.page.goto(library)
    citizen.click("Sign in with your city identity")
    citizen.page.wait_for_url(f"{hub.url}/broker/choose*")
    citizen.look("choice of provider")
    citizen.click("Bank Identity")
    citizen.page.wait_for_url(f"{bank.url}/**")
    citizen.look("sign-in at the bank")
    citizen.click("Sign in with a passkey")
    citizen.page.wait_for_url("**/oauth/consent*")
    citizen.look("the bank asks")
    assert "library" not in citizen.page.locator("main").inner_text().lower()
    for box in citizen.page.get_by_role("checkbox").all():
        box.check()
    citizen.page.locator("[name=answer][value=accept]").click()
    citizen.page.wait_for_url(f"{hub.url}/oauth/consent*")
    citizen.look("the library asks")
    citizen.page.locator("[name='give.name']").check()
    citizen.click("Continue to City library")
    citizen.says("Welcome, ")
    assert "Bank Identity" not in citizen.page.content()
    citizen.page.goto(f"{hub.url}/account")
    citizen.look("account at the hub")
    citizen.follow("Read or print the receipt City library")
    citizen.says("Receipt of what you decided")
    citizen.look("receipt at the hub")
