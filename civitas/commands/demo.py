"""`civitas demo`: a city on this machine, for looking around; everything in it is invented."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from civitas.commands.console import err, fail, out
from civitas.demo.city import DemoCity, Place

FOLDER = Path("demo-data")
ESERVICE = 8001


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    broker: Annotated[
        bool, typer.Option("--broker", help="A regulator, a private provider and a broker.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its state; delete it to start anew.")
    ] = FOLDER,
) -> None:
    """Start the demo city and stay until Ctrl-C. The first time sets it up; later ones are quick.

    Example: `civitas demo`
    """
    root = folder / ("broker" if broker else "provider")
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    city = DemoCity(root.resolve(), err.print)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        (_three_models if broker else _provider)(city)
        out.print("\nPress Ctrl-C to stop.")
        city.wait_for_end()
    except RuntimeError as error:
        fail(str(error), code=1)
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            city.stop()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _provider(city: DemoCity) -> None:
    portal = Place("portal", "Civitas", 8000, tls_port=8443)
    if city.found(portal):
        city.people(portal)
        city.ready(portal)
    client = city.client(portal, ESERVICE)
    city.start(portal)
    city.start_eservice(portal, ESERVICE, client)
    device = city.civitas_json(
        portal, "devices", "add", "--label", "Street lamp", "--owner", "Street Lighting"
    )
    out.print("\nThe city is up.\n", style="bold")
    _line("Portal", portal.url)
    _line("E-service", f"http://localhost:{ESERVICE}", "an ordinary OpenID Connect client")
    _line("Devices", "https://localhost:8443", "TLS; its authority: /pki/ca.pem at the portal")
    out.print("\nMade for you just now; each works once:\n", style="bold")
    _letter(city, portal)
    _staff(city, portal, "officer", "desk")
    _staff(city, portal, "operator", "devices, letters, services and staff")
    _staff(city, portal, "auditor", "audit")
    _line("Device", device["device_id"], f"enrolment token {device['token']}")


def _three_models(city: DemoCity) -> None:
    regulator = Place("regulator", "Identity Authority", 8002, "regulator")
    bank = Place("bank", "Bank Identity", 8003, tls_port=8444, regulator=regulator.url)
    hub = Place("hub", "City Hub", 8000, "broker", regulator=regulator.url)
    city.found(regulator)
    city.ready(regulator)
    city.start(regulator)
    if city.found(bank):
        city.people(bank, seed=2)
        city.ready(bank)
    if city.found(hub):
        city.ready(hub)
    client = city.client(hub, ESERVICE)
    city.start(bank)
    city.start(hub)
    known = {entity["entity_id"] for entity in city.civitas_json(regulator, "providers", "list")}
    if bank.url not in known:
        city.civitas(regulator, "providers", "accredit", bank.url, "--level", "2")
    if hub.url not in known:
        city.civitas(regulator, "providers", "accredit", hub.url)
    city.start_eservice(hub, ESERVICE, client)
    out.print("\nThree governance models are up.\n", style="bold")
    _line("Regulator", regulator.url, "accredits providers, authenticates no citizen")
    _line("Provider", bank.url, "private, accredited at level 2")
    _line("Broker", hub.url, "between services and providers, blind to both")
    _line("E-service", f"http://localhost:{ESERVICE}", "signs in through the broker")
    out.print("\nMade for you just now; each works once:\n", style="bold")
    _letter(city, bank, seed=2)
    _staff(city, bank, "officer", "desk")
    _staff(city, regulator, "regulator", "accreditation")


def _letter(city: DemoCity, place: Place, seed: int = 1) -> None:
    name, code = city.letter(place, seed)
    _line("Citizen", f"{place.url}/activate", f"code {code}, in a letter to {name}")


def _staff(city: DemoCity, place: Place, role: str, what_for: str) -> None:
    invited = city.civitas_json(place, "staff", "invite", "--role", role)
    _line(role.title(), invited["link"], f"set up your own sign-in, then the {what_for}")


def _line(who: str, where: str, what: str = "") -> None:
    out.print(f"  {who:<10} [cyan]{where}[/cyan]", soft_wrap=True)
    if what:
        out.print(f"  {'':<10} {what}", markup=False, soft_wrap=True)
