"""Invented residents: who, beside its developer, signs in at test services."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from foundation.marking import N_
from foundation.pages import Mistakes
from idp.supervision.supervision import Supervision

ADD, END = "add", "end"


def show(supervision: Supervision, request: Request) -> Response:
    """The list, and a form to name one more."""
    supervision.operator(request)
    return _page(supervision, request)


def act(supervision: Supervision, request: Request) -> Response:
    """Name one, or take one off."""
    by, form = supervision.posted(request)
    mistakes, doing = Mistakes(), form.get("act", "")
    person, reason = form.get("person", "").strip(), form.get("reason", "")
    if doing not in (ADD, END):
        raise BadRequest(N_("There is no such act."), where="act")
    with mistakes.noting(person="person", reason=f"{doing}-reason"):
        if doing == ADD:
            supervision.managing.invent(person, reason, by)
        else:
            supervision.managing.not_invented(person, reason, by)
        return RedirectResponse(f"/services/testers?done={doing}", 303)
    return _page(supervision, request, mistakes, form, doing)


def _page(
    supervision: Supervision,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    doing: str = "",
) -> Response:
    return supervision.runtime.pages.render(
        request,
        "supervision/testers.html",
        mistakes=mistakes,
        typed=typed,
        doing=doing,
        people=supervision.managing.invented(),
        done=web.query(request).get("done", "") if request.method == "GET" else "",
    )
