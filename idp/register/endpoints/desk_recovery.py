"""The desk's way back for who lost every means of signing in — NIST SP 800-63B §6.1.2.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import BadRequest
from foundation.pages import Mistakes
from idp.register.desk import Desk
from idp.register.endpoints.person_page import page_of
from idp.register.reasons import checked_reason


def post(desk: Desk, request: Request) -> Response:
    """Ask for the letter, or stop it; the person reads both, with the reason."""
    officer, form = desk.posted(request)
    person_id, answer = request.path_params["person_id"], form.get("answer")
    recoveries, now = desk.register.recoveries, desk.runtime.clock.now()
    if answer not in ("ask", "stop"):
        raise BadRequest("The answer is ask or stop.", where="answer")
    mistakes, reason = Mistakes(), ""
    with mistakes.noting("recovery-reason"):
        reason = checked_reason(form.get("reason", "")) if answer == "ask" else ""
    if mistakes:
        return page_of(desk, request, officer, person_id, mistakes, form)
    with desk.runtime.database.write() as uow:
        desk.require_open(uow, person_id, officer)
        if answer == "stop":
            recoveries.stop(uow, person_id, officer, now)
            done = "recovery-stopped"
        else:
            made = recoveries.ask(uow, person_id, officer, reason, now)
            done = f"recovery-{made.way}"
    return RedirectResponse(f"/desk/persons/{person_id}?done={done}", 303)
