"""Applications at the desk: the queue, and one found by its reference number — P-4."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.pages import N_, Mistakes
from foundation.web import Form
from idp.register.applications import store
from idp.register.applications.online import OnlineApplications
from idp.register.applications.ways import known

WRITE = N_("Write the reference number.")


def show(online: OnlineApplications, request: Request) -> Response:
    """What was sent, urgent first, then by deadline; no name stands here."""
    return _page(online, request)


def find(online: OnlineApplications, request: Request) -> Response:
    """By the number that the applicant brought."""
    _, form = online.desk.posted(request)
    mistakes = Mistakes()
    if not form.get("number", "").strip():
        mistakes.add("number", WRITE)
        return _page(online, request, mistakes, form)
    with mistakes.noting("number"), online.runtime.database.read() as uow:
        number = form.get("number", "")
        found = online.cases.find(uow, number, online.runtime.clock.now())
        return RedirectResponse(f"/desk/applications/{found.number}", 303)
    return _page(online, request, mistakes, form)


def _page(
    online: OnlineApplications,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: Form | None = None,
) -> Response:
    officer, now = online.desk.officer(request), online.runtime.clock.now()
    with online.runtime.database.read() as uow:
        waiting = [one for one in store.at_office(uow) if one.expires_at > now]
    return online.runtime.pages.render(
        request,
        "applications/queue.html",
        mistakes=mistakes,
        typed=typed,
        waiting=waiting,
        ways=known(),
        lease=online.cases.lease,
        officer=officer.id,
        now=now,
    )
