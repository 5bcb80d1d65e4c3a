"""Two records that look alike, side by side, and what two officers say — 29115 EN-3."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest
from foundation.pages import N_, Mistakes, Question, ask_first
from foundation.vault import Erased
from foundation.web import Form
from idp.register import store
from idp.register.corrections import texts_of
from idp.register.desk import Desk
from idp.register.person import Person
from idp.register.profile import FIELDS, Profile
from idp.register.profile_form import LABELS
from idp.register.reasons import checked_reason
from idp.register.uniqueness import uniqueness
from idp.register.uniqueness.comparing import REASONS
from idp.register.uniqueness.uniqueness import Resemblance

PURPOSE = "uniqueness"
_AGREE, _DISAGREE = "agree", "disagree"
JOIN = Question(
    N_("Are they the same person?"),
    (
        N_("The record that waits is closed, and its letters are stopped."),
        N_("The record that stays is as it was."),
        N_("Both are told."),
    ),
    N_("Yes, close the second record"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One field of the two records, as texts."""

    label: str
    waits: str
    stays: str

    @property
    def same(self) -> bool:
        return self.waits == self.stays

    @property
    def in_one(self) -> bool:
        return not self.waits or not self.stays


def show(desk: Desk, request: Request) -> Response:
    """The two records, while the officer's look-up of both is open; else what opens it."""
    return _page(desk, request)


def look_up(desk: Desk, request: Request) -> Response:
    """Open both records; each person reads why."""
    officer, _ = desk.posted(request)
    with desk.runtime.database.read() as uow:
        pair = _pair(desk, request, uow)
        for person_id in (pair.person_id, pair.other_id):
            desk.refuse_own(uow, person_id, officer)
    for person_id in (pair.person_id, pair.other_id):
        desk.lookups.open(person_id, PURPOSE, officer, desk.runtime.clock.now())
    return RedirectResponse(f"/desk/resemblances/{pair.id}", 303)


def answer(desk: Desk, request: Request) -> Response:
    """The first officer says what the two are, the second one agrees or not. Called the same: the
    second record is closed in the same unit of work."""
    officer, form = desk.posted(request)
    said, now = form.get("answer", ""), desk.runtime.clock.now()
    if said not in (*uniqueness.ANSWERS, _AGREE, _DISAGREE):
        raise BadRequest("The answer is same, different, agree or disagree.", where="answer")
    mistakes, reason = Mistakes(), ""
    if said in uniqueness.ANSWERS:
        with mistakes.noting("reason"):
            reason = checked_reason(form.get("reason", ""))
    if mistakes:
        return _page(desk, request, mistakes, form)
    if said == _AGREE and (asked := _ask(desk, request, form, officer)) is not None:
        return asked
    unique = desk.register.uniqueness
    with desk.runtime.database.write() as uow:
        pair = _pair(desk, request, uow)
        both = (pair.person_id, pair.other_id)
        for person_id in both:
            desk.refuse_own(uow, person_id, officer)
        if not all(desk.lookups.is_open(uow, one, officer, now) for one in both):
            return RedirectResponse(f"/desk/resemblances/{pair.id}", 303)
        if said in uniqueness.ANSWERS:
            pair = unique.propose(uow, pair.id, said, reason, officer, now)
        else:
            pair = unique.answer(uow, pair.id, said == _AGREE, officer, now)
            if pair.state == uniqueness.SAME:
                desk.register.letters.stop(uow, pair.person_id, officer, now)
                desk.life.join(uow, pair.person_id, officer, now)
    done = "open-again" if pair.state == uniqueness.OPEN else pair.state
    return RedirectResponse(f"/desk/persons/{pair.person_id}?done={done}", 303)


def _ask(desk: Desk, request: Request, form: Form, officer: Actor) -> Response | None:
    """Before a record is closed; what is not theirs to do is left to the act, which refuses it."""
    with desk.runtime.database.read() as uow:
        pair = _pair(desk, request, uow)
        if pair.proposed != uniqueness.SAME or pair.state != uniqueness.PROPOSED:
            return None
        now, both = desk.runtime.clock.now(), (pair.person_id, pair.other_id)
        mine = pair.first_officer == officer.id
        if mine or not all(desk.lookups.is_open(uow, one, officer, now) for one in both):
            return None
        about = desk.register.profile(uow, pair.person_id).name
    return ask_first(
        desk.runtime.pages,
        request,
        form,
        JOIN,
        version=f"{pair.state} {pair.first_officer}",
        back=f"/desk/resemblances/{pair.id}",
        about=about,
    )


def _pair(desk: Desk, request: Request, uow: UnitOfWork) -> Resemblance:
    return uniqueness.find(uow, request.path_params["resemblance_id"])


def _page(
    desk: Desk, request: Request, mistakes: Mistakes | None = None, typed: Form | None = None
) -> Response:
    officer, now = desk.officer(request), desk.runtime.clock.now()
    with desk.runtime.database.read() as uow:
        pair = _pair(desk, request, uow)
        both = (pair.person_id, pair.other_id)
        for person_id in both:
            desk.refuse_own(uow, person_id, officer)
        is_open = all(desk.lookups.is_open(uow, one, officer, now) for one in both)
        records = [_record(desk, uow, one) for one in both] if is_open else []
        said = desk.register.uniqueness.reason_of(uow, pair) if is_open else ""
    return desk.runtime.pages.render(
        request,
        "register/resemblance.html",
        mistakes=mistakes,
        typed=typed,
        pair=pair,
        reasons=[REASONS[reason] for reason in pair.reasons if reason in REASONS],
        records=[person for person, _ in records],
        rows=_rows(*(profile for _, profile in records)) if records else [],
        said=said,
        mine=pair.first_officer == officer.id,
    )


def _record(desk: Desk, uow: UnitOfWork, person_id: str) -> tuple[Person | None, Profile | None]:
    person = store.person(uow, person_id)
    if person is None:
        return None, None
    try:
        return person, desk.register.profile(uow, person_id)
    except Erased:
        return person, None


def _rows(waits: Profile | None, stays: Profile | None) -> list[Row]:
    """Every field that one of the two has."""
    one = texts_of(waits) if waits else {}
    other = texts_of(stays) if stays else {}
    rows = (Row(LABELS[name], one.get(name, ""), other.get(name, "")) for name in FIELDS)
    return [row for row in rows if row.waits or row.stays]
