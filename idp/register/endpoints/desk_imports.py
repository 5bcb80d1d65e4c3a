"""Upload of a civil-register file, its progress, its refused rows, and letters for it."""

from __future__ import annotations

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.audit import Actor
from foundation.errors import BadRequest
from idp.register.desk import Desk
from idp.register.life import State
from idp.register.lookup import check, purposes
from idp.register.tables import activation_codes, persons

ROWS = 100
LETTERS = 50


def upload(desk: Desk, request: Request) -> Response:
    """Check the file now, import it by a job."""
    officer = desk.officer(request)
    form, files = web.upload(request)
    web.check_csrf(request, form)
    if "file" not in files or not files["file"][1]:
        raise BadRequest(
            "No file came with the form.",
            where="file",
            next_step="Choose a CSV or JSON file of the civil register.",
        )
    name, content = files["file"]
    import_id = desk.importer.submit(content, name, officer)
    return RedirectResponse(f"/desk/imports/{import_id}", 303)


def progress(desk: Desk, request: Request) -> Response:
    """How far the import is, and which rows were refused."""
    officer = desk.officer(request)
    import_id = request.path_params["import_id"]
    after = web.query(request).get("after", "0")
    if not after.isascii() or not after.isdigit() or len(after) > 9:
        raise BadRequest("The parameter after is a line number.", where="after")
    report = desk.importer.report(import_id)
    refused = desk.importer.refused(import_id, int(after), ROWS + 1)
    return desk.ground.pages.render(
        request,
        "register/import.html",
        report=report,
        refused=refused[:ROWS],
        next_after=refused[ROWS - 1].line if len(refused) > ROWS else None,
        waiting=len(_without_letter(desk, import_id, officer)),
        purposes=purposes(),
    )


def letters(desk: Desk, request: Request) -> Response:
    """Letters for the next persons of this import who wait for one, to be printed now, for a
    purpose that each of them will read (P-4)."""
    officer, form = desk.posted(request)
    import_id = request.path_params["import_id"]
    purpose = form.get("purpose", "")
    check(purpose)
    desk.importer.report(import_id)
    now = desk.ground.clock.now()
    printed = []
    with desk.ground.database.write() as uow:
        for person_id in _without_letter(desk, import_id, officer)[:LETTERS]:
            desk.lookups.note(uow, person_id, purpose, officer)
            profile = desk.register.profile(uow, person_id)
            issued = desk.register.codes.issue(uow, person_id, officer, now)
            printed.append((profile, issued))
    return desk.ground.pages.render(
        request,
        "register/letters.html",
        activation_url=desk.activation_url,
        letters=printed,
        back=f"/desk/imports/{import_id}",
    )


def _without_letter(desk: Desk, import_id: str, officer: Actor) -> list[str]:
    """Persons of the import at level 2 or higher who wait for activation, without any letter;
    a colleague writes to the officer themselves."""
    ids = desk.importer.persons(import_id)
    lettered = select(activation_codes.c.person_id)
    query = select(persons.c.id).where(
        persons.c.state == State.ESTABLISHED, persons.c.level >= 2, persons.c.id.not_in(lettered)
    )
    with desk.ground.database.read() as uow:
        waiting = {row.id for row in uow.all(query)}
        waiting.discard(desk.register.staff.own_person(uow, officer.id) or "")
    return [person_id for person_id in ids if person_id in waiting]
