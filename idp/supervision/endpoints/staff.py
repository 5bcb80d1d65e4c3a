"""Members of staff: who they are, ending them, their role, letting them in again — X.1253 9.1-6."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.audit import Actor
from foundation.errors import NotFound
from foundation.pages import N_, Mistakes, Question, ask_first
from foundation.settings import Server
from foundation.web import Form
from idp.register import ROLES, checked_reason
from idp.supervision.days import written_day
from idp.supervision.incidents import Incidents
from idp.supervision.supervision import Supervision

END = Question(
    N_("End this account for good?"),
    (
        N_("They are signed out now, and cannot sign in any more."),
        N_("Their password, their passkeys and their sign-in name are gone."),
        N_("If they come back, they are invited anew, as somebody new."),
    ),
    N_("Yes, end it for good"),
)
FREEZE = Question(
    N_("Freeze what this member of staff did?"),
    (
        N_("Letters and codes of these people that were not used yet work no more."),
        N_("Another officer has to look at each decision again."),
    ),
    N_("Yes, freeze it"),
)
ASKS = {"end": END, "freeze": FREEZE}
ACTS = ("end", "role", "recovery", "freeze", "sessions")


def members(supervision: Supervision, request: Request) -> Response:
    """Everybody who works here or did, and whom two operators are to let in again."""
    viewer = supervision.operator(request)
    register, now = supervision.parts.require_register(), supervision.runtime.clock.now()
    with supervision.runtime.database.read() as uow:
        everybody = register.staff.members(uow)
        waiting = register.staff_changes.recoveries(uow, now)
    return supervision.runtime.pages.render(
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
    doing, mistakes = request.path_params["act"], Mistakes()
    if doing not in ACTS:
        raise NotFound("There is no such act.")
    if doing == "freeze":
        with mistakes.noting("since"):
            written_day(form.get("since", ""), "since")
    with mistakes.noting(reason=f"{doing}-reason", role="role"):
        checked_reason(reason)
        if not mistakes:
            if (asked := _ask(supervision, request, form)) is not None:
                return asked
            _do(supervision.incidents, doing, staff_id, form, by)
    if mistakes:
        return _page(supervision, request, mistakes=mistakes, typed=form, doing=doing)
    return RedirectResponse(f"/staff/{staff_id}?done={doing}", 303)


def _do(incidents: Incidents, doing: str, staff_id: str, form: Form, by: Actor) -> None:
    reason = form.get("reason", "")
    if doing == "end":
        incidents.end_staff(staff_id, reason, by)
    elif doing == "role":
        incidents.change_role(staff_id, form.get("role", ""), reason, by)
    elif doing == "recovery":
        incidents.ask_recovery(staff_id, reason, by)
    elif doing == "freeze":
        incidents.freeze_cases(staff_id, written_day(form.get("since", ""), "since"), reason, by)
    else:
        incidents.stop_staff(staff_id, reason, by)


def _ask(supervision: Supervision, request: Request, form: Form) -> Response | None:
    question = ASKS.get(request.path_params["act"])
    if question is None:
        return None
    register = supervision.parts.require_register()
    with supervision.runtime.database.read() as uow:
        found = register.staff.member(uow, request.path_params["staff_id"])
    return ask_first(
        supervision.runtime.pages,
        request,
        form,
        question,
        version=f"{found.state} {found.role} {found.since}",
        back=f"/staff/{found.id}",
        about=found.name,
    )


def agree(supervision: Supervision, request: Request) -> Response:
    """An operator's word on a recovery; the second one is shown the link, this once."""
    by, _ = supervision.posted(request)
    recovery_id = request.path_params["recovery_id"]
    with supervision.runtime.database.read() as uow:
        changes = supervision.parts.require_register().staff_changes
        staff_id = changes.recovery(uow, recovery_id).staff_id
    secret = supervision.incidents.agree(recovery_id, by)
    if secret is None:
        return RedirectResponse(f"/staff/{staff_id}?done=agreed", 303)
    url = supervision.runtime.settings.of(Server).url
    return _page(supervision, request, staff_id, f"{url}/invitation/{secret}")


def _page(
    supervision: Supervision,
    request: Request,
    staff_id: str = "",
    link: str = "",
    mistakes: Mistakes | None = None,
    typed: Form | None = None,
    doing: str = "",
) -> Response:
    viewer = supervision.operator(request)
    staff_id = staff_id or request.path_params["staff_id"]
    register, now = supervision.parts.require_register(), supervision.runtime.clock.now()
    with supervision.runtime.database.read() as uow:
        found = register.staff.member(uow, staff_id)
        waiting = register.staff_changes.recoveries(uow, now)
    return supervision.runtime.pages.render(
        request,
        "supervision/member.html",
        mistakes=mistakes,
        typed=typed,
        doing=doing,
        member=found,
        roles=ROLES,
        waiting=[one for one in waiting if one.staff_id == staff_id],
        viewer=viewer.id,
        link=link,
        enrols="/desk" in {place.href for place in supervision.runtime.pages.places},
        done=request.query_params.get("done", ""),
    )
