"""The page of one person at the desk, with what each form on it refused — EN-4 to EN-8."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation.audit import Actor
from foundation.pages import Mistakes
from foundation.vault import Erased
from foundation.web import Form
from idp.register import recovery, second_looks, store, two_people
from idp.register.applications import store as applications
from idp.register.applications.contact import answered
from idp.register.corrections import CORRECTABLE
from idp.register.desk import Desk
from idp.register.evidence import Assessment
from idp.register.life import State, open_steps
from idp.register.person import Person
from idp.register.profile_form import LABELS
from idp.register.proofing import PROOFABLE
from idp.register.uniqueness import uniqueness

PIECES = (1, 2, 3)
STEPS = ("suspend", "reactivate", "archive")


def page_of(
    desk: Desk,
    request: Request,
    officer: Actor,
    person_id: str,
    mistakes: Mistakes | None = None,
    typed: Form | None = None,
    tried: Assessment | None = None,
) -> Response:
    """`mistakes` are those of the form that was `typed`; `tried`: what the policy says to a check
    that was not recorded."""
    proofing = desk.register.proofing
    with desk.runtime.database.read() as uow:
        found = store.known_person(uow, person_id)
        decisions = proofing.decisions(uow, person_id)
        history = store.steps_of(uow, person_id)
        letter = desk.register.letters.newest(uow, person_id)
        looks = second_looks.waiting_for(uow, person_id)
        pairs = uniqueness.about(uow, person_id)
        corrections = desk.register.corrections.of(uow, person_id)
        alone = two_people.wrote_address_alone(uow, person_id, officer)
        try:
            profile = desk.register.profile(uow, person_id)
        except Erased:
            profile = None
        applied = applications.of_person(uow, person_id)
    email = profile.email if profile is not None else ""
    exercised = applied is not None and answered(desk.runtime.keys, applied, email)
    return desk.runtime.pages.render(
        request,
        "register/person.html",
        mistakes=mistakes,
        typed=typed,
        tried=tried,
        person=found,
        profile=profile,
        decisions=decisions,
        history=history,
        letter=letter,
        looks=looks,
        pairs=[pair for pair in pairs if pair.state in (uniqueness.OPEN, uniqueness.PROPOSED)],
        joined=[
            p.other_id for p in pairs if p.state == uniqueness.SAME and p.person_id == person_id
        ],
        held=any(p.person_id == person_id and p.state != uniqueness.DIFFERENT for p in pairs),
        corrections=corrections,
        correctable=profile is not None and found.state in CORRECTABLE,
        labels=LABELS,
        sources=desk.source_labels(),
        way_back=_way_back(desk, found),
        needs_colleague=alone,
        steps=[s for s in open_steps(found.state) if s in STEPS],
        proofable=found.state in PROOFABLE,
        policy=proofing.current_policy(desk.runtime.clock.now()),
        pieces=PIECES,
        officer=officer.id,
        applied=applied,
        exercised=exercised,
        done=request.query_params.get("done", ""),
    )


def _way_back(desk: Desk, person: Person) -> dict[str, Any]:
    """`standing`: the letter that was asked for; `saw`: an officer checked the person lately."""
    if person.state is not State.ACTIVE:
        return {"offered": False}
    now = desk.runtime.clock.now()
    with desk.runtime.database.read() as uow:
        return {
            "offered": True,
            "standing": recovery.open_of(uow, person.id),
            "saw": recovery.check_at_desk(uow, person, now) is not None,
            "days": desk.register.recoveries.delay.days,
            "level": min(person.level, recovery.LETTER_PROVES),
        }
