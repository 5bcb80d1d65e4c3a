"""A second look at a decision: what was found, and another officer's word — 29115 §10.1.2."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import BadRequest
from foundation.pages import Mistakes
from foundation.vault import Erased
from foundation.web import Form
from idp.register import second_looks
from idp.register.desk import Desk
from idp.register.life import State
from idp.register.reasons import checked_reason


def show(desk: Desk, request: Request) -> Response:
    """The person, and the evidence of the decision; a look-up of the person opens it (P-4)."""
    return _page(desk, request)


def _page(
    desk: Desk, request: Request, mistakes: Mistakes | None = None, typed: Form | None = None
) -> Response:
    officer = desk.officer(request)
    with desk.runtime.database.read() as uow:
        look = second_looks.find(uow, request.path_params["look_id"])
        second_looks.refuse_involved(uow, look.person_id, officer)
        desk.require_open(uow, look.person_id, officer)
        decision = desk.register.proofing.decision(uow, look.decision_id)
        try:
            profile = desk.register.profile(uow, look.person_id)
            findings = desk.register.proofing.findings(uow, look.decision_id)
        except Erased:
            profile, findings = None, None
    return desk.runtime.pages.render(
        request,
        "register/second_look.html",
        mistakes=mistakes,
        typed=typed,
        look=look,
        decision=decision,
        profile=profile,
        findings=findings,
        policy=desk.register.proofing.policy(decision.policy_version, desk.runtime.clock.now()),
    )


def answer(desk: Desk, request: Request) -> Response:
    """Confirmed, or not: then the decision is taken back, letters and codes are stopped, and an
    identity that is active is suspended until somebody proofs it anew."""
    officer, form = desk.posted(request)
    said = form.get("answer")
    if said not in ("confirm", "refuse"):
        raise BadRequest("The answer is confirm or refuse.", where="answer")
    confirmed, now = said == "confirm", desk.runtime.clock.now()
    mistakes, reason = Mistakes(), ""
    with mistakes.noting("reason"):
        reason = "" if confirmed else checked_reason(form.get("reason", ""))
    if mistakes:
        return _page(desk, request, mistakes, form)
    with desk.runtime.database.write() as uow:
        look = second_looks.find(uow, request.path_params["look_id"])
        desk.require_open(uow, look.person_id, officer)
        second_looks.close(uow, desk.runtime.audit, look, confirmed, officer, now)
        if not confirmed:
            desk.register.proofing.take_back(uow, look.decision_id, officer, reason, now)
            desk.register.letters.stop(uow, look.person_id, officer, now)
            found = desk.register.person(uow, look.person_id)
            if found is not None and found.state is State.ACTIVE:
                desk.life.suspend_within(uow, look.person_id, officer, reason, now)
    done = "confirmed" if confirmed else "not-confirmed"
    return RedirectResponse(f"/desk/persons/{look.person_id}?done={done}", 303)
