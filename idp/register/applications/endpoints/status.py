"""Where an application stands: who has it, what comes next and by when; answer, withdraw."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import Conflict
from foundation.pages import N_, Mistakes, Question, ask_first
from idp.register import store as register_store
from idp.register.applications.application import (
    ANSWER,
    ASKED,
    DRAFT,
    ENROLLED,
    OPEN,
    QUESTION,
    REASON,
    REFUSED,
    Application,
)
from idp.register.applications.endpoints.page import (
    START,
    STATUS,
    path_of,
    posted,
    render,
    required,
    written,
)
from idp.register.applications.history import SENTENCES
from idp.register.applications.online import OnlineApplications
from idp.register.life import State

WITHDRAW = Question(
    N_("Withdraw your application?"),
    (
        N_("It is deleted, with all that you wrote, and leads nowhere."),
        N_("You can begin a new one whenever you like."),
    ),
    N_("Yes, delete it"),
)
WRITE = N_("Write your answer, in 500 characters at most.")


def show(online: OnlineApplications, request: Request) -> Response:
    """The page; a draft goes on where it was left."""
    found = required(online, request, online.runtime.clock.now())
    if found.state == DRAFT:
        return RedirectResponse(path_of("check"), 303)
    return _page(online, request, found)


def answer(online: OnlineApplications, request: Request) -> Response:
    """What the applicant says to the office's question."""
    form, now = posted(request), online.runtime.clock.now()
    found = required(online, request, now)
    mistakes = Mistakes()
    said = " ".join(form.get("said", "").split())
    if not said or len(said) > 500:
        mistakes.add("said", WRITE)
        return _page(online, request, found, mistakes, form)
    online.applying.answer(found, said, now)
    return RedirectResponse(f"{STATUS}?done=answered", 303)


def withdraw(online: OnlineApplications, request: Request) -> Response:
    """It is asked once more; then it is gone."""
    form, now = posted(request), online.runtime.clock.now()
    found = required(online, request, now)
    if found.state not in (*OPEN, REFUSED):
        raise Conflict(
            "The office has made an identity of this application already.",
            next_step="Go to the registration office if you do not want it.",
        )
    asked = ask_first(
        online.runtime.pages,
        request,
        form,
        WITHDRAW,
        version=found.state,
        back=STATUS if found.state != DRAFT else path_of("check"),
        about=found.number,
    )
    if asked is not None:
        return asked
    online.applying.withdraw(found, now)
    response = RedirectResponse(f"{START}?done=withdrawn", 303)
    online.applying.accesses.leave(response, request)
    return response


def _page(
    online: OnlineApplications,
    request: Request,
    found: Application,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    parts, _ = written(online, found)
    now = online.runtime.clock.now()
    told = online.runtime.audit.ledger(found.id, limit=30)
    return render(
        online,
        request,
        "status.html",
        found,
        mistakes=mistakes,
        typed=typed,
        stage=_stage(online, found),
        offer=next((o for o in online.offers(now) if o.way.id == found.way), None),
        question=parts.get(QUESTION, {}).get("said", "") if found.state == ASKED else "",
        answered=parts.get(ANSWER, {}).get("said", ""),
        reason=parts.get(REASON, {}).get("said", ""),
        taken=found.held_by(online.cases.lease, now) is not None,
        history=[(e, SENTENCES[e.kind]) for e in told if e.kind in SENTENCES],
        withdrawable=found.state in (*OPEN, REFUSED),
        done=web.query(request).get("done", ""),
    )


def _stage(online: OnlineApplications, found: Application) -> str:
    """The state, as it goes on in the register. Whether somebody is held there because another
    record looks like theirs is told to nobody: it looks like any other check."""
    if found.state != ENROLLED or found.person_id is None:
        return found.state
    with online.runtime.database.read() as uow:
        person = register_store.person(uow, found.person_id)
        if person is None:
            return "over"
        letter = online.register.letters.newest(uow, found.person_id)
    if person.state is State.ACTIVE:
        return "active"
    if person.state is not State.ESTABLISHED:
        return "over"
    if letter is None or letter.state == "stopped":
        return "checking"
    return "printed" if letter.state == "printed" else "letter"
