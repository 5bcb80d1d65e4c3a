"""What the AuthZEN endpoints share: who calls, and the request's own identifier — §10.1.3, §11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from foundation.errors import BadRequest, CivitasError, Problem, UnsupportedMediaType
from foundation.web import Principal

SCOPE = "access:evaluate"
REQUEST_ID = "X-Request-ID"
LONGEST_ID = 255


def body(request: Request) -> dict[str, Any]:
    """The question as JSON. §10.1.2 knows 400 for all that is wrong with a body, its type too."""
    try:
        return web.json_object(request)
    except UnsupportedMediaType as refusal:
        raise BadRequest(refusal.description, where="Content-Type") from None


def said(request: Request, problem: Problem) -> Problem:
    """§10.1.3: the request's own identifier is on every answer, on that of an outage, too."""
    request_id = request.headers.get(REQUEST_ID)
    if request_id is not None and len(request_id) <= LONGEST_ID:
        problem.headers.setdefault(REQUEST_ID, request_id)
    return problem


def answer(request: Request, ask: Callable[[Principal], BaseModel]) -> Response:
    """Authenticate the service, ask, and echo its X-Request-ID on answers and errors alike."""
    request_id = request.headers.get(REQUEST_ID)
    headers = {"Cache-Control": "no-store"}
    if request_id is not None:
        if len(request_id) > LONGEST_ID or len(request.headers.getlist(REQUEST_ID)) > 1:
            raise BadRequest(
                f"Send one X-Request-ID of {LONGEST_ID} characters at most.", where=REQUEST_ID
            )
        headers[REQUEST_ID] = request_id
    try:
        caller = web.require(request, kind="service", scope=SCOPE)
        content = ask(caller).model_dump(mode="json", exclude_none=True)
    except CivitasError as error:
        if request_id is not None:
            error.headers[REQUEST_ID] = request_id
        raise
    return JSONResponse(content, headers=headers)
