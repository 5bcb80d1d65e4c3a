"""The desk: search by civil number, upload, what waits — row P-4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import Problem, SeeOther
from idp.register import second_looks, store, two_people
from idp.register.desk import Desk
from idp.register.lookup import purposes
from idp.register.profile import WrongField, civil_number


def home(desk: Desk, request: Request) -> Response:
    """The officer's start page."""
    return page(desk, request)


def search(desk: Desk, request: Request) -> Response:
    """Find a person by civil number, for a purpose that they will read."""
    officer, form = desk.posted(request)
    now = desk.ground.clock.now()
    try:
        number = civil_number(form.get("civil_number", ""))
    except WrongField as wrong:
        return page(desk, request, 422, wrong=wrong.what_to_do)
    with desk.ground.database.read() as uow:
        known = store.by_civil_number(uow, desk.ground.vault, number)
        if known is not None:
            desk.refuse_own(uow, known, officer)
    found = desk.lookups.search(number, form.get("purpose", ""), officer, now)
    if found is None:
        return page(desk, request, 404, nobody=True)
    return RedirectResponse(f"/desk/persons/{found}", 303)


def look_up(desk: Desk, request: Request) -> Response:
    """Say why, for a person whose page was opened by its address."""
    officer, form = desk.posted(request)
    person_id = request.path_params["person_id"]
    with desk.ground.database.read() as uow:
        desk.refuse_own(uow, person_id, officer)
    desk.lookups.open(person_id, form.get("purpose", ""), officer, desk.ground.clock.now())
    raise SeeOther(f"/desk/persons/{person_id}")


def page(
    desk: Desk,
    request: Request,
    status: int = 200,
    wrong: str | None = None,
    nobody: bool = False,
    file_refused: Problem | None = None,
) -> Response:
    """The desk, with what was wrong with a form of it."""
    officer = desk.officer(request)
    with desk.ground.database.read() as uow:
        waiting = desk.register.proofing.waiting(uow)
        looks = second_looks.queue(uow)
        own = two_people.own_cases(uow, officer, [look.person_id for look in looks])
    return desk.ground.pages.render(
        request,
        "register/desk.html",
        status=status,
        purposes=purposes(),
        waiting=waiting,
        looks=looks,
        own=own,
        imports=desk.importer.recent(10),
        wrong=wrong,
        nobody=nobody,
        file_refused=file_refused,
    )
