"""`civitas demo`: a city on this machine, for looking around; everything in it is invented."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from civitas.commands.console import err, fail, out
from civitas.demo import beside
from civitas.demo.city import DemoCity, Place, grown_ups

FOLDER = Path("demo-data")
PROVIDER, BROKER = 8000, 8100
"""The first port of each; the two never share one."""
ESERVICE, REGULATOR, BANK, TLS = 1, 2, 3, 443
_LOWEST = 1024
Step = tuple[str, Callable[[], object]]


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    broker: Annotated[
        bool, typer.Option("--broker", help="A regulator, a private provider and a broker.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Where the demo keeps its state; delete it to start anew.")
    ] = FOLDER,
    port_base: Annotated[
        int | None,
        typer.Option(
            min=_LOWEST,
            max=beside.HIGHEST - TLS,
            help="The first of its ports; the others are counted from there. By default "
            f"{PROVIDER}, or {BROKER} with --broker. A city on other ports is another city.",
        ),
    ] = None,
) -> None:
    """Start the demo city and stay until Ctrl-C. The first time sets it up; later ones are quick.

    Example: `civitas demo --port-base 9000`
    """
    usual = BROKER if broker else PROVIDER
    base = usual if port_base is None else port_base
    name = "broker" if broker else "provider"
    root = folder / (name if base == usual else f"{name}-{base}")
    signal.signal(signal.SIGTERM, _interrupt)
    ports = _ports(base, broker)
    places = _broker_places(base) if broker else _provider_places(base)
    instead = _instead(broker, beside.free_base([p - base for p in ports.values()], 9000))
    try:
        with beside.alone_in(root, f"http://localhost:{base}", instead):
            beside.check_addresses(root, places)
            beside.check_ports(ports, instead)
            _run(DemoCity(root.resolve()), _three_models if broker else _provider, base)
    except RuntimeError as error:
        fail(str(error), code=1)


def _run(city: DemoCity, tell: Callable[[DemoCity, int], None], base: int) -> None:
    try:
        tell(city, base)
        out.print("\nPress Ctrl-C to stop.")
        city.wait_for_end()
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            city.stop()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _instead(broker: bool, base: int) -> str:
    """What to type, as it was typed: by make, or by the command itself."""
    if "MAKELEVEL" in os.environ:
        return f'make demo{"-broker" if broker else ""} ARGS="--port-base {base}"'
    return f"civitas demo{' --broker' if broker else ''} --port-base {base}"


def _ports(base: int, broker: bool) -> dict[str, int]:
    library = {"the e-service": base + ESERVICE, "devices": base + TLS}
    if not broker:
        return {"the portal": base, **library}
    return {
        "the broker": base,
        **library,
        "the regulator": base + REGULATOR,
        "the provider": base + BANK,
    }


def _provider_places(base: int) -> tuple[Place, ...]:
    return (Place("portal", "Civitas", base, tls_port=base + TLS),)


def _broker_places(base: int) -> tuple[Place, ...]:
    regulator = Place("regulator", "Identity Authority", base + REGULATOR, "regulator")
    above = regulator.url
    return (
        regulator,
        Place("bank", "Bank Identity", base + BANK, tls_port=base + TLS, regulator=above),
        Place("hub", "City Hub", base, "broker", regulator=above),
    )


def _walk(steps: Sequence[Step]) -> None:
    """One after the other, with a count of how far it is."""
    for number, (what, act) in enumerate(steps, 1):
        err.print(f"[{number}/{len(steps)}] {what} …", markup=False)
        act()


def _provider(city: DemoCity, base: int) -> None:
    (portal,) = _provider_places(base)
    again = city.is_ready(portal)
    port = base + ESERVICE
    made: dict[str, Any] = {}
    _walk(
        [
            *_founding(city, portal),
            ("Opening the town hall's desk", lambda: city.open_office(portal)),
            ("Opening the place of developers", lambda: city.open_to_developers(portal)),
            (f"Starting {portal.title}", lambda: city.start(portal)),
            (
                "Starting the e-service",
                lambda: city.start_eservice(portal, port, city.client(portal, port)),
            ),
            ("Writing a letter to a citizen", lambda: made.update(letter=city.letter(portal))),
            *(_invitation(city, portal, role, made) for role in ("officer", "operator", "auditor")),
            (
                "Registering a street lamp",
                lambda: made.update(
                    device=city.civitas_json(
                        portal,
                        *("devices", "add", "--label", "Street lamp"),
                        *("--owner", "Street Lighting"),
                    )
                ),
            ),
        ]
    )
    out.print("\nThe city is up.\n", style="bold")
    _line("Portal", portal.url, "where people look after their identity")
    _line("E-service", f"http://localhost:{port}", "the city library, an ordinary client")
    _line("Devices", f"https://localhost:{base + TLS}", "TLS; its authority: /pki/ca.pem")
    _once(portal, again)
    _letter(
        portal,
        made["letter"],
        f"open http://localhost:{port}, sign in, and look at what it knows. Show it your "
        "certificate of residence. Then withdraw under Consents, and look again.",
    )
    _line(
        "Applicant",
        f"{portal.url}/apply",
        "somebody who has no identity yet",
        "fill it in, and find it at the desk by its reference number.",
    )
    one, two = (f"{p['civil_number']} ({_name(p)})" for p in grown_ups()[-2:])
    _line(
        "Officer",
        made["officer"],
        "",
        f"look up {one} or {two}, and write down how they proved who they are.",
    )
    _line("Operator", made["operator"], "", "register a device, then suspend it.")
    _line(
        "Developer",
        f"{portal.url}/developers",
        "the citizen of the letter may",
        "register a test service, try a sign-in with it, and ask for production.",
    )
    _line("Auditor", made["auditor"], "", "see who did what, and that nothing was changed.")
    device = made["device"]
    _line(
        "Device",
        device["device_id"],
        f"enrolment token {device['token']}",
        "the lines under “Be a device” in README.md.",
    )


def _three_models(city: DemoCity, base: int) -> None:
    regulator, bank, hub = _broker_places(base)
    again = city.is_ready(hub)
    port = base + ESERVICE
    made: dict[str, Any] = {}
    _walk(
        [
            *_founding(city, regulator),
            (f"Starting {regulator.title}", lambda: city.start(regulator)),
            *_founding(city, bank, seed=2),
            *_founding(city, hub),
            (f"Starting {bank.title}", lambda: city.start(bank)),
            (f"Starting {hub.title}", lambda: city.start(hub)),
            ("Accrediting both", lambda: _accredit(city, regulator, bank, hub)),
            (
                "Starting the e-service",
                lambda: city.start_eservice(hub, port, city.client(hub, port)),
            ),
            (
                "Writing a letter to a citizen",
                lambda: made.update(letter=city.letter(bank, seed=2)),
            ),
            _invitation(city, bank, "officer", made),
            _invitation(city, regulator, "regulator", made),
        ]
    )
    out.print("\nThree governance models are up.\n", style="bold")
    _line("Regulator", regulator.url, "accredits providers, authenticates no citizen")
    _line("Provider", bank.url, "private, accredited at level 2")
    _line("Broker", hub.url, "between services and providers, blind to both")
    _line("E-service", f"http://localhost:{port}", "signs in through the broker")
    _once(bank, again)
    _letter(
        bank,
        made["letter"],
        f"open http://localhost:{port}, sign in, and choose Bank Identity. It does not learn "
        "which service you use.",
    )
    one, two = (f"{p['civil_number']} ({_name(p)})" for p in grown_ups(2)[-2:])
    _line(
        "Officer",
        made["officer"],
        "",
        f"look up {one} or {two}, and write down how they proved who they are.",
    )
    _line(
        "Regulator",
        made["regulator"],
        "",
        "suspend Bank Identity: the broker offers it no more.",
    )


def _founding(city: DemoCity, place: Place, seed: int = 1) -> list[Step]:
    """Setting up for the first time; of one that is there, only what a new version asks."""
    if city.is_ready(place):
        return [(f"Opening {place.title}", lambda: city.found(place))]
    people = place.governance == "provider"
    steps: list[Step] = [(f"Setting up {place.title}", lambda: city.found(place))]
    if people:
        steps.append(
            (
                f"Enrolling 1000 invented residents at {place.title}",
                lambda: city.people(place, 1000, seed),
            )
        )
    label, last = steps.pop()

    def complete() -> None:
        last()
        city.ready(place)

    return [*steps, (label, complete)]


def _invitation(city: DemoCity, place: Place, role: str, made: dict[str, Any]) -> Step:
    def invite() -> None:
        invited = city.civitas_json(place, "staff", "invite", "--role", role)
        made[role] = invited["link"]

    return f"Inviting an {role}" if role[0] in "ao" else f"Inviting a {role}", invite


def _accredit(city: DemoCity, regulator: Place, bank: Place, hub: Place) -> None:
    known = {entity["entity_id"] for entity in city.civitas_json(regulator, "providers", "list")}
    if bank.url not in known:
        city.civitas(regulator, "providers", "accredit", bank.url, "--level", "2")
    if hub.url not in known:
        city.civitas(regulator, "providers", "accredit", hub.url)


def _once(place: Place, again: bool) -> None:
    if again:
        out.print(
            f"\nThe accounts that you made before still work: {place.url}/sign-in", soft_wrap=True
        )
    out.print("\nMade for you just now; each works once:\n", style="bold")


def _letter(place: Place, letter: tuple[str, str], then: str) -> None:
    name, code = letter
    _line("Citizen", f"{place.url}/activate", f"code {code}, in a letter to {name}", then)


def _name(person: dict[str, str]) -> str:
    return f"{person['given_name']} {person['family_name']}"


def _line(who: str, where: str, what: str = "", try_this: str = "") -> None:
    out.print(f"  {who:<10} [cyan]{where}[/cyan]", soft_wrap=True)
    for said in (what, f"try this: {try_this}" if try_this else ""):
        if said:
            out.print(f"  {'':<10} {said}", markup=False, soft_wrap=True)
