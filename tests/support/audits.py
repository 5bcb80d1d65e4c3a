"""An audit with some history, and its public routes, for tests."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from sqlalchemy import ScalarSelect, Select, select
from starlette.requests import Request

from foundation.audit import Audit
from foundation.audit import routes as audit_routes
from foundation.audit.entry import SYSTEM, Actor
from foundation.audit.tables import events as audit_events
from foundation.errors import Problem
from foundation.runtime import Runtime
from tests.support.client import TestClient


def record(
    runtime: Runtime,
    *persons: str,
    kind: str = "claims.released",
    actor: Actor = SYSTEM,
    details: Mapping[str, Any] | None = None,
) -> str:
    """One event in a unit of work of its own."""
    with runtime.database.write() as uow:
        return runtime.audit.record(uow, kind, actor, persons, details)


def sequence(runtime: Runtime) -> int:
    return runtime.audit.tree.sequence(runtime.clock.now())


def history(runtime: Runtime, count: int = 11) -> list[str]:
    """Numbered events about two persons and about nobody, under several checkpoints."""
    for person in ("per_ada", "per_bo"):
        runtime.vault.create(person)
    concerned: list[tuple[str, ...]] = [("per_ada",), ("per_bo", "per_ada"), ()]
    events = []
    for n in range(count):
        events.append(record(runtime, *concerned[n % 3], details={"n": n}))
        if n in (3, 7):
            sequence(runtime)
    sequence(runtime)
    return events


def _refused(request: Request, error: Problem) -> PlainTextResponse:
    return PlainTextResponse(error.description, status_code=error.status)


def outside(audit: Audit, rendered: bool = True) -> TestClient:
    """A client of the public routes alone; not `rendered`, a refusal is raised as it is."""
    app = FastAPI()
    for route in audit_routes.routes_of(audit):
        app.add_api_route(route.path, route.endpoint, methods=list(route.methods), **route.options)
    if rendered:
        app.exception_handler(Problem)(_refused)
    return TestClient(app, base_url="http://localhost:8000")


def number_of(event_id: str) -> ScalarSelect[int]:
    """By which the other tables refer to an event."""
    return numbers_of([event_id]).scalar_subquery()


def numbers_of(event_ids: Iterable[str]) -> Select[tuple[int]]:
    return select(audit_events.c.number).where(audit_events.c.id.in_(list(event_ids)))
