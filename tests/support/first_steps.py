"""How people come in, by clicking: staff by an invitation, a citizen by a letter."""

from __future__ import annotations

from civitas.demo.city import DemoCity, Place
from tests.support.walking import Walker

HOME = {
    "officer": "desk",
    "operator": "devices",
    "regulator": "regulator",
    "auditor": "auditor",
}


def invited(demo: DemoCity, place: Place, role: str, walker: Walker, name: str = "olga") -> None:
    """Follow the one-time link, set up a sign-in, and prove the passkey that roles need: they are
    at their work then, without signing in once more."""
    link = demo.civitas_json(
        place, "staff", "invite", "--role", role, "--name", f"{name.title()} {role.title()}"
    )
    walker.page.goto(link["link"])
    walker.look("invitation")
    walker.set_up(f"{name}.{role}")
    walker.page.wait_for_url(f"**/{HOME[role]}")


def activated(citizen: Walker, place: Place, code: str, name: str = "leida") -> None:
    """From the start page, with the code of a letter, to one's own sign-in."""
    citizen.page.goto(f"{place.url}/")
    citizen.look("start")
    citizen.follow("Activate with a letter")
    citizen.look("activation")
    citizen.type("Code of your letter", code.lower())
    citizen.click("Continue")
    citizen.look("name and password")
    citizen.set_up(name)
