"""Who looks at pages, and where: a city of the tour's, with somebody of each role signed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from civitas.residents import as_csv, residents
from civitas.tour import world as tour
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.service import Service
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.device import Device, enrol
from civitas.tour.steps.enrolment import an_adult_of, proof_and_ask, proof_and_write, upload
from civitas.tour.steps.models import through_the_hub
from civitas.tour.steps.sign_in import SCOPE, by_passkey

PEOPLE = 40
FIRST_PAGES = {"auditor": "auditor", "operator": "devices", "officer": "desk"}


@dataclass(frozen=True)
class Viewer:
    """Somebody at a deployment. `first`: pages that no link leads to, such as one under way."""

    who: str
    deployed: Deployed
    browser: Browser
    first: tuple[str, ...] = ("/",)


@dataclass
class Shown:
    """All viewers; `named` are pages that the README shows."""

    viewers: list[Viewer] = field(default_factory=list)
    named: dict[str, tuple[Viewer, str]] = field(default_factory=dict)


@contextmanager
def shown(say: Callable[[str], None], *, all_models: bool = True) -> Iterator[Shown]:
    """The running city. It is the tour's: what the tour can do, its pages show."""
    tour.HOME.update({r: h for r, h in FIRST_PAGES.items() if r not in tour.HOME})
    with TemporaryDirectory(prefix="civitas-pictures-") as folder:
        world = tour.World(Path(folder))
        try:
            found = Shown()
            for part in (_provider, _federation) if all_models else (_provider,):
                say(f"{(part.__doc__ or '').partition(';')[0].strip()} …")
                part(world, found)
            yield found
        finally:
            world.close()


def _provider(world: tour.World, found: Shown) -> None:
    """A provider with its people, things, services and staff; each role signs in."""
    here = world.provider
    people = list(residents(PEOPLE, city="Tallinn", country="EE"))
    upload(world.importer, here, as_csv(iter([*people, {**people[0], "locale": "?"}])))
    imported = world.importer.url.removeprefix(here.url)
    someone = an_adult_of(people, "Tallinn")
    code = proof_and_write(world.officer, here, someone["civil_number"])
    looked_up = world.officer.url.removeprefix(here.url)
    waiting = next(p for p in people if p["civil_number"] != someone["civil_number"])
    with suppress(AssertionError):
        proof_and_ask(world.officer, here, waiting["civil_number"])
    invited = world.run_json(here, "staff", "invite", "--role", "operator", "--name", "Kai Mets")
    world.passkey = set_up(world, world.citizen, here, code, "leida")
    world.citizen.client.cookies.clear()
    by_passkey(world.library, world.citizen, world.passkey, here.url)
    consent = _asked(world, here)
    things = [
        world.run_json(here, "devices", "add", "--label", label, "--owner", owner)
        for label, owner in (("Seismic detector", "Observatory"), ("Tram 14", "Tram company"))
    ]
    lamp = _lamp(world, here)
    nobody = ("/", "/sign-in", "/activate", "/api", "/nothing-here", "/oauth/authorize",
              invited["link"].removeprefix(here.url))  # fmt: skip
    found.viewers += [
        Viewer("anybody", here, Browser(), nobody),
        Viewer("citizen", here, world.citizen, ("/account", consent)),
        Viewer("officer", here, world.officer, ("/desk", looked_up)),
        Viewer("importer", here, world.importer, ("/desk", imported)),
    ]
    operator = Viewer("operator", here, world.staff(here, "operator"),
                      ("/devices", "/pki/board", f"/devices/{things[0]['device_id']}"))  # fmt: skip
    auditor = Viewer("auditor", here, world.staff(here, "auditor"), ("/auditor",))
    found.viewers += [operator, auditor]
    found.named = {
        "consent": (found.viewers[1], consent),
        "ledger": (found.viewers[1], "/account/ledger"),
        "certificates": (operator, "/pki/board"),
        "device": (operator, f"/devices/{lamp}"),
    }


def _asked(world: tour.World, here: Deployed) -> str:
    """The consent page of a sign-in that nobody has answered yet."""
    other = world.run_json(
        here, "clients", "add", "--name", "Parking permits", "--redirect", Service.redirect,
        "--scope", "openid profile age residence", "--purpose", "mobility.parking",
    )  # fmt: skip
    service = Service(here.url, other["client_id"], other["client_secret"])
    service.begin(world.citizen, "openid profile age residence")
    return world.citizen.url.removeprefix(here.url)


def _lamp(world: tour.World, here: Deployed) -> str:
    """A device with a certificate, an access token and a suspension behind it."""
    added = world.run_json(
        here, "devices", "add", "--label", "Street lamp 17", "--owner", "Street Lighting",
        "--identifier", "eui64=00-11-22-FF-FE-33-44-55",
    )  # fmt: skip
    lamp = Device(here.folder, here, added["device_id"])
    (lamp.folder / "ca.pem").write_bytes(httpx.get(f"{here.url}/pki/ca.pem").content)
    enrol(lamp, added["token"])
    for act, why in (("suspend", "Its pole fell over"), ("resume", "Its pole stands again")):
        here.civitas("devices", act, lamp.id, "--reason", why)
    return lamp.id


def _federation(world: tour.World, found: Shown) -> None:
    """A regulator, a private provider, and a broker between them; a choice is open."""
    regulator = world.city.found("regulator", "regulator", title="Identity Authority")
    regulator.start()
    bank = world.city.found("bank", regulator=regulator.url, title="Bank Identity")
    hub = world.city.found("hub", "broker", regulator=regulator.url, title="City Hub")
    bank.start()
    hub.start()
    regulator.civitas("providers", "accredit", bank.url, "--level", "2")
    regulator.civitas("providers", "accredit", hub.url)
    citizen, _ = through_the_hub(world, bank, hub)
    service = world.service(hub)
    chooser = Browser()
    service.begin(chooser, SCOPE)
    found.viewers += [
        Viewer("regulator", regulator, world.staff(regulator, "regulator"), ("/", "/regulator")),
        Viewer("broker", hub, citizen, ("/", "/account/services")),
        Viewer("chooser", hub, chooser, (chooser.url.removeprefix(hub.url),)),
    ]
