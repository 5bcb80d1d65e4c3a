"""An incident: what to do first, and ending what a person or everybody has open."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.marking import N_
from foundation.pages import Mistakes, Question, ask_first
from idp.register import checked_reason
from idp.supervision.supervision import Supervision

EVERYBODY = Question(
    N_("End everything for everybody?"),
    (
        N_("All people and all staff are signed out, everywhere; only you stay signed in."),
        N_("No service and no device may go on with what it was given; they ask anew."),
    ),
    N_("Yes, end everything"),
)


def show(supervision: Supervision, request: Request) -> Response:
    """The runbooks in a line each, with the place of their first step."""
    supervision.operator(request)
    return _page(supervision, request)


def _page(
    supervision: Supervision,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    doing: str = "",
) -> Response:
    return supervision.runtime.pages.render(
        request,
        "supervision/incidents.html",
        mistakes=mistakes,
        typed=typed,
        doing=doing,
        has_services=supervision.has_services,
        done=request.query_params.get("done", ""),
    )


def stop_person(supervision: Supervision, request: Request) -> Response:
    """End the sessions of one person, and what services have of them."""
    by, form = supervision.posted(request)
    mistakes, person_id = Mistakes(), form.get("person", "").strip()
    with mistakes.noting("person", reason="person-reason"):
        supervision.incidents.stop_person(person_id, form.get("reason", ""), by)
        return RedirectResponse("/incidents?done=person", 303)
    return _page(supervision, request, mistakes, form, "person")


def stop_everybody(supervision: Supervision, request: Request) -> Response:
    """End everything but the session of the operator who asks."""
    by, form = supervision.posted(request)
    mistakes, reason = Mistakes(), form.get("reason", "")
    with mistakes.noting("everybody-reason"):
        checked_reason(reason)
    if mistakes:
        return _page(supervision, request, mistakes, form, "everybody")
    asked = ask_first(
        supervision.runtime.pages, request, form, EVERYBODY, version="", back="/incidents"
    )
    if asked is not None:
        return asked
    principal = web.principal(request)
    mine = None if principal is None else principal.session
    supervision.incidents.stop_everybody(reason, by, mine)
    return RedirectResponse("/incidents?done=everybody", 303)
