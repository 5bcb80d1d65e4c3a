"""A town with a citizen on real HTTP, and services of other people's making that sign them in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx

from civitas import governance
from civitas.configuration import settings_of
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.passkey import SoftPasskey
from civitas.tour.steps.activation import set_up
from civitas.tour.world import World
from foundation.audit import SYSTEM, Actor
from idp.register import Evidence, Findings, Profile
from tests.support.deployments import ROOT, free_port

GIVEN, FAMILY = "Léïda", "Õunapuu"


@dataclass(frozen=True)
class Town:
    """A running deployment; the name and the passkey of the one citizen who lives there."""

    deployed: Deployed
    name: str
    passkey: SoftPasskey

    @property
    def issuer(self) -> str:
        return self.deployed.url

    def printed(self, kind: str, url: str = "") -> dict[str, str]:
        """The files that `civitas clients add --for` prints for a new service at `url`."""
        where = ("--url", url) if url else ()
        added = self.deployed.civitas(
            "clients", "add", "--for", kind, "--name", f"A service with {kind}", *where, "--json"
        )
        return {file["name"]: file["text"] for file in json.loads(added)["files"]}

    def log(self) -> str:
        return (self.deployed.folder / "serve.log").read_text()


@contextmanager
def town_in(folder: Path) -> Iterator[Town]:
    """One citizen, who activated with the code of a letter."""
    world = World(folder)
    try:
        provider = world.provider
        passkey = set_up(world, Browser(), provider, _enrol(provider), "leida")
        yield Town(provider, f"{GIVEN} {FAMILY}", passkey)
    finally:
        world.close()


def _enrol(provider: Deployed) -> str:
    """The code of a letter to somebody whose papers an officer saw."""
    inside = governance.assemble(settings_of(provider.config))
    runtime, register = inside.runtime, inside.parts["register"]
    now = runtime.clock.now()
    seen = Evidence("register-extract", "civil-register", "register-query", "", True, True)
    who = Profile("AB123456", GIVEN, FAMILY, date(1990, 5, 17), locality="Tallinn", country="EE")
    try:
        enrolled = register.enrolment.enrol(
            who, Findings(2, (seen,)), Actor("staff", "stf_officer"), "2026-01", now
        )
        with runtime.database.write() as uow:
            return str(register.codes.issue(uow, enrolled.person.id, SYSTEM, now).code)
    finally:
        runtime.close()


class Citizen:
    """The citizen at a browser without a window: answers what the town's pages ask."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.browser = Browser()
        self.asked: list[str] = []
        """What was asked on the way: sign-in, consent, sign-out."""

    @property
    def text(self) -> str:
        return self.browser.text or self.browser.html

    @property
    def url(self) -> str:
        return self.browser.url

    def visit(self, url: str) -> str:
        """Open a page of a service and go where it leads; returns what is read at the end."""
        self.asked = []
        self.browser.get(url)
        for _ in range(4):
            if not self._answer():
                break
        return self.text

    def _answer(self) -> bool:
        """Whether the page was one of the town's, and was answered."""
        browser = self.browser
        for form in browser.forms:
            if {"name", "password"} <= set(form.fields):
                self.asked.append("sign-in")
                # A name is given from level 2 on, which a password alone does not reach.
                World.use_passkey(browser, self.town.passkey)
                return True
            if "transaction" in form.fields:
                self.asked.append("consent")
                ticks = {name: "yes" for name in form.choices if name.startswith("give.")}
                browser.submit(form, ("answer", "accept"), ticks)
                return True
            if form.action.endswith("/end-session/confirm"):
                self.asked.append("sign-out")
                browser.submit(form, ("answer", "sign-out"))
                return True
        return False


@contextmanager
def running(
    command: Sequence[str | Path],
    url: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Iterator[None]:
    """A service's own program, for the time of the block, once it answers at `url`."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=folder or ROOT,
        )
        try:
            deadline = time.monotonic() + 90
            while not _answers(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str) -> bool:
    with suppress(httpx.TransportError):
        httpx.get(url, timeout=5)
        return True
    return False


def address() -> str:
    """Where a service of the test will listen."""
    return f"http://localhost:{free_port()}"


def port_of(url: str) -> int:
    found = re.search(r":(\d+)", url.partition("//")[2])
    assert found, url
    return int(found[1])
