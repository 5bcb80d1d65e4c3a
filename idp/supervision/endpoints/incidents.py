"""An incident: what to do first, and ending what a person or everybody has open."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from foundation.marking import N_
from idp.supervision.wing import Supervision

SURE = "everybody"


def show(supervision: Supervision, request: Request) -> Response:
    """The runbooks in a line each, with the place of their first step."""
    supervision.operator(request)
    return supervision.ground.pages.render(
        request,
        "supervision/incidents.html",
        has_services=supervision.has_services,
        done=request.query_params.get("done", ""),
        sure=SURE,
    )


def stop_person(supervision: Supervision, request: Request) -> Response:
    """End the sessions of one person, and what services have of them."""
    by, form = supervision.posted(request)
    person_id = form.required("person").strip()
    supervision.incidents.stop_person(person_id, form.get("reason", ""), by)
    return RedirectResponse("/incidents?done=person", 303)


def stop_everybody(supervision: Supervision, request: Request) -> Response:
    """End everything but the session of the operator who asks."""
    by, form = supervision.posted(request)
    if form.get("sure", "").strip().lower() != SURE:
        raise BadRequest(
            "Nothing was ended.",
            where="sure",
            next_step=N_("Type %(sure)s to show that you mean it.", sure=SURE),
        )
    principal = web.principal(request)
    mine = None if principal is None else principal.session
    supervision.incidents.stop_everybody(form.get("reason", ""), by, mine)
    return RedirectResponse("/incidents?done=everybody", 303)
