"""Without an account: open a link that somebody gave away, check a document that they printed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from documents.locker.endpoints.account import fields_of
from documents.locker.endpoints.programs import count
from documents.locker.locker import Locker
from documents.locker.originals import NotGenuine
from foundation import web


def look(locker: Locker, request: Request) -> Response:
    """Before a link is opened: what it is. A program that looks ahead opens nothing."""
    secret: str = request.path_params["secret"]
    kind = locker.links.peek(secret, web.client_address(request))
    language = locker.runtime.pages.translator(request).language
    return locker.runtime.pages.render(
        request,
        "locker/link.html",
        title=kind.title_in(language),
        issuer=locker.kinds.issuers[kind.issuer].name_in(language),
        secret=secret,
    )


def open_(locker: Locker, request: Request) -> Response:
    """Open a link: one of its uses, and the person reads of it."""
    form = web.form(request)
    web.check_csrf(request, form)
    secret: str = request.path_params["secret"]
    opened = locker.links.open(secret, web.client_address(request))
    language = locker.runtime.pages.translator(request).language
    return locker.runtime.pages.render(
        request,
        "locker/opened.html",
        title=opened.kind.title_in(language),
        issuer=locker.kinds.issuers[opened.kind.issuer].name_in(language),
        document=opened.document,
        content=opened.content,
        fields=fields_of(opened.kind, opened.content.fields, language),
        standing=opened.document.standing(locker.runtime.clock.now()),
        original=opened.original,
    )


def check_page(locker: Locker, request: Request) -> Response:
    """The page where a document is checked: what a printed code leads to, or a form for it."""
    token = web.query(request).get("document", "")
    return _checked(locker, request, token)


def check_form(locker: Locker, request: Request) -> Response:
    """The same for an original that was pasted."""
    form = web.form(request)
    web.check_csrf(request, form)
    return _checked(locker, request, form.get("document", ""))


def _checked(locker: Locker, request: Request, token: str) -> Response:
    found, problem = None, ""
    if token:
        count(locker, request)
        try:
            found = locker.checking.check(token)
        except NotGenuine as why:
            problem = str(why)
    language = locker.runtime.pages.translator(request).language
    return locker.runtime.pages.render(
        request,
        "locker/check.html",
        found=found,
        problem=problem,
        fields=fields_of(found.kind, found.claims["content"], language) if found else [],
        title=(found.kind.title_in(language) if found.kind else found.claims["kind"]["title"])
        if found
        else "",
    )
