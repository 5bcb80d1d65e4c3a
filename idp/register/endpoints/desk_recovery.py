"""The desk's way back for who lost every means of signing in — NIST SP 800-63B §6.1.2.3."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import BadRequest
from idp.register import recovery, store
from idp.register.desk import Desk
from idp.register.life import State


def post(desk: Desk, request: Request) -> Response:
    """Ask for the letter, or stop it; the person reads both, with the reason."""
    officer, form = desk.posted(request)
    person_id, answer = request.path_params["person_id"], form.get("answer")
    recoveries, now = desk.register.recoveries, desk.ground.clock.now()
    if answer not in ("ask", "stop"):
        raise BadRequest("The answer is ask or stop.", where="answer")
    with desk.ground.database.write() as uow:
        desk.require_open(uow, person_id, officer)
        if answer == "stop":
            recoveries.stop(uow, person_id, officer, now)
            done = "recovery-stopped"
        else:
            made = recoveries.ask(uow, person_id, officer, form.get("reason", ""), now)
            done = f"recovery-{made.way}"
    return RedirectResponse(f"/desk/persons/{person_id}?done={done}", 303)


def shown(desk: Desk, person_id: str) -> dict[str, Any]:
    """What the person's page says of it: `standing`, and whether an officer `saw` them lately."""
    now = desk.ground.clock.now()
    with desk.ground.database.read() as uow:
        person = store.known_person(uow, person_id)
        if person.state is not State.ACTIVE:
            return {"offered": False}
        return {
            "offered": True,
            "standing": recovery.open_of(uow, person_id),
            "saw": recovery.check_at_desk(uow, person, now) is not None,
            "days": desk.register.recoveries.delay.days,
            "level": min(person.level, recovery.LETTER_PROVES),
        }
