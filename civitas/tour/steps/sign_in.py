"""Step 3: sign-in to an e-service; it gets what was chosen, a pairwise `sub`, the real `acr`."""

from __future__ import annotations

from civitas.tour.browser import Browser
from civitas.tour.passkey import SoftPasskey
from civitas.tour.service import Service, SignedIn
from civitas.tour.story import expect
from civitas.tour.world import World

SCOPE = "openid profile age residence"
CHOSEN = ("name", "age_over_18", "resident_of_city")
GIVEN = {*CHOSEN, "given_name", "family_name"}
"""A name is one thing, and has parts."""


def sign_in(world: World) -> str:
    world.citizen.client.cookies.clear()
    passkey = world.passkey
    expect(passkey is not None, "the passkey of step 2")
    learned = by_passkey(world.library, world.citizen, passkey, world.provider.url)
    world.signed_in = learned
    again = in_one_go(world.library, world.citizen)
    expect(again.claims["sub"] == learned.claims["sub"], "the same person at the same service")
    level = learned.claims["acr"]
    return f"given: {', '.join(sorted(set(learned.userinfo) - {'sub'}))}; acr {level}"


def by_passkey(
    service: Service, browser: Browser, passkey: SoftPasskey | None, origin: str
) -> SignedIn:
    """Sign in with a passkey, choose on the consent page, come back to the service."""
    kept = service.begin(browser, SCOPE)
    assert passkey is not None  # noqa: S101 - for the type checker
    World.use_passkey(browser, passkey)
    choose(browser, CHOSEN)
    learned = service.complete(browser, kept)
    given = set(learned.userinfo) - {"sub"}
    expect(given == GIVEN, f"only what was chosen, but got {given}")
    expect(learned.claims["acr"].endswith(":2"), f"level 2, but got {learned.claims['acr']}")
    expect("birthdate" not in learned.claims, "no birth date")
    return learned


def choose(browser: Browser, names: tuple[str, ...]) -> None:
    """Tick what may be known, and go on; nothing may be ticked in advance."""
    form = browser.form("answer", "transaction")
    offered = {n for n in form.choices if n.startswith("give.")}
    expect(not offered & set(form.fields), "nothing ticked in advance")
    expect({f"give.{n}" for n in names} <= offered, f"{names} offered, but got {offered}")
    browser.submit(form, ("answer", "accept"), {f"give.{n}": "yes" for n in names})


def in_one_go(service: Service, browser: Browser) -> SignedIn:
    """The next sign-in asks nothing, since nothing that is asked has changed."""
    kept = service.begin(browser, SCOPE)
    return service.complete(browser, kept)
