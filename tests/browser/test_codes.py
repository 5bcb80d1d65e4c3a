"""App, code card and recovery codes in a real browser: without scripts, at 320 px, by keyboard."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyotp
import pytest
import uvicorn

from civitas.residents import as_csv, residents
from foundation.clock import SystemClock
from foundation.settings import Server
from tests.support import deployments
from tests.support.city import PASSWORD, City

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
NAME = "first.citizen"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[City, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    city = City(settings, SystemClock())  # type: ignore[arg-type]
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


def press(page: Page, name: str) -> None:
    """By keyboard: to the button, and Enter."""
    page.get_by_role("button", name=name).focus()
    page.keyboard.press("Enter")


def number_asked(page: Page) -> int:
    said = page.locator("label", has_text="Code number").inner_text()
    return int("".join(re.findall(r"\d", said)))


def test_a_person_without_scripts_adds_an_app_a_card_and_recovery_codes_and_steps_up(
    served: tuple[City, str], browser: Browser, page: Page, accessible: Callable[[Any], None]
) -> None:
    city, url = served
    *_, last = city.importer.run(as_csv(residents(1, 11)), "register.csv")
    (person,) = city.importer.persons(last.import_id)
    city.citizen(person, NAME)
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 640}, locale="en-GB"
    )
    plain = context.new_page()
    plain.goto(f"{url}/sign-in?return_to=/account/credentials")
    plain.get_by_label("Sign-in name").fill(NAME)
    plain.get_by_label("Password").fill(PASSWORD)
    plain.keyboard.press("Enter")
    plain.wait_for_url("**/account/credentials")
    shown: list[str] = []

    press(plain, "Add an authenticator app")
    plain.wait_for_url("**/credentials/app")
    key = plain.locator("code.key").inner_text().replace(" ", "")
    assert plain.locator("svg.qr").is_visible()
    shown.append(plain.content())
    app = pyotp.TOTP(key)
    plain.get_by_label("Code of the app").fill(app.now())
    plain.keyboard.press("Enter")
    plain.get_by_text("Your authenticator app is added.").wait_for()

    # What was added has to be shown from now on, before more is changed.
    plain.get_by_role("link", name="Sign in again").click()
    shown.append(plain.content())
    later = app.at(city.clock.now() + timedelta(seconds=30))
    plain.get_by_label("Code of your authenticator app").fill(later)
    plain.keyboard.press("Enter")
    plain.wait_for_url("**/account/credentials")
    press(plain, "Print a code card")
    plain.get_by_role("heading", name=re.compile("Code card of")).wait_for()
    codes = plain.locator(".code-card code").all_inner_texts()
    assert len(codes) == 148
    shown.append(plain.content())
    label = plain.get_by_label(re.compile(r"Code number \d+ of the new card"))
    number = number_asked(plain)
    label.fill(codes[number - 1])
    plain.keyboard.press("Enter")
    plain.get_by_text("Your code card is active.").wait_for()

    plain.goto(f"{url}/sign-in?strongest=1&fresh=1&return_to=/account/credentials")
    plain.get_by_label("Sign-in name").fill(NAME)
    plain.get_by_label("Password").fill(PASSWORD)
    plain.keyboard.press("Enter")
    number = number_asked(plain)
    shown.append(plain.content())
    plain.get_by_label(re.compile("Code number")).fill(codes[number - 1])
    plain.keyboard.press("Enter")
    plain.wait_for_url("**/account/credentials")
    press(plain, "Make recovery codes")
    plain.get_by_role("heading", name="Your recovery codes").wait_for()
    assert plain.locator(".recovery-codes code").count() == 12
    shown.append(plain.content())
    plain.get_by_role("link", name="I have kept them").click()
    plain.get_by_text("12 codes left").wait_for()
    shown.append(plain.content())
    context.close()

    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(url)
    for html in shown:
        # The same page, as it was shown, with the scripts of axe.
        page.set_content(html.replace("<head>", f'<head><base href="{url}/">'))
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        accessible(page)
