"""Files for the printing house: how many letters wait, the next file, files made — CM-5."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.register.desk import Desk
from idp.register.printing import FORMATS


def show(desk: Desk, request: Request) -> Response:
    """Counts only: no name, and no code."""
    desk.printer(request)
    with desk.runtime.database.read() as uow:
        waiting = desk.register.letters.waiting(uow, desk.runtime.clock.now())
        batches = desk.register.letters.batches(uow)
    return desk.runtime.pages.render(
        request,
        "register/batches.html",
        waiting=waiting,
        batches=batches,
        formats=tuple(FORMATS),
        encrypts=desk.register.printing.encrypts,
    )


def make(desk: Desk, request: Request) -> Response:
    """The next file, this once: its codes are kept nowhere."""
    by, form = desk.posted_by_printer(request)
    file = desk.register.printing.file(form.get("format", ""), by)
    return Response(
        file.content,
        media_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "no-store",
        },
    )


def again(desk: Desk, request: Request) -> Response:
    """A file was lost on its way: its unused codes end, and its letters wait for the next one."""
    by, _ = desk.posted_by_printer(request)
    desk.register.letters.again(request.path_params["batch_id"], by, desk.runtime.clock.now())
    return RedirectResponse("/letters", 303)
