"""Activation and sign-in in a real browser, by clicking — WCAG 2.2 AA, W3C WebAuthn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from foundation.clock import SystemClock
from foundation.settings import Server
from idp.login.tables import credentials
from tests.support import deployments
from tests.support.serving import serving
from tests.support.sign_in import NAME, PASSWORD, SignInDesk, with_cheap_passwords

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.browser import VirtualAuthenticator

pytestmark = pytest.mark.browser
# Each pair of scheme, width and direction is seen once.
SHAPES = [
    ("light", 320, "ar"),
    ("light", 1280, "en"),
    ("dark", 320, "en"),
    ("dark", 1280, "ar"),
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[SignInDesk]:
    """Sign-in on a port of its own."""
    port = deployments.free_port()
    server = Server(url=f"http://localhost:{port}", listen=f"127.0.0.1:{port}")
    settings = with_cheap_passwords(deployments.settings_in(tmp_path, server))
    runtime = deployments.build_runtime(settings, SystemClock())
    made = SignInDesk(runtime)
    with serving(made.app, port):
        yield made
    runtime.close()


def activate(page: Page, desk: SignInDesk) -> None:
    """From the letter to the offer of a passkey."""
    page.goto(f"{desk.issuer}/activate")
    page.get_by_label("Code of your letter").fill(desk.enrol().lower())
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Sign-in name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/activate/passkey")


def test_a_person_activates_adds_a_passkey_and_signs_in_with_it(
    desk: SignInDesk, page: Page, authenticator: VirtualAuthenticator
) -> None:
    activate(page, desk)
    page.get_by_label("A name for this passkey").fill("my phone")
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/account")
    assert len(authenticator.credentials()) == 1
    page.goto(f"{desk.issuer}/activate/passkey")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")
    page.goto(f"{desk.issuer}/test/whoami")
    assert '"kind":"citizen"' in page.content()


def with_passkey(desk: SignInDesk, page: Page) -> None:
    """Somebody with a passkey, who signed out."""
    activate(page, desk)
    page.get_by_role("button", name="Add a passkey").click()
    page.wait_for_url("**/account")
    page.goto(f"{desk.issuer}/activate/passkey")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")


def test_a_passkey_is_offered_in_the_field_for_the_name_when_somebody_goes_there(
    desk: SignInDesk, page: Page, authenticator: VirtualAuthenticator
) -> None:
    with_passkey(desk, page)
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(f"{desk.issuer}/sign-in")
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "options" in url], "an opened page asks for no challenge"
    page.get_by_label("Sign-in name").focus()
    page.wait_for_url("**/account")
    page.goto(f"{desk.issuer}/test/whoami")
    assert '"kind":"citizen"' in page.content()


def test_a_browser_is_told_of_a_passkey_that_nobody_knows_any_more(
    desk: SignInDesk, page: Page, authenticator: VirtualAuthenticator
) -> None:
    page.add_init_script(
        "window.told = [];"
        "PublicKeyCredential.signalUnknownCredential = async (about) => window.told.push(about);"
    )
    with_passkey(desk, page)
    (kept,) = authenticator.credentials()
    with desk.runtime.database.write() as uow:
        uow.execute(delete(credentials).where(credentials.c.kind == "passkey"))
    page.get_by_role("link", name="Sign in again").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.get_by_text("That did not work.").wait_for()
    (told,) = page.evaluate("window.told")
    assert told["rpId"] == "localhost"
    id_of = told["credentialId"].replace("-", "+").replace("_", "/").rstrip("=")
    assert id_of == kept["credentialId"].rstrip("=")


def test_a_person_signs_in_by_keyboard_alone(desk: SignInDesk, page: Page) -> None:
    activate(page, desk)
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{desk.issuer}/sign-in")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_a_passkey_that_the_person_does_not_confirm_says_so_and_opens_nothing(
    desk: SignInDesk, page: Page, authenticator: VirtualAuthenticator
) -> None:
    activate(page, desk)
    authenticator.verify_user(False)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_text("No passkey was made.").wait_for()
    assert authenticator.credentials() == []


def test_without_scripts_everything_but_passkeys_works(desk: SignInDesk, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    context.set_default_timeout(10_000)
    plain = context.new_page()
    activate(plain, desk)
    assert plain.get_by_text("This browser does not offer passkeys.").is_visible()
    plain.get_by_role("button", name="Sign out").click()
    plain.get_by_role("link", name="Sign in again").click()
    assert not plain.get_by_role("button", name="Sign in with a passkey").is_visible()
    plain.get_by_label("Sign-in name").fill(NAME)
    plain.get_by_label("Password").fill(PASSWORD)
    plain.get_by_role("button", name="Sign in with name and password").click()
    plain.wait_for_url("**/account")
    context.close()


@pytest.mark.parametrize(("scheme", "width", "language"), SHAPES)
def test_the_pages_are_accessible_and_fit_in_every_shape(
    desk: SignInDesk,
    browser: Browser,
    accessible: Callable[[Page], None],
    scheme: str,
    width: int,
    language: str,
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
        locale=language,
    )
    context.set_default_timeout(10_000)
    seen = context.new_page()
    said: list[str] = []
    seen.on("console", lambda message: said.append(message.text))

    def look() -> None:
        accessible(seen)
        assert seen.evaluate("document.documentElement.scrollWidth <= innerWidth"), seen.url
        assert seen.evaluate("document.dir") == ("rtl" if language == "ar" else "ltr")

    seen.goto(f"{desk.issuer}/sign-in")
    look()
    seen.locator("#name").fill("nobody")
    seen.locator("#password").fill("nothing")
    seen.locator("main form button").click()
    seen.get_by_role("alert").first.wait_for()
    look()
    seen.goto(f"{desk.issuer}/activate")
    look()
    seen.locator("#code").fill(desk.enrol())
    seen.locator("main button").click()
    seen.wait_for_url("**/activate/set-up")
    look()
    for field, value in (("name", NAME), ("password", "short"), ("repeated", "short")):
        seen.locator(f"#{field}").fill(value)
    seen.locator("main button").click()
    seen.locator(".field-error").first.wait_for()
    look()
    for field in ("password", "repeated"):
        seen.locator(f"#{field}").fill(PASSWORD)
    seen.locator("main button").click()
    seen.wait_for_url("**/activate/passkey")
    look()
    seen.locator(".site-leave button").click()
    seen.wait_for_url("**/signed-out")
    look()
    refused = [text for text in said if "Refused" in text or "violates" in text]
    assert not refused, "the content security policy stopped something of ours"
    context.close()
