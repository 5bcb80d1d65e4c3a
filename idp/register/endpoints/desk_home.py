"""The desk: search by civil number, upload, what waits — row P-4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import NotFound
from foundation.pages import N_, Mistakes
from idp.register import second_looks, store, two_people
from idp.register.desk import Desk
from idp.register.lookup import check, purposes
from idp.register.profile import WrongField, civil_number

NOBODY = N_("Nobody in the register has this civil number.")
COMPARE = N_(
    "Compare the number with the document. A person who is not in the register comes with a file "
    "of the civil register."
)


def home(desk: Desk, request: Request) -> Response:
    """The officer's start page."""
    return page(desk, request)


def search(desk: Desk, request: Request) -> Response:
    """Find a person by civil number, for a purpose that they will read."""
    officer, form = desk.posted(request)
    number = ""
    now, purpose, mistakes = desk.ground.clock.now(), form.get("purpose", ""), Mistakes()
    try:
        number = civil_number(form.get("civil_number", ""))
    except WrongField as wrong:
        mistakes.add("civil_number", wrong.what_to_do)
    with mistakes.noting("purpose"):
        check(purpose)
    if mistakes:
        return page(desk, request, mistakes, form)
    with desk.ground.database.read() as uow:
        known = store.by_civil_number(uow, desk.ground.vault, number)
        if known is not None:
            desk.refuse_own(uow, known, officer)
    found = desk.lookups.search(number, purpose, officer, now)
    if found is None:
        mistakes = Mistakes(NotFound.status)
        mistakes.add("civil_number", NOBODY, COMPARE)
        return page(desk, request, mistakes, form)
    return RedirectResponse(f"/desk/persons/{found}", 303)


def look_up(desk: Desk, request: Request) -> Response:
    """Say why, for a person whose page was opened by its address."""
    officer, form = desk.posted(request)
    person_id = request.path_params["person_id"]
    with desk.ground.database.read() as uow:
        desk.refuse_own(uow, person_id, officer)
    mistakes = Mistakes()
    with mistakes.noting(purpose="purpose"):
        desk.lookups.open(person_id, form.get("purpose", ""), officer, desk.ground.clock.now())
        return RedirectResponse(f"/desk/persons/{person_id}", 303)
    return why(desk, request, person_id, mistakes)


def why(desk: Desk, request: Request, person_id: str, mistakes: Mistakes | None = None) -> Response:
    """The page that asks what for, before a record opens."""
    return desk.ground.pages.render(
        request,
        "register/why.html",
        mistakes=mistakes,
        person_id=person_id,
        purposes=purposes(),
    )


def page(
    desk: Desk,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    """The officer's start page, as it is or with what was wrong in one of its forms."""
    officer = desk.officer(request)
    with desk.ground.database.read() as uow:
        waiting = desk.register.proofing.waiting(uow)
        looks = second_looks.queue(uow)
        own = two_people.own_cases(uow, officer, [look.person_id for look in looks])
    return desk.ground.pages.render(
        request,
        "register/desk.html",
        mistakes=mistakes,
        typed=typed,
        purposes=purposes(),
        waiting=waiting,
        looks=looks,
        own=own,
        imports=desk.importer.recent(10),
    )
