"""Step 10: a regulator accredits a private provider, a broker offers it, suspension removes it."""

from __future__ import annotations

import time

from civitas.residents import as_csv, residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.service import Service
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.enrolment import an_adult_of, proof_and_write, upload
from civitas.tour.steps.sign_in import CHOSEN, GIVEN, SCOPE, choose
from civitas.tour.story import expect
from civitas.tour.world import World

SOME = 20


def three_models(world: World) -> str:
    regulator = world.city.found("regulator", "regulator", title="Identity Authority")
    regulator.start()
    bank = world.city.found("bank", regulator=regulator.url, title="Bank Identity", city="Tallinn",
                            country="EE")  # fmt: skip
    hub = world.city.found("hub", "broker", regulator=regulator.url, title="City Hub")
    bank.start()
    hub.start()
    no_citizens(regulator)
    regulator.civitas("providers", "accredit", bank.url, "--level", "2")
    regulator.civitas("providers", "accredit", hub.url)
    citizen, learned = through_the_hub(world, bank, hub)
    blind(bank, hub, learned)
    regulator.civitas("providers", "suspend", bank.url, "--reason", "audit overdue")
    no_longer_offered(world, citizen, hub)
    return f"accredited at level 2, signed in through the hub with acr {learned['acr']}, suspended"


def no_citizens(regulator: Deployed) -> None:
    """A regulator authenticates no citizen."""
    browser = Browser()
    browser.get(f"{regulator.url}/oauth/authorize")
    expect(browser.response is not None and browser.response.status_code == 404, "no sign-in")


def through_the_hub(world: World, bank: Deployed, hub: Deployed) -> tuple[Browser, dict[str, str]]:
    people = list(residents(SOME, seed=2, city="Tallinn", country="EE"))
    upload(world.staff(bank, "officer"), bank, as_csv(iter(people)))
    someone = an_adult_of(people, "Tallinn")
    code = proof_and_write(world.staff(bank, "officer"), bank, someone["civil_number"])
    citizen = Browser()
    passkey = set_up(world, citizen, bank, code, "kaja")
    citizen.client.cookies.clear()
    service = world.service(hub)
    kept = service.begin(citizen, SCOPE)
    pick(citizen)
    world.use_passkey(citizen, passkey)
    if citizen.url.startswith(bank.url):
        everything(citizen)
    if citizen.url.startswith(hub.url):
        choose(citizen, CHOSEN)
    signed_in = service.complete(citizen, kept)
    expect(signed_in.claims["iss"] == hub.url, "the hub as the only issuer the service sees")
    expect(signed_in.claims["acr"].endswith(":2"), "level 2, as accredited")
    given = set(signed_in.userinfo) - {"sub"}
    expect(given == GIVEN, f"only what was chosen, but got {given}")
    return citizen, dict(signed_in.claims)


def pick(citizen: Browser) -> None:
    """Choose the only provider offered."""
    form = citizen.form("provider")
    citizen.submit(form, next(b for b in form.buttons if b[0] == "provider"))


def everything(citizen: Browser) -> None:
    """At the provider, the hub is the one that asks; let it have what it asks for."""
    form = citizen.form("answer", "transaction")
    given = {n: "yes" for n in form.choices if n.startswith("give.")}
    citizen.submit(form, ("answer", "accept"), given)


def blind(bank: Deployed, hub: Deployed, learned: dict[str, str]) -> None:
    """The provider never learns the service, the service never learns the provider."""
    expect(bank.url not in str(learned), "no trace of the provider at the service")
    log = (bank.folder / "serve.log").read_text(errors="replace")
    expect("City library" not in log and Service.redirect not in log, "no trace of the service")


def no_longer_offered(world: World, citizen: Browser, hub: Deployed) -> None:
    service = world.service(hub)
    deadline = time.monotonic() + 15
    while True:
        fresh = Browser()
        service.begin(fresh, SCOPE)
        offered = [b for f in fresh.forms for b in f.buttons if b[0] == "provider"]
        if not offered:
            return
        expect(time.monotonic() < deadline, "the suspended provider to be offered no longer")
        time.sleep(0.5)
