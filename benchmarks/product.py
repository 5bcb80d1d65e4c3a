"""Civitas itself, set up by its own command line and asked over HTTP like anybody's."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.load import Request, form
from benchmarks.servers import Measured
from civitas.tour.deployments import City, Deployed

SCOPE = "access:evaluate"


class Product:
    """A running provider and a service that is registered there."""

    def __init__(self, deployed: Deployed) -> None:
        self.deployed = deployed
        self._client = json.loads(
            deployed.civitas(
                *("clients", "add", "--name", "Benchmark", "--scope", SCOPE),
                *("--method", "client_secret_post", "--json"),
            )
        )

    @property
    def _credentials(self) -> dict[str, str]:
        return {name: self._client[name] for name in ("client_id", "client_secret")}

    def grant(self) -> Request:
        wanted = {"grant_type": "client_credentials", "scope": SCOPE}
        return form("/oauth/token", {**wanted, **self._credentials})

    def introspection(self, token: str) -> Request:
        return form("/oauth/introspect", {"token": token, **self._credentials})


@contextmanager
def running(folder: Path, database: str | None) -> Iterator[tuple[Product, Measured]]:
    """A provider in its own process, on SQLite or in a schema of `database`."""
    city = City(folder / "city", database)
    try:
        deployed = city.found("provider")
        product = Product(deployed)
        began = time.perf_counter()
        deployed.start()
        started_in = time.perf_counter() - began
        assert deployed.process is not None
        port = urlsplit(deployed.url).port
        assert port is not None
        yield product, Measured(port, deployed.process, started_in)
    finally:
        city.close()
