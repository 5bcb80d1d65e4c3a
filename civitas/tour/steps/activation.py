"""Step 2: the citizen activates with the code of the letter, a password and a passkey."""

from __future__ import annotations

from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.passkey import SoftPasskey
from civitas.tour.story import expect
from civitas.tour.world import PASSWORD, World


def activate(world: World) -> str:
    world.passkey = set_up(world, world.citizen, world.provider, world.code, "leida")
    second = Browser()
    second.get(f"{world.provider.url}/activate")
    second.submit(second.form("code"), typed={"code": world.code})
    expect(not second.forms or "/activate" in second.url, "the code to work once")
    refused = second.response is not None and second.response.status_code >= 400
    expect(refused, "a used code to be refused")
    return "code used once; password hashed with Argon2id; passkey bound"


def set_up(world: World, browser: Browser, provider: Deployed, code: str, name: str) -> SoftPasskey:
    """What a person does with a letter: code, sign-in name, password, passkey."""
    browser.get(f"{provider.url}/activate")
    browser.submit(browser.form("code"), typed={"code": code})
    browser.submit(
        browser.form("name", "password", "repeated"),
        typed={"name": name, "password": PASSWORD, "repeated": PASSWORD},
    )
    return world.add_passkey(browser, provider.url)
