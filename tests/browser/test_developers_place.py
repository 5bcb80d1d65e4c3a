"""From nothing to a signed-in test resident in the browser: wide, 320 px, by keyboard, axe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Server
from idp.developers import DevelopersSettings
from tests.support import deployments
from tests.support.city import City, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIVITAS_SHOTS")


@pytest.fixture
def served(tmp_path: Path, clock: FrozenClock) -> Iterator[tuple[City, str, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    city = City(settings.with_sections(DevelopersSettings(self_service="test")), clock)
    people = list(residents(2, 7, city="Tallinn", country="EE"))
    *_, last = city.importer.run(as_csv(iter(people)), "register.csv")
    (person, *_) = city.importer.persons(last.import_id)
    config = uvicorn.Config(
        city.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the listener did not start"
        threading.Event().wait(0.02)
    yield city, url, person
    server.should_exit = True
    thread.join()
    city.close()


def sit_down(page: Any, visitor: Visitor, url: str) -> None:
    """The visitor's session, in the browser."""
    page.context.clear_cookies()
    for cookie in visitor.http.cookies.jar:
        page.context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])


@pytest.mark.parametrize("width", [320, 1280])
def test_a_developer_goes_from_nothing_to_a_signed_in_test_resident(
    served: tuple[City, str, str],
    page: Any,
    accessible: Callable[[Any], None],
    width: int,
) -> None:
    city, url, person = served
    page.set_viewport_size({"width": width, "height": 800})
    shots = 0

    def look(name: str) -> None:
        nonlocal shots
        accessible(page)
        wide = page.evaluate(
            "w => [...document.querySelectorAll('main *')]"
            ".filter(e => e.getBoundingClientRect().right > w && !e.closest('pre'))"
            ".map(e => e.outerHTML.slice(0, 200))",
            width,
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width, wide
        shots += 1
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/{width}-{shots:02}-{name}.png", full_page=True)

    sit_down(page, city.citizen(person, "one.citizen"), url)
    page.goto(f"{url}/account")
    page.get_by_role("link", name="Your test services").press("Enter")
    look("none-yet")
    page.get_by_role("link", name="Register a service").press("Enter")
    look("form")
    page.get_by_label("Name", exact=True).press_sequentially("Chess club")
    page.get_by_label("Its address", exact=True).press_sequentially("chess, in the cellar")
    page.keyboard.press("Enter")
    page.get_by_text("Please mend this").wait_for()
    look("refused")
    assert page.get_by_label("Name", exact=True).input_value() == "Chess club"
    page.get_by_label("Its address", exact=True).press("Control+A")
    page.keyboard.type("http://localhost:5000")
    page.keyboard.press("Enter")
    page.get_by_text("It is registered.").wait_for()
    look("made")
    assert 'client_secret="' in page.locator("pre").first.inner_text()
    client_id = page.locator("dt:text-is('client_id') + dd").inner_text()
    page.get_by_role("button", name="Try a sign-in").press("Enter")
    look("try")
    page.get_by_role("link", name="Sign in at the service now").press("Enter")
    page.get_by_role("heading", name="Chess club").first.wait_for()
    accessible(page)
    page.get_by_role("button", name="Continue to Chess club").press("Enter")
    page.get_by_text("The sign-in worked.").wait_for()
    look("tried")
    assert client_id in page.locator("pre").nth(1).inner_text()

    wrong = {"client_id": client_id, "redirect_uri": "http://localhost:5000/callback/"}
    city.browser().get("/oauth/authorize", params=wrong)
    page.get_by_role("link", name="Chess club").press("Enter")
    page.get_by_text("the slash at the end counts").wait_for()
    look("why")
    page.get_by_role("link", name="Ask for production").press("Enter")
    page.get_by_label("Where people come back to", exact=True).fill("https://chess.example/cb")
    page.get_by_label("What the service does", exact=False).fill("Members sign in to play")
    look("production")
    page.get_by_role("button", name="Ask the operator").press("Enter")
    page.get_by_text("You asked for production.").wait_for()
    look("asked")

    sit_down(page, city.staff("operator"), url)
    page.goto(f"{url}/services")
    look("operator-list")
    page.locator("#waiting + ul a").press("Enter")
    look("operator-asked")
    page.locator("#approve-reason").press_sequentially("A known club")
    page.get_by_role("button", name="Let it into production").press("Enter")
    page.get_by_text("It is in production.").wait_for()
    look("operator-done")
    page.goto(f"{url}/services/testers")
    look("invented")
