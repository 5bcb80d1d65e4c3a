"""An audit with some history, and its public doors, for tests."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.requests import Request

from foundation.audit import Audit
from foundation.audit import doors as audit_doors
from foundation.audit.entry import SYSTEM, Actor
from foundation.errors import Problem
from foundation.ground import Ground
from tests.support.client import TestClient


def record(
    ground: Ground,
    *persons: str,
    kind: str = "claims.released",
    actor: Actor = SYSTEM,
    details: Mapping[str, Any] | None = None,
) -> str:
    """One event in a unit of work of its own."""
    with ground.database.write() as uow:
        return ground.audit.record(uow, kind, actor, persons, details)


def sequence(ground: Ground) -> int:
    return ground.audit.tree.sequence(ground.clock.now())


def history(ground: Ground, count: int = 11) -> list[str]:
    """Numbered events about two persons and about nobody, under several checkpoints."""
    for person in ("per_ada", "per_bo"):
        ground.vault.create(person)
    concerned: list[tuple[str, ...]] = [("per_ada",), ("per_bo", "per_ada"), ()]
    events = []
    for n in range(count):
        events.append(record(ground, *concerned[n % 3], details={"n": n}))
        if n in (3, 7):
            sequence(ground)
    sequence(ground)
    return events


def _refused(request: Request, error: Problem) -> PlainTextResponse:
    return PlainTextResponse(error.description, status_code=error.status)


def outside(audit: Audit, rendered: bool = True) -> TestClient:
    """A client of the public doors alone; not `rendered`, a refusal is raised as it is."""
    app = FastAPI()
    for door in audit_doors.doors(audit):
        app.add_api_route(door.path, door.endpoint, methods=list(door.methods), **door.options)
    if rendered:
        app.exception_handler(Problem)(_refused)
    return TestClient(app, base_url="http://localhost:8000")
