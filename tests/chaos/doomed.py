"""A real deployment whose server is killed at a point, and started again as it always is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from civitas.commands.console import settings_of
from civitas.residents import residents
from civitas.tour.browser import Browser
from civitas.tour.deployments import Deployed
from civitas.tour.passkey import SoftPasskey
from civitas.tour.service import Service
from civitas.tour.steps.activation import set_up
from civitas.tour.steps.enrolment import an_adult_of, proof_and_write
from civitas.tour.steps.sign_in import CHOSEN, choose
from civitas.tour.world import PURPOSE, World
from foundation.database import Database
from foundation.runtime import open_database
from tests.chaos.points import Point
from tests.support.deployments import ROOT

KILLER = str(Path(__file__).parent / "killer.py")
SCOPE = "openid profile age residence offline_access"
KILLED = -9


class Doomed:
    """One provider with an officer, a service and people, and the killing of its processes."""

    def __init__(self, folder: Path, database: str | None) -> None:
        self.world = World(folder, database)
        self.server: Deployed = self.world.provider
        self.database: Database = open_database(settings_of(self.server.config))
        self.people = list(residents(30, seed=5, city="Tallinn", country="EE"))
        file = folder / "people.json"
        from civitas.residents import as_json

        file.write_bytes(as_json(iter(self.people)))
        self.server.civitas("citizens", "import", str(file))
        self.service = self._service()
        self._names = 0

    def close(self) -> None:
        self.database.close()
        self.world.close()

    # ── killing ───────────────────────────────────────────────────────────────────────

    def doom(self, point: Point) -> None:
        """Serve with a trap at `point`."""
        self.server.stop()
        with (self.server.folder / "serve.log").open("ab") as log:
            self.server.process = subprocess.Popen(
                self._trapped(point, "serve"), stdout=log, stderr=log, cwd=ROOT
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.server.url}/healthz", timeout=2)
                return
            except httpx.TransportError:
                time.sleep(0.1)
            if self.server.process.poll() is not None:
                break
        # The next kill needs a server that answers.
        self.server.stop()
        self.server.start()
        raise AssertionError("the doomed server does not start")

    def kill_in(self, act: Callable[[], Any]) -> None:
        """Do what reaches the point; the process must be dead then. Serve again."""
        try:
            answer = act()
        except httpx.TransportError:
            answer = None
        assert self.server.process is not None
        assert self.server.process.wait(15) == KILLED, answer
        self.server.start()

    def command(self, point: Point, *arguments: str) -> int:
        """A command with a trap at `point`; its exit code."""
        done = subprocess.run(
            self._trapped(point, *arguments), cwd=ROOT, check=False, capture_output=True, timeout=60
        )
        return done.returncode

    def _trapped(self, point: Point, *arguments: str) -> list[str]:
        trap = [sys.executable, KILLER, point.moment, point.function, str(point.nth)]
        return [*trap, *arguments, "--config", str(self.server.config)]

    # ── people and services ───────────────────────────────────────────────────────────

    def code_of_a_letter(self) -> str:
        """An officer proofs the next adult and prints the letter."""
        someone = an_adult_of(self.people, "Tallinn")
        self.people.remove(someone)
        return proof_and_write(self.world.officer, self.server, someone["civil_number"])

    def citizen(self) -> tuple[Browser, SoftPasskey]:
        """Somebody who has just activated, signed in."""
        code = self.code_of_a_letter()
        self._names += 1
        browser = Browser()
        return browser, set_up(self.world, browser, self.server, code, f"citizen{self._names}")

    def signed_in_to(self, browser: Browser) -> dict[str, str]:
        """Send a citizen to the service; what is remembered, and the `code` that came back."""
        kept = self.service.begin(browser, SCOPE)
        if not browser.url.startswith(Service.redirect):
            choose(browser, CHOSEN)
        code = httpx.URL(browser.url).params["code"]
        return {**kept, "code": code}

    def _service(self) -> Service:
        added = self.world.run_json(
            self.server, "clients", "add", "--name", "City library", "--redirect",
            Service.redirect, "--scope", f"{SCOPE} access:evaluate", "--purpose", PURPOSE,
        )  # fmt: skip
        return Service(self.server.url, added["client_id"], added["client_secret"])

    # ── what must hold ────────────────────────────────────────────────────────────────

    def verify_audit(self) -> None:
        report = self.world.run_json(self.server, "audit", "verify")
        assert report["ok"], report["problems"]
