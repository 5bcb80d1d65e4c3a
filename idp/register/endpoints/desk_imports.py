"""Upload of a civil-register file, its progress, its refused rows, and letters for it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.audit import Actor
from foundation.errors import BadRequest
from foundation.marking import N_
from foundation.pages import Mistakes
from idp.register.desk import Desk
from idp.register.endpoints.desk_home import page
from idp.register.imports import Foreseen, ImportReport, RefusedRow
from idp.register.imports.updating import ENROLLED, UNCHANGED
from idp.register.profile_form import LABELS

ROWS = 100
LETTERS = 50


def upload(desk: Desk, request: Request) -> Response:
    """Check the file now, import it by a job."""
    officer = desk.officer(request)
    form, files = web.upload(request)
    web.check_csrf(request, form)
    mistakes = Mistakes()
    with mistakes.noting("file"):
        name, content = files.get("file", ("", b""))
        if not name and not content:
            raise BadRequest(
                "No file came with the form.",
                where="file",
                next_step="Choose a CSV or JSON file of the civil register.",
            )
        if form.get("updates") == "yes":
            import_id = desk.importer.keep(content, name, officer)
        else:
            import_id = desk.importer.submit(content, name, officer)
        return RedirectResponse(f"/desk/imports/{import_id}", 303)
    return page(desk, request, mistakes)


def start(desk: Desk, request: Request) -> Response:
    """Do what the page before showed: import a file that also changes records."""
    officer, _ = desk.posted(request)
    import_id = request.path_params["import_id"]
    desk.importer.start(import_id, officer)
    return RedirectResponse(f"/desk/imports/{import_id}?started=yes", 303)


def _foreseen(desk: Desk, request: Request, report: ImportReport, officer: Actor) -> Response:
    """What would be done. Whose record is shown in it reads that (P-4)."""
    rows = desk.importer.foresee_kept(report.id, officer)
    refused = [row for row in rows if isinstance(row, RefusedRow)]
    foreseen = [row for row in rows if isinstance(row, Foreseen)]
    changed = [row for row in foreseen if row.changes]
    with desk.runtime.database.write() as uow:
        for row in changed[:ROWS]:
            desk.lookups.note(uow, row.person_id, "correction", officer)
    return desk.runtime.pages.render(
        request,
        "register/import_preview.html",
        report=report,
        new=sum(row.outcome == ENROLLED for row in foreseen),
        unchanged=sum(row.outcome == UNCHANGED for row in foreseen),
        changed=changed[:ROWS],
        all_changed=len(changed),
        refused=refused[:ROWS],
        all_refused=len(refused),
        looked_at=len(rows),
        labels=LABELS,
    )


def refused_rows(desk: Desk, request: Request) -> Response:
    """The refused rows as they came, with the reasons, for who sent the file."""
    officer, _ = desk.posted(request)
    import_id = request.path_params["import_id"]
    file_format, content = desk.importer.refused_file(import_id, officer)
    kind = "application/json" if file_format == "json" else "text/csv; charset=utf-8"
    name = f"refused-{import_id[:12]}.{file_format}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=kind, headers=headers)


def progress(desk: Desk, request: Request) -> Response:
    """How far the import is, and which rows were refused."""
    officer = desk.officer(request)
    import_id = request.path_params["import_id"]
    query = web.query(request)
    after, asked = query.get("after", "0"), query.get("asked", "")
    skip = query.get("skip", "0")
    for name, number in (("after", after), ("skip", skip)):
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            raise BadRequest(N_("The parameter %(name)s is a number.", name=name), where=name)
    report = desk.importer.report(import_id)
    begun = report.finished_at or report.done or "started" in query
    if report.updates and not begun and report.by == officer:
        return _foreseen(desk, request, report, officer)
    refused = desk.importer.refused(import_id, int(after), ROWS + 1)
    remarks = desk.importer.remarks(import_id, int(skip), ROWS + 1)
    return desk.runtime.pages.render(
        request,
        "register/import.html",
        report=report,
        mine=report.by == officer,
        refused=refused[:ROWS],
        next_after=refused[ROWS - 1].line if len(refused) > ROWS else None,
        remarks=remarks[:ROWS],
        next_skip=int(skip) + ROWS if len(remarks) > ROWS else None,
        waiting=len(_without_letter(desk, import_id, officer)),
        asked=int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else None,
    )


def letters(desk: Desk, request: Request) -> Response:
    """Ask for letters to the next persons of this import who wait for one; nothing about them is
    shown, and the printing house makes them."""
    officer, _ = desk.posted(request)
    import_id = request.path_params["import_id"]
    desk.importer.report(import_id)
    next_ones = _without_letter(desk, import_id, officer)[:LETTERS]
    asked = desk.register.letters.ask_each(next_ones, officer, desk.runtime.clock.now())
    return RedirectResponse(f"/desk/imports/{import_id}?asked={asked}", 303)


def _without_letter(desk: Desk, import_id: str, officer: Actor) -> list[str]:
    """Persons of the import who wait for their first letter; a colleague writes to the officer
    themselves."""
    with desk.runtime.database.read() as uow:
        own = desk.register.staff.own_person(uow, officer.id)
        waiting = desk.register.letters.never_asked(uow, import_id)
    return [person_id for person_id in waiting if person_id != own]
