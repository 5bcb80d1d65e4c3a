"""Routes of the deployment itself: health, metrics, the API page, security.txt — RFC 9116."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from fastapi import Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from civitas.fellows import Fellows
from foundation.errors import Forbidden
from foundation.event_loop import in_thread
from foundation.readiness import Readiness
from foundation.runtime import Runtime
from foundation.settings import Server
from foundation.telemetry import TelemetrySettings
from foundation.web import Route, client_address, has_unknown_origin


class Alive(BaseModel):
    status: str = "alive"


class Work(BaseModel):
    name: str
    last_success: datetime | None
    late: bool


class Ready(BaseModel):
    status: str = Field(description="`ready`; `late`, when work is; or `waiting`.")
    database: str = Field(
        description="`ok`; or `unreachable`, `takes no writes`, `busy`, `full`; `silent` when it "
        "did not answer in time."
    )
    person_keys: str = Field(description="The same of the store of person keys.")
    keys: str = Field(
        description="`ok`: every key that this deployment publishes signed just now; or "
        "`not signing`, `silent`, `unknown`."
    )
    not_signing: list[str] = Field(description="What the keys that do not sign are for.")
    work: list[Work]
    clock_ahead_seconds: float = Field(
        default=0,
        description="By how much this machine's clock is ahead of the database's, which counts for "
        "all nodes; less than none: behind.",
    )
    audit_events_refused: int = Field(
        default=0,
        description="Events that this deployment did not record, or that were changed before they "
        "had a leaf: `civitas audit verify` names them.",
    )


def routes_of(
    runtime: Runtime, openapi: Callable[[], dict[str, Any]], fellows: Fellows | None = None
) -> tuple[Route, ...]:
    return (
        Route(("GET",), "/healthz", healthz, "Civitas operation", api=True, light=True),
        Route(
            ("GET",),
            "/readyz",
            partial(readyz, Readiness(runtime)),
            "Civitas operation",
            api=True,
            light=True,
            options={"responses": {503: {"model": Ready, "description": "What is missing."}}},
        ),
        Route(("GET",), "/metrics", partial(metrics, runtime, fellows), "OpenMetrics"),
        Route(("GET",), "/.well-known/security.txt", partial(security_txt, runtime), "RFC 9116"),
        Route(("GET",), "/api", partial(api_page, runtime, openapi), "OpenAPI 3.1"),
    )


async def healthz() -> Alive:
    """The process answers, however much it has to do: no thread is taken. Says nothing of the
    database: restart on failure here."""
    return Alive()


async def readyz(readiness: Readiness, response: Response) -> Ready:
    """Whether this process can do its work now: 200, or 503 with what is missing.

    Answers within a few seconds whatever hangs, and takes none of the threads that requests need.
    """
    report = await readiness.report()
    response.status_code = 200 if report.status == "ready" else 503
    return Ready(
        status=report.status,
        database=report.database,
        person_keys=report.person_keys,
        keys=report.keys,
        not_signing=list(report.not_signing),
        work=[Work(**vars(health)) for health in report.work],
        # A forged event is told, and does not take the service away from people: it has no leaf.
        audit_events_refused=report.refused_events,
        clock_ahead_seconds=round(report.clock_ahead.total_seconds(), 1),
    )


def metrics(runtime: Runtime, fellows: Fellows | None, request: Request) -> Response:
    """Metrics for Prometheus, for the addresses in `[telemetry] metrics_from` only; those of all
    workers, whichever is asked."""
    if has_unknown_origin(request):
        raise Forbidden(
            "Metrics are not for requests that an unknown proxy passes on.",
            next_step="Ask this address directly, or name the proxy in trusted_proxies.",
        )
    allowed = runtime.settings.of(TelemetrySettings).metrics_from
    if client_address(request) not in allowed:
        raise Forbidden(
            "Metrics are not for this address.",
            next_step="Add the address to metrics_from in [telemetry].",
        )
    if fellows is None:
        shown = runtime.telemetry.exposition()
    else:
        shown = in_thread(fellows.exposition, runtime.telemetry.families())
    return Response(shown, media_type="text/plain; version=0.0.4")


def security_txt(runtime: Runtime, request: Request) -> Response:
    """Where to tell us of a weakness."""
    server = runtime.settings.of(Server)
    expires = (runtime.clock.now() + timedelta(days=180)).strftime("%Y-%m-%dT00:00:00Z")
    body = (
        f"Contact: {server.security_contact}\nExpires: {expires}\n"
        f"Canonical: {server.url}/.well-known/security.txt\nPreferred-Languages: en\n"
    )
    return Response(body, media_type="text/plain; charset=utf-8")


def api_page(runtime: Runtime, openapi: Callable[[], dict[str, Any]], request: Request) -> Response:
    """The OpenAPI description as a page that needs no script."""
    return runtime.pages.render(request, "civitas/api.html", api=openapi())
