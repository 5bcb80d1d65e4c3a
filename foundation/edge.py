"""The one place that turns an exception into an answer, and sees that its consequence is kept."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque, refusal_lines
from foundation.database import Database
from foundation.errors import CivitasError, Internal, Problem, SeeOther, wants_page
from foundation.pages import Pages

log = logging.getLogger("civitas.errors")
UNKNOWN = "an unknown path"


class Edge:
    """The one place that turns an exception into an answer."""

    def __init__(self, database: Database, pages: Pages | None) -> None:
        self._database = database
        self._pages = pages

    def is_light(self, request: Request, error: CivitasError) -> bool:
        """Whether the answer needs neither the database nor a page: it may be made in the loop."""
        said = _in_its_words(request, error)
        return error.consequence is None and not self._is_page(request, said)

    def answer(self, request: Request, error: CivitasError) -> Response:
        if error.consequence is not None:
            with self._database.write() as uow:
                error.consequence(uow)
        said = _in_its_words(request, error)
        reference = _note(request, error, said)
        response = self._made(request, said, reference)
        if reference is not None:
            # A protocol that echoes the caller's own id has it there already.
            response.headers.setdefault("X-Request-Id", reference)
        return response

    def _made(self, request: Request, error: CivitasError, reference: str | None) -> Response:
        if self._pages is None or not self._is_page(request, error):
            return error.render(request)
        response = self._pages.render(
            request,
            "error.html",
            status=error.status,
            problem=error,
            reference=reference,
            way_back=self._way_back(request, error),
        )
        response.headers.update(error.headers)
        return response

    def _way_back(self, request: Request, error: CivitasError) -> object:
        """To the service that sent the person. It stands in the database, which may be away."""
        if error.status >= 500:
            return None
        errand = error.errand if isinstance(error, Problem) else None
        try:
            return request.scope["civitas"].way_back(request, errand)
        except (CivitasError, SQLAlchemyError) as failure:
            log.warning("no way back is known: %s", failure)
            return None

    def _is_page(self, request: Request, error: CivitasError) -> bool:
        return isinstance(error, Problem) and self._pages is not None and wants_page(request)

    def defect(self, request: Request, error: Exception) -> Response:
        reference = opaque.identifier("err")
        log.error("defect %s at %s", reference, _route(request), exc_info=error)
        return self.answer(
            request,
            Internal(
                "Something went wrong on our side; nothing was changed.",
                where=reference,
                next_step="Try again; if it happens again, tell the operator this reference.",
            ),
        )


def _note(request: Request, error: CivitasError, said: CivitasError) -> str | None:
    """One line in the log for each refusal at an endpoint, and the id that leads from one to the
    other."""
    if isinstance(error, Internal):
        return error.where  # its line is there already, with the stack
    if isinstance(error, SeeOther) or _route(request) == UNKNOWN:
        return None
    reference = opaque.identifier("req")
    status, code = said.told
    detail = "" if error.detail is None else f" [{error.detail}]"
    why = refusal_lines.reason(error, request)
    place = f"{request.method} {_route(request)}"
    log.info("%s: %d %s at %s: %s%s", reference, status, code, place, why, detail)
    return reference


def _in_its_words(request: Request, error: CivitasError) -> CivitasError:
    """A problem as the protocol of its route says it; a protocol's own errors stay as they are."""
    route = request.scope.get("civitas.route")
    if not isinstance(error, Problem) or route is None or route.says is None:
        return error
    said: CivitasError = route.says(request, error)
    return said


def _route(request: Request) -> str:
    """The route's pattern: a path itself may hold an invitation or an id."""
    found = request.scope.get("route") or request.scope.get("civitas.route")
    return str(getattr(found, "path", UNKNOWN))
