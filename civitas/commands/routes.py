"""`civitas routes`: every endpoint's URL, specification and file."""

from __future__ import annotations

import inspect
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from civitas import governance
from civitas.app import serve_deployment
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    err,
    fail,
    out,
    print_json,
)
from civitas.components import SECTIONS
from civitas.configuration import settings_of
from civitas.deployment import Deployment
from civitas.system import routes_of as system_routes
from foundation.master_key import MasterKey
from foundation.nearest import instead
from foundation.settings import Settings, parse
from foundation.web import Route

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Endpoint:
    """A route and the place where its answer is written."""

    methods: str
    path: str
    specification: str
    package: str
    file: str


def add_to(app: typer.Typer) -> None:
    app.command("routes")(routes)


def routes(
    model: Annotated[
        str | None,
        typer.Option("--governance", help="Of provider, regulator or broker, not of a deployment."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List every endpoint: URL, specification, and the file and line that answers. Without a
    deployment, those of a provider.

    Example: `civitas routes | grep 7009`
    """
    if model is None and config == DEFAULT_CONFIG and not config.exists():
        err.print("There is no civitas.toml here: this is what a provider serves.")
        model = "provider"
    if model is None:
        found = _endpoints_of(settings_of(config))
    else:
        with TemporaryDirectory() as folder:
            found = _endpoints_of(_settings_for(model, Path(folder)))
    if as_json:
        print_json([asdict(e) for e in found])
        return
    rows = [(e.methods, e.path, e.specification, e.file) for e in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        # Whole lines, however narrow the terminal: they are made for grep.
        out.print("  ".join(cells).rstrip(), markup=False, soft_wrap=True)


def _endpoints_of(settings: Settings) -> list[Endpoint]:
    deployment = governance.assemble(settings)
    try:
        return endpoints(deployment)
    finally:
        deployment.runtime.close()


def _settings_for(model: str, folder: Path) -> Settings:
    """Enough to assemble what nobody starts: there is a key, and no database."""
    if model not in governance.MODELS:
        fail(f"There is no governance model {model!r}. {instead(model, governance.MODELS)}")
    MasterKey.create(folder / "master.key")
    above = "regulator = 'http://localhost:1'" if model == "broker" else ""
    written = f"[development]\nloopback_http = true\n[jurisdiction]\ngovernance = '{model}'\n"
    return parse(folder / "civitas.toml", f"{written}{above}\n", SECTIONS, {})


def endpoints(deployment: Deployment) -> list[Endpoint]:
    app = serve_deployment(deployment)
    groups = {**deployment.routes, "civitas": system_routes(deployment.runtime, app.openapi)}
    return [_endpoint(package, route) for package, group in groups.items() for route in group]


def _endpoint(package: str, route: Route) -> Endpoint:
    function: Any = route.endpoint
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    path = Path(inspect.getsourcefile(function) or "").resolve()
    line = inspect.getsourcelines(function)[1]
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return Endpoint(
        ",".join(route.methods), route.path, route.specification, package, f"{shown}:{line}"
    )
