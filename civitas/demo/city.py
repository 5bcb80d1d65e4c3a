"""The demo city: set up once, kept in a folder, started in seconds the next time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from civitas.residents import as_csv, residents
from civitas.tour.deployments import Deployed
from civitas.tour.offices import Office, open_office
from civitas.tour.steps.enrolment import proof_and_write
from civitas.tour.world import World
from foundation import secret_file

CITY = "Civitas"
COUNTRY = "XX"
SCOPE = "openid profile age residence"
WHY = (
    "name=To put your name on your library card",
    "age_over_18=To lend you films for adults",
    "resident_of_city=To give you the card of a resident, which costs nothing",
)


@dataclass(frozen=True)
class Place:
    """One deployment of the demo: where it lives and which model it follows."""

    name: str
    title: str
    port: int
    governance: str = "provider"
    tls_port: int | None = None
    regulator: str | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"


@dataclass
class DemoCity:
    """Runs the deployments and the e-service as processes of their own."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def civitas(self, place: Place, *arguments: str, shows: bool = False) -> str:
        """Run a command of the operator's; with `shows` its progress is seen on the terminal."""
        config = self.folder / place.name / "civitas.toml"
        done = subprocess.run(
            [sys.executable, "-m", "civitas", *arguments, "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=None if shows and sys.stderr.isatty() else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or "").strip()[-600:]
            raise RuntimeError(f"civitas {arguments[0]} did not succeed. {said}")
        return done.stdout

    def civitas_json(self, place: Place, *arguments: str) -> Any:
        return json.loads(self.civitas(place, *arguments, "--json"))

    def found(self, place: Place) -> bool:
        """Set the deployment up if it is not; whether this call did."""
        if self.is_ready(place):
            self.civitas(place, "db", "upgrade")
            return False
        tls = ("--tls-url", f"https://localhost:{place.tls_port}") if place.tls_port else ()
        above = ("--regulator", place.regulator) if place.regulator else ()
        self.civitas(
            place, "init", "--development", "--governance", place.governance,
            "--name", place.title, "--city", CITY, "--country", COUNTRY,
            "--url", place.url, *tls, *above,
        )  # fmt: skip
        return True

    def is_ready(self, place: Place) -> bool:
        """Whether an earlier run has set it up completely."""
        return (self.folder / place.name / "ready").exists()

    def ready(self, place: Place) -> None:
        """Note that the set-up of this deployment is complete."""
        (self.folder / place.name / "ready").touch()

    def start(self, place: Place) -> None:
        config = self.folder / place.name / "civitas.toml"
        self._run([sys.executable, "-m", "civitas", "serve", "--config", str(config)], place.name)
        self._wait(f"{place.url}/healthz", place.name)

    def start_eservice(self, issuer: Place, port: int, client: dict[str, str]) -> None:
        url = f"http://localhost:{port}"
        environment = {
            "ESERVICE_ISSUER": issuer.url,
            "ESERVICE_CLIENT_ID": client["client_id"],
            "ESERVICE_CLIENT_SECRET": client["client_secret"],
            "ESERVICE_URL": url,
            "ESERVICE_NAME": "City library",
            "ESERVICE_PURPOSE": "library",
            "ESERVICE_SCOPE": SCOPE,
            "ESERVICE_APPLY_AT": f"{issuer.url}/apply" if issuer.governance == "provider" else "",
        }
        self._run([sys.executable, "-m", "civitas.demo.eservice"], "eservice", environment)
        self._wait(url, "eservice")

    def client(self, issuer: Place, port: int) -> dict[str, str]:
        """The e-service's registration, made once and kept in a 0600 file."""
        kept = self.folder / f"eservice-{issuer.name}.json"
        if not kept.exists():
            added = self.civitas_json(
                issuer, "clients", "add", "--name", "City library",
                "--redirect", f"http://localhost:{port}/callback",
                "--redirect", f"http://localhost:{port}/certificate",
                "--scope", f"{SCOPE} access:evaluate documents:request", "--purpose", "library",
                *(word for reason in WHY for word in ("--why", reason)),
                "--grant", "authorization_code", "--grant", "refresh_token",
                "--grant", "client_credentials",
            )  # fmt: skip
            secret_file.create(kept, json.dumps(added).encode(), "The e-service's registration")
        found: dict[str, str] = json.loads(secret_file.read(kept, "The e-service's registration"))
        return found

    def open_office(self, place: Place) -> None:
        """Let the town hall make out documents; done before the service starts."""
        kept = self.folder / f"office-{place.name}.json"
        if not kept.exists():
            config = self.folder / place.name / "civitas.toml"
            added = open_office(config, partial(self.civitas_json, place))
            secret_file.create(kept, json.dumps(added).encode(), "The office's registration")

    def open_to_developers(self, place: Place) -> None:
        """Let any citizen register test services; done before the service starts."""
        config = self.folder / place.name / "civitas.toml"
        written = config.read_text("utf-8")
        if "[developers]" not in written:
            config.write_text(f'{written.rstrip()}\n\n[developers]\nself_service = "test"\n')

    def office(self, place: Place) -> Office | None:
        """The town hall, where there is one."""
        kept = self.folder / f"office-{place.name}.json"
        if not kept.exists():
            return None
        added = json.loads(secret_file.read(kept, "The office's registration"))
        return Office(place.url, added["client_id"], added["client_secret"])

    def people(self, place: Place, count: int = 1000, seed: int = 1) -> None:
        """Enrol invented residents from a civil-register file."""
        file = self.folder / place.name / "residents.csv"
        file.write_bytes(as_csv(residents(count, seed, city=CITY, country=COUNTRY)))
        self.civitas(place, "citizens", "import", str(file), shows=True)

    def letter(self, place: Place, seed: int = 1) -> tuple[str, str]:
        """Let an officer of the demo proof the next grown-up resident at level 2 and ask for
        their letter, by the same pages that a real one uses; then print it. Returns the
        resident's name and the code of the letter."""
        counter = self.folder / place.name / "letters"
        number = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(number + 1))
        here = Deployed(place.name, self.folder / place.name, place.url, "")
        officer = World(self.folder).staff(here, "officer")
        grown = grown_ups(seed)
        person = grown[number % len(grown)]
        # The demo is its own printing house: the code is in the file of letters alone.
        code = proof_and_write(officer, here, person["civil_number"])
        office = self.office(place)
        if office is not None:
            name = f"{person['given_name']} {person['family_name']}"
            made_out = f"R-{number + 1}"
            office.make_out(person["civil_number"], name, person["birthdate"], made_out)
        return f"{person['given_name']} {person['family_name']}", code

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def wait_for_end(self) -> None:
        """Stay until one of the processes ends by itself; says which."""
        while True:
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"A process ended; read the logs in {self.folder}.")
            time.sleep(0.5)

    def _run(self, command: list[str], log: str, more: dict[str, str] | None = None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CIVITAS_")}
        with (self.folder / f"{log}.log").open("ab") as file:
            self.processes.append(
                subprocess.Popen(
                    command,
                    stdout=file,
                    stderr=file,
                    env={**environment, **(more or {})},
                    start_new_session=True,  # Ctrl-C is ours to pass on, in order
                )
            )

    def _wait(self, url: str, log: str) -> None:
        process = self.processes[-1]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(url, timeout=2).status_code < 500:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        said = (self.folder / f"{log}.log").read_text(errors="replace").strip().splitlines()
        raise RuntimeError(f"{log} did not start: {said[-1] if said else 'it said nothing'}")


def grown_ups(seed: int = 1) -> list[dict[str, str]]:
    """The residents of the city who can have a letter in English. Letters take them from the
    front, whoever looks somebody up from the end."""
    return [
        p
        for p in residents(200, seed, city=CITY, country=COUNTRY)
        if p["birthdate"] < "2000" and p["locality"] == CITY and p["locale"] == "en"
    ]
