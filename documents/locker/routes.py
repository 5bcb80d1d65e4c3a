"""Every URL of the locker, its specification beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from documents.locker.endpoints import account, answering, anybody, programs
from documents.locker.endpoints.model import DocumentSaid
from documents.locker.locker import Locker
from foundation.web import Route

_API = "Civitas documents API v1"
_PAGES = "Civitas documents; WCAG 2.2"
_ACCESS, _CONSENT = "GDPR art. 15", "GDPR art. 7"


def routes_of(locker: Locker) -> tuple[Route, ...]:
    return (*_programs(locker), *_account(locker), *_anybody(locker))


def _program(
    method: str,
    path: str,
    endpoint: Callable[..., Any],
    scope: str | None = None,
    specification: str = _API,
    **options: Any,
) -> Route:
    if scope:
        options["openapi_extra"] = {"security": [{"bearer": [scope]}]}
    return Route((method,), path, endpoint, specification, api=True, options=options)


def _programs(locker: Locker) -> tuple[Route, ...]:
    v1, one = "/documents/v1", "/documents/v1/{issuer}/{kind}/{number}"
    issues, asks = programs.ISSUES, programs.ASKS
    return (
        _program("GET", f"{v1}/kinds", partial(programs.kinds, locker)),
        _program("GET", f"{v1}/keys", partial(programs.keys, locker), None, "RFC 7517 §5"),
        _program("POST", f"{v1}/check", partial(programs.check, locker), None, "RFC 7515 §5.2"),
        _program(
            "POST",
            f"{v1}/documents",
            partial(programs.make_out, locker),
            issues,
            status_code=201,
            response_model=DocumentSaid,
            responses={200: {"model": DocumentSaid, "description": "It was there already."}},
        ),
        *(
            _program(
                "POST",
                f"{v1}/documents/{{kind}}/{{number}}/{act}",
                partial(programs.act, locker, act),
                issues,
                summary=f"{act.capitalize()} a document",
            )
            for act in ("suspend", "resume", "revoke")
        ),
        _program("POST", f"{v1}/requests", partial(programs.ask, locker), asks, status_code=201),
        _program("GET", f"{v1}/requests/{{request_id}}", partial(programs.asked, locker), asks),
        _program("GET", one, partial(programs.fetch, locker), asks),
    )


def _account(locker: Locker) -> tuple[Route, ...]:
    every, one = "/account/documents", "/account/documents/{document_id}"
    asked = f"{every}/requests/{{request_id}}"

    def page(method: str, path: str, endpoint: Callable[..., Any], **more: Any) -> Route:
        return Route((method,), path, partial(endpoint, locker), _ACCESS, **more)

    return (
        page("GET", every, account.listing),
        Route(("GET",), asked, partial(answering.show, locker), _CONSENT),
        Route(("POST",), asked, partial(answering.answer, locker), _CONSENT),
        page("GET", one, account.show),
        page("GET", f"{one}/original", account.original),
        page("GET", f"{one}/pdf", account.as_pdf, in_thread="draws and signs a PDF"),
        page("GET", f"{one}/print", account.print_out),
        page("POST", f"{one}/links", account.make_link),
        page("POST", f"{one}/links/end", account.end_link, asks_first=("end",)),
    )


def _anybody(locker: Locker) -> tuple[Route, ...]:
    link = "/d/{secret}"
    return (
        Route(("GET",), link, partial(anybody.look, locker), _PAGES),
        Route(("POST",), link, partial(anybody.open_, locker), _PAGES),
        Route(("GET",), "/check", partial(anybody.check_page, locker), "RFC 7515 §5.2"),
        Route(("POST",), "/check", partial(anybody.check_form, locker), "RFC 7515 §5.2"),
    )
