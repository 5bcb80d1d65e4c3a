"""`civitas serve` and `civitas work`: answer requests, or do only the work beside them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from civitas import memory
from civitas.addresses import Held
from civitas.app import build
from civitas.commands.console import (
    DEFAULT_CONFIG,
    ConfigOption,
    deployment_of,
    err,
)
from civitas.configuration import settings_of
from civitas.server import serve as listen
from civitas.workers import Parent, Worker
from foundation.log_lines import configure_logging
from foundation.settings import Server, Settings
from foundation.telemetry import TelemetrySettings


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(work)


def serve(
    config: ConfigOption = DEFAULT_CONFIG,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that answer; `[server] workers`, if not given."),
    ] = None,
) -> None:
    """Answer requests, and do the periodic work.

    Example: `civitas serve --config civitas.toml --workers 4`
    """
    memory.keep_together()
    settings = settings_of(config)
    configure_logging(settings.of(TelemetrySettings).log_format)
    server = settings.of(Server)

    def ready() -> None:
        reached = " and ".join(u for u in (server.url, server.tls_url) if u)
        err.print(f"Civitas answers at {reached}")

    number = workers or server.workers
    if number == 1:
        _answer(settings, ready)
    else:
        memory.settle()  # what all of them share
        # Below this line is a worker: the parent does not come back.
        worker = Parent(number, Held(server, settings), ready).share()
        _answer(settings, worker.ready, worker)


def _answer(settings: Settings, ready: Callable[[], None], worker: Worker | None = None) -> None:
    app = build(settings, fellows=worker.fellows if worker else None)
    memory.settle()
    listen(app, settings, ready, asks=app.state.deployment.knows_certificates, worker=worker)


def work(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Do only the periodic work and the durable jobs, beside servers that share the database.

    Example: `civitas work --config civitas.toml`
    """
    with deployment_of(config) as deployment:
        configure_logging(deployment.runtime.settings.of(TelemetrySettings).log_format)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        deployment.runtime.jobs.run_until(stop)
