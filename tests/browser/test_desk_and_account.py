"""Officer and citizen in a real browser: by clicking, at 320 px, and axe finds nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Server
from policies import Policies
from tests.support import deployments
from tests.support.city import PASSWORD, City

if TYPE_CHECKING:
    from tests.support.browser import VirtualAuthenticator

pytestmark = pytest.mark.browser
PRINTER = Actor("system", "host:printer")
PEOPLE = list(residents(3, 5, city="Tallinn", country="EE"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[City, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    city = City(settings, FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))
    config = uvicorn.Config(
        city.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        threading.Event().wait(0.02)
    yield city, url
    server.should_exit = True
    thread.join()
    city.close()


def set_up(page: Any, name: str) -> None:
    page.get_by_label("Sign-in name").fill(name)
    page.locator("#password").fill(PASSWORD)
    page.locator("#repeated").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/activate/passkey")


def narrow(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url


def test_from_a_file_to_a_withdrawn_consent_by_clicking(
    served: tuple[City, str],
    page: Any,
    authenticator: VirtualAuthenticator,
    accessible: Callable[[Any], None],
) -> None:
    city, url = served
    page.set_viewport_size({"width": 320, "height": 640})

    def look() -> None:
        accessible(page)
        narrow(page)

    page.goto(url)
    look()
    secret = city.register.staff.invite("officer", "Olga Officer", city.clock.now())
    page.goto(f"{url}/invitation/{secret}")
    set_up(page, "olga.officer")
    look()
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/desk")
    look()
    # Who imports a person does not proof them: the first one came by the command line.
    list(city.importer.run(as_csv(iter(PEOPLE[:1])), "first.csv"))
    rows = [*PEOPLE[1:], {**PEOPLE[0], "birthdate": "yesterday"}]
    page.get_by_label("File of the civil register").set_input_files(
        {"name": "residents.csv", "mimeType": "text/csv", "buffer": as_csv(iter(rows))}
    )
    page.get_by_role("button", name="Upload").click()
    look()
    city.runtime.jobs.run_once()
    page.get_by_role("link", name="Look again").click()
    page.get_by_text("Refused rows").first.wait_for()
    look()
    page.get_by_role("link", name="Registration desk").click()
    page.get_by_label("Civil number").fill(PEOPLE[0]["civil_number"])
    page.get_by_label("Why do you look this person up?").select_option("proofing")
    page.get_by_role("button", name="Look up").click()
    look()
    page.locator("#evidence_1").select_option("passport:passport-authority")
    page.get_by_label("The person holds it").first.check()
    page.get_by_label("It is genuine and valid").first.check()
    page.get_by_role("button", name="Record the check").click()
    page.get_by_text("The identity check is accepted").wait_for()
    look()
    page.get_by_role("button", name="Ask for a letter").click()
    look()
    _, (letter,) = city.register.letters.make("json", False, PRINTER, city.clock.now())
    code = letter.issued.code
    page.get_by_role("button", name="Sign out").click()

    page.goto(f"{url}/activate")
    page.get_by_label("Code of your letter").fill(code)
    page.get_by_role("button", name="Continue").click()
    set_up(page, "first.citizen")
    person = city.register.subject_of_sign_in_name("first.citizen")
    assert person is not None
    policies: Policies = city.deployment.parts["policies"]
    policies.consent.give(
        person_id=person.id,
        service="svc_library",
        service_name="City Library",
        purpose="city.residence-services",
        asked=("resident_of_city",),
        chosen=("resident_of_city",),
        notice=policies.notice("city.residence-services", "City Library"),
    )
    for path in ("/account", "/account/ledger", "/account/credentials", "/account/devices"):
        page.goto(f"{url}{path}")
        look()
    page.goto(f"{url}/account/consents")
    look()
    page.get_by_role("link", name="Details and receipt").click()
    look()
    page.get_by_role("button", name="Withdraw now").click()
    page.get_by_text("You withdrew this consent").wait_for()
    look()
    page.goto(f"{url}/account/ledger")
    assert page.get_by_text("You withdrew what you had allowed City Library").count() == 1
    assert page.get_by_text("To check your identity documents").count() == 1
