"""From "apply" to "signed in at level 3": on 320 px, by the keyboard alone, with the connection
lost in the middle; the officers work beside it. Every page is looked at by axe."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Error, Page, Route

from foundation.clock import FrozenClock
from foundation.settings import Server
from idp.register import NoticeSettings
from tests.support import deployments, mail_server
from tests.support.applying import apply, enrolled_at_desk, proofed_at_level_3
from tests.support.city import PASSWORD, City
from tests.support.mail_server import MailServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MOST_TABS = 80
# What has the focus: by its label, or by its own words.
FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels && one.labels.length ? one.labels[0].innerText : one.innerText;
  return [one.tagName, (label || "").trim()];
}"""


@dataclass
class Served:
    city: City
    url: str
    mail: MailServer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    with mail_server.running() as mail:
        settings = deployments.settings_in(
            tmp_path,
            Server(url=url, listen=f"127.0.0.1:{port}"),
            NoticeSettings(
                smtp_host="127.0.0.1",
                smtp_port=mail.port,
                smtp_security="none",
                sender="identity@city.example",
            ),
        )
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
        yield Served(city, url, mail)
        server.should_exit = True
        thread.join()
        city.close()


class Keyboard:
    """Somebody on a narrow screen who has no mouse."""

    def __init__(self, page: Page, accessible: Callable[[Page], None]) -> None:
        self.page = page
        self._accessible = accessible
        self.looked: list[str] = []
        page.set_viewport_size({"width": 320, "height": 640})

    def look(self, heading: str) -> None:
        """The page is there, has no fault that axe finds, and does not scroll sideways."""
        self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
        self._accessible(self.page)
        assert self.page.evaluate("document.documentElement.scrollWidth") <= 320, self.page.url
        self.looked.append(heading)

    def to(self, words: str, kinds: tuple[str, ...] = ("A", "BUTTON", "SUMMARY", "INPUT")) -> None:
        """Tab until something of this kind has the focus that is called so."""
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            kind, called = self.page.evaluate(FOCUSED)
            if kind in kinds and called.startswith(words):
                return
        raise AssertionError(f"{self.page.url}: no Tab leads to {words}")

    def press(self, words: str) -> None:
        """What leads to another page, or to the same one with what is wrong."""
        self.to(words)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def enter(self, words: str) -> None:
        """What leads nowhere."""
        self.to(words)
        self.page.keyboard.press("Enter")

    def choose(self, words: str) -> None:
        self.to(words)
        self.page.keyboard.press("Space")

    def type(self, label: str, text: str) -> None:
        self.to(label, ("INPUT", "TEXTAREA"))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def by_address(self, url: str) -> None:
        """Typed into the bar of the browser."""
        self.page.goto(url)


def test_from_apply_to_signed_in_at_level_3_on_a_narrow_screen_by_the_keyboard_alone(
    served: Served, page: Page, authenticator: Any, accessible: Callable[[Page], None]
) -> None:
    city, url, hand = served.city, served.url, Keyboard(page, accessible)
    hand.by_address(f"{url}/sign-in")
    hand.press("Apply for one here")
    hand.look("Apply for an identity")
    hand.enter("What to bring")
    accessible(page)
    hand.press("Begin")

    hand.look("Who you are")
    hand.type("Given name", "Leida")
    hand.type("Family name", "Tamm")
    hand.type("Birth date", "1990-13-01")
    hand.type("Civil number", "49001012222")
    hand.press("Save and go on")
    page.locator("#errors").wait_for()
    accessible(page)
    hand.type("Birth date", "1990-01-01")
    # The first answer is lost: this browser has heard nothing of a draft yet, and finds it.
    page.route("**/apply/who", lose_the_answer)
    with page.expect_event("requestfailed"):
        hand.enter("Save and go on")
    page.unroute("**/apply/who")
    hand.by_address(f"{url}/apply/who")
    hand.look("Who you are")
    assert page.locator("#family_name").input_value() == "Tamm"
    hand.press("Save and go on")

    hand.look("How to reach you")
    code = page.locator("#resume-code").inner_text()
    hand.type("Street and house number", "Lai 1")
    hand.type("Town", "Tallinn")
    hand.type("E-mail", "leida@mail.example")
    # The answer is lost on its way: the server has what was sent, and the browser does not know.
    page.route("**/apply/reach", lose_the_answer)
    with page.expect_event("requestfailed"):
        hand.enter("Save and go on")
    page.unroute("**/apply/reach")
    # And then there is no connection at all for a while.
    page.context.set_offline(True)
    with pytest.raises(Error):
        hand.by_address(f"{url}/apply")
    page.context.set_offline(False)
    hand.by_address(f"{url}/apply")
    hand.look("Apply for an identity")
    hand.press("Go on with your application")
    hand.look("Check and send")
    assert page.get_by_text("leida@mail.example").is_visible(), "nothing of it was lost"

    # On another device, by the code.
    page.context.clear_cookies()
    hand.by_address(f"{url}/apply/resume")
    hand.look("Go on with your application")
    hand.type("Code of your application", code.lower())
    hand.press("Open it")
    hand.look("Check and send")
    hand.press("Change: How to reach you")
    hand.look("How to reach you")
    hand.press("Save and go on")
    hand.look("Confirm your e-mail address")
    city.runtime.jobs.run_once()
    hand.type("Code of the e-mail", code_of(served.mail))
    hand.press("Confirm")
    hand.look("Which way")
    hand.choose("At the registration office")
    hand.press("Save and go on")
    hand.look("Terms, and what happens to your data")
    hand.choose("I have read this")
    hand.press("Save and go on")
    hand.look("Check and send")
    assert page.get_by_text("confirmed").is_visible()
    hand.press("Send to the office")
    hand.look("Your application")
    number = page.locator("dd code").first.inner_text()

    first, second, third = (city.staff(name=name) for name in ("Olga A", "Sven B", "Tiit C"))
    case = f"/desk/applications/{number}"
    first.post(f"{case}/take", case)
    first.post(f"{case}/ask", case, question="Is Leida your whole given name?")
    hand.by_address(f"{url}/apply/status")
    hand.look("Your application")
    hand.type("Your answer", "Yes, it is.")
    hand.press("Send the answer")
    page.get_by_text("Your answer was sent").wait_for()
    entered = enrolled_at_desk(first, number)
    person_id = re.split("[/?]", entered.headers["location"])[3]
    hand.by_address(f"{url}/apply/status")
    page.get_by_text("The office checks who you are").wait_for()
    code = proofed_at_level_3(city, person_id, second, third)

    hand.by_address(f"{url}/apply/status")
    hand.look("Your application")
    hand.press("Type the code of the letter")
    hand.type("Code of your letter", code)
    hand.press("Continue")
    hand.type("Sign-in name", "leida.tamm")
    hand.type("Password", PASSWORD)
    hand.type("The password once more", PASSWORD)
    hand.press("Activate")
    page.wait_for_url("**/activate/passkey**")
    hand.enter("Add a passkey")
    page.wait_for_url(re.compile(r"/account"))

    page.context.clear_cookies()
    hand.by_address(f"{url}/sign-in")
    hand.enter("Sign in with a passkey")
    page.wait_for_url("**/account**")
    accessible(page)
    levels = page.locator("dt:has-text('level') + dd").all_inner_texts()
    assert levels == ["3", "3"], levels
    assert len(authenticator.credentials()) == 1


def test_the_officers_pages_are_accessible_on_a_narrow_screen(
    served: Served, page: Page, accessible: Callable[[Page], None]
) -> None:
    city, url = served.city, served.url
    number, officer = apply(city.browser()), city.staff()
    hand = Keyboard(page, accessible)
    page.context.add_cookies(
        [{"name": c.name, "value": str(c.value), "url": url} for c in officer.http.cookies.jar]
    )
    hand.by_address(f"{url}/desk")
    hand.press("Open the queue")
    hand.look("Applications")
    hand.press(number)
    hand.look(f"Application {number}")
    hand.press("Take it")
    page.get_by_text("What the applicant wrote").wait_for()
    hand.look(f"Application {number}")
    hand.type("Why", "You are not a resident of the city.")
    hand.press("Refuse the application")
    page.get_by_text("The application is refused").wait_for()
    hand.look(f"Application {number}")


def lose_the_answer(route: Route) -> None:
    route.fetch(max_redirects=0)
    route.abort("connectionreset")


def code_of(mail: MailServer) -> str:
    """What the last message to the applicant says."""
    address, message = mail.taken[-1]
    assert address == "leida@mail.example"
    body = message.get_content()
    found = re.search(r"Your code is ([A-Z0-9]{4}-[A-Z0-9]{4})", body)
    assert found is not None, body
    return found[1]
