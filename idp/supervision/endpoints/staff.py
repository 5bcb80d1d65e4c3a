"""Members of staff: who they are, ending them, their role, letting them in again — X.1253 9.1-6."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import NotFound
from foundation.settings import Server
from idp.register import ROLES
from idp.supervision.days import written_day
from idp.supervision.wing import Supervision


def members(supervision: Supervision, request: Request) -> Response:
    """Everybody who works here or did, and whom two operators are to let in again."""
    viewer = supervision.operator(request)
    register, now = supervision.parts.require_register(), supervision.ground.clock.now()
    with supervision.ground.database.read() as uow:
        everybody = register.staff.members(uow)
        waiting = register.staff_changes.recoveries(uow, now)
    return supervision.ground.pages.render(
        request,
        "supervision/staff.html",
        members=everybody,
        waiting=waiting,
        names={member.id: member.name for member in everybody},
        viewer=viewer.id,
    )


def member(supervision: Supervision, request: Request) -> Response:
    """One member of staff, and what an operator may do about them."""
    return _page(supervision, request)


def act(supervision: Supervision, request: Request) -> Response:
    """End them or their sessions, change their role, ask for their recovery."""
    by, form = supervision.posted(request)
    staff_id, reason = request.path_params["staff_id"], form.get("reason", "")
    incidents, doing = supervision.incidents, request.path_params["act"]
    if doing == "end":
        incidents.end_staff(staff_id, reason, by)
    elif doing == "role":
        incidents.change_role(staff_id, form.get("role", ""), reason, by)
    elif doing == "recovery":
        incidents.ask_recovery(staff_id, reason, by)
    elif doing == "freeze":
        since = written_day(form.get("since", ""), "since")
        incidents.freeze_cases(staff_id, since, reason, by)
    elif doing == "sessions":
        incidents.stop_staff(staff_id, reason, by)
    else:
        raise NotFound("There is no such act.")
    return RedirectResponse(f"/staff/{staff_id}?done={doing}", 303)


def agree(supervision: Supervision, request: Request) -> Response:
    """An operator's word on a recovery; the second one is shown the link, this once."""
    by, _ = supervision.posted(request)
    recovery_id = request.path_params["recovery_id"]
    with supervision.ground.database.read() as uow:
        changes = supervision.parts.require_register().staff_changes
        staff_id = changes.recovery(uow, recovery_id).staff_id
    secret = supervision.incidents.agree(recovery_id, by)
    if secret is None:
        return RedirectResponse(f"/staff/{staff_id}?done=agreed", 303)
    url = supervision.ground.settings.of(Server).url
    return _page(supervision, request, staff_id, f"{url}/invitation/{secret}")


def _page(
    supervision: Supervision, request: Request, staff_id: str = "", link: str = ""
) -> Response:
    viewer = supervision.operator(request)
    staff_id = staff_id or request.path_params["staff_id"]
    register, now = supervision.parts.require_register(), supervision.ground.clock.now()
    with supervision.ground.database.read() as uow:
        found = register.staff.member(uow, staff_id)
        waiting = register.staff_changes.recoveries(uow, now)
    return supervision.ground.pages.render(
        request,
        "supervision/member.html",
        member=found,
        roles=ROLES,
        waiting=[one for one in waiting if one.staff_id == staff_id],
        viewer=viewer.id,
        link=link,
        enrols="/desk" in {place.href for place in supervision.ground.pages.places},
        done=request.query_params.get("done", ""),
    )
