"""Fresh temporary deployments: a folder, a configuration, `civitas init`, `civitas serve`."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import text

from civitas.tour import commands
from foundation.database import Database


@dataclass
class Deployed:
    """One running deployment, reached only as outsiders and its operator reach it."""

    name: str
    folder: Path
    url: str
    tls_url: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "civitas.toml"

    def civitas(self, *arguments: str) -> str:
        """Run a command of the operator's; returns what it printed. Raises with its complaint."""
        code, printed, complained = commands.run(*arguments, "--config", str(self.config))
        if code != 0:
            raise RuntimeError(f"civitas {' '.join(arguments)}: {complained.strip()[-600:]}")
        return printed

    def start(self) -> None:
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "civitas", "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        tail = (self.folder / "serve.log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"the deployment {self.name} did not start: {tail}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@dataclass
class City:
    """All deployments of one tour, in one folder and, if asked, one PostgreSQL database."""

    folder: Path
    database: str | None = None
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    deployed: list[Deployed] = field(default_factory=list)
    _schemas: list[str] = field(default_factory=list)

    def found(
        self, name: str, governance: str = "provider", regulator: str | None = None, **more: str
    ) -> Deployed:
        """Configure and initialise a deployment; it does not run yet."""
        port, tls_port = free_port(), free_port()
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        deployed = Deployed(
            name, folder, f"http://localhost:{port}", f"https://localhost:{tls_port}"
        )
        options = [
            "--development",
            "--governance",
            governance,
            "--name",
            more.get("title", name.title()),
            "--city",
            more.get("city", "Civitas"),
            "--country",
            more.get("country", "XX"),
            "--url",
            deployed.url,
            *(("--tls-url", deployed.tls_url) if governance == "provider" else ()),
            *(("--regulator", regulator) if regulator else ()),
            *self._storage(name),
        ]
        deployed.civitas("init", *options)
        self.deployed.append(deployed)
        return deployed

    def _storage(self, name: str) -> tuple[str, ...]:
        if self.database is None:
            return ()
        schema = f"civitas_tour_{self.tag}_{name.replace('-', '_')}"
        self._schemas.append(schema)
        # A tour runs on one machine: its keys are in a file there, no second database is made.
        keys = "sqlite:///person-keys.db"
        return ("--database", self.database, "--schema", schema, "--person-keys", keys)

    def close(self) -> None:
        """Stop everything; drop only the schemas that this tour made."""
        for deployed in self.deployed:
            deployed.stop()
        if self.database is not None:
            # A pooler or none, as the deployments were told.
            pooler = os.environ.get("CIVITAS_DATABASE__POOLER")
            database = Database(self.database, pooler=pooler)
            with database.write() as uow:
                for schema in self._schemas:
                    uow.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
            database.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("CIVITAS_")}
