"""One person who walks through pages by clicking; every page they see must be good for everybody.

With `CIVITAS_PICTURES=folder` in the environment, each page that is looked at leaves pictures
there, wide and narrow, light and dark, for people to judge what no program can.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.browser import VirtualAuthenticator, assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

PASSWORD = "orbit velvet cactus lantern"
NARROW, WIDE = 320, 1280
# Numbers of people; as a number (in <code>) they may stand beside a name.
_NUMBERS = re.compile(r"\b(?:stf|per)_\w+")
_SAID = """() => {
  const main = document.querySelector("main").cloneNode(true);
  main.querySelectorAll("code, pre").forEach((one) => one.remove());
  return main.textContent;
}"""
_PICTURES = os.environ.get("CIVITAS_PICTURES")


class Walker:
    """A fresh browser profile with a passkey authenticator of its own."""

    def __init__(self, browser: Browser, who: str, language: str = "en-GB") -> None:
        self.who = who
        self.context = browser.new_context(
            locale=language,
            viewport={"width": WIDE, "height": 900},
            reduced_motion="reduce",  # colours are judged when they have arrived
        )
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.authenticator = VirtualAuthenticator(self.page)
        self.complaints: list[str] = []
        self._seen = 0
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __enter__(self) -> Walker:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        # A page that is itself a refusal (4xx) is said so by Chromium; that is no fault of it.
        own = "Failed to load resource" in message.text and (
            message.location.get("url", "").split("#")[0] == self.page.url.split("#")[0]
        )
        if message.type in ("error", "warning") and not own:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def look(self, name: str) -> None:
        """What holds on every page: axe finds nothing in light and in dark, nothing scrolls
        sideways at 320 px, there is one first heading, people are called by their names, and the
        browser has nothing to complain."""
        page = self.page
        page.wait_for_load_state()
        assert page.locator("h1").count() == 1, f"{page.url} needs one first heading"
        if page.locator("h1[autofocus]").count():
            assert page.evaluate("document.activeElement.matches('h1')"), (
                f"{page.url} does not begin where it says what went wrong"
            )
        numbers = _NUMBERS.findall(page.evaluate(_SAID))
        assert not numbers, f"{page.url} says {numbers} where a name belongs"
        self._picture(name, WIDE, "light")
        assert_accessible(page)
        page.set_viewport_size({"width": NARROW, "height": 640})
        sideways = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert sideways <= 0, f"{page.url} scrolls sideways by {sideways} px"
        self._picture(name, NARROW, "light")
        page.emulate_media(color_scheme="dark")
        assert_accessible(page)
        self._picture(name, NARROW, "dark")
        page.set_viewport_size({"width": WIDE, "height": 900})
        self._picture(name, WIDE, "dark")
        page.emulate_media(color_scheme="light")
        assert not self.complaints, self.complaints

    def click(self, name: str, role: str = "button") -> None:
        self.page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]

    def follow(self, name: str) -> None:
        self.click(name, "link")

    @contextmanager
    def beside(self, url: str) -> Iterator[None]:
        """Walk in a tab of one's own while this one stays as it is; it shows `url`."""
        stays, self.page = self.page, self.context.new_page()
        assert stays.url.startswith(url), stays.url
        try:
            yield
        finally:
            self.page.close()
            self.page = stays

    def type(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).fill(text)

    def says(self, text: str) -> None:
        """Wait until the page says so."""
        self.page.get_by_text(text).first.wait_for()

    def refused(self, name: str, field: str) -> None:
        """The form came back: its summary has the focus and the title begins with it, and from
        there the keyboard alone leads to the field that is wrong."""
        page = self.page
        page.locator("#errors").wait_for()
        assert page.evaluate(
            "document.getElementById('errors').contains(document.activeElement)"
        ), f"{page.url}: the focus is not on the summary"
        assert page.title().startswith("Error: "), page.title()
        self.look(name)
        link = f"#errors a[href='#{field}']"
        for _ in range(page.locator("#errors a").count()):
            page.keyboard.press("Tab")
            if page.evaluate("link => document.activeElement.matches(link)", link):
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == field
        assert page.locator(f"#{field}").get_attribute("aria-invalid") == "true"

    def another_authenticator(self) -> None:
        """Take up another device that holds passkeys, and lay the one in hand aside."""
        self.authenticator.remove()
        self.authenticator = VirtualAuthenticator(self.page)

    def set_up(self, name: str, button: str = "Activate") -> None:
        """Sign-in name, password and passkey, as an activation or an invitation asks."""
        self.type("Sign-in name", name)
        self.type("Password", PASSWORD)
        self.type("The password once more", PASSWORD)
        self.click(button)
        self.page.wait_for_url(re.compile("/activate/passkey"))
        self.look(f"{self.who} adds a passkey")
        self.click("Add a passkey")
        self.page.wait_for_url(re.compile(r"^(?!.*/activate/passkey)"))
        assert len(self.authenticator.credentials()) == 1

    def _picture(self, name: str, width: int, scheme: str) -> None:
        if not _PICTURES:
            return
        if scheme == "light" and width == WIDE:
            self._seen += 1
        title = f"{self.who}-{self._seen:02} {name}".replace(" ", "-")
        folder = Path(_PICTURES)
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{title}-{width}-{scheme}.png", full_page=True)
