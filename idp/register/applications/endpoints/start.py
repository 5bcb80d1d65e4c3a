"""Where applying begins: which ways there are and what to bring, before anything is asked; and the
way back into an application, by its code — WCAG 2.2 §3.3.8, EN-1."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import opaque, web
from foundation.errors import TooManyRequests
from foundation.pages import N_, Mistakes
from idp.register.applications.access import LENGTH
from idp.register.applications.application import DRAFT
from idp.register.applications.endpoints.page import (
    MENDED,
    RESUME,
    START,
    STATUS,
    mine,
    posted,
    render,
)
from idp.register.applications.online import OnlineApplications

OTHER_LENGTH = N_("A code has %(length)s letters and digits; you typed %(typed)s.")
NOTHING = N_("This code leads to no application.")
COMPARE = N_(
    "Compare it with what you wrote down. An application that was withdrawn, or left alone for too "
    "long, is deleted: then begin a new one."
)
TOO_MANY = N_("There were too many attempts from your network.")
CLOSED = N_("No application is open in this browser.")
TYPE_IT = N_("Type its code to go on, or begin a new one.")


def show(online: OnlineApplications, request: Request) -> Response:
    """The ways, and what to bring: nothing is asked here."""
    now = online.runtime.clock.now()
    return render(
        online,
        request,
        "start.html",
        mine(online, request, now),
        offers=online.offers(now),
        draft_days=online.settings.draft_days,
        decision_days=online.settings.decision_days,
        left=web.query(request).get("done", ""),
    )


def show_resume(online: OnlineApplications, request: Request) -> Response:
    """The page that asks for the code of an application."""
    mistakes = Mistakes(200)
    if web.query(request).get("why") == "closed":
        mistakes.add("code", CLOSED, TYPE_IT)
    return render(online, request, "resume.html", None, mistakes=mistakes)


def resume(online: OnlineApplications, request: Request) -> Response:
    """The code: it opens the application in this browser as well."""
    form, now, mistakes = posted(request), online.runtime.clock.now(), Mistakes()
    code = form.get("code", "")[:200]
    typed = len("".join(opaque.normalise_code(code).split("-")))
    if typed != LENGTH:
        # A slip of the finger and no guess: it is not counted.
        mistakes.add("code", OTHER_LENGTH, values={"length": LENGTH, "typed": typed})
        return render(online, request, "resume.html", None, mistakes=mistakes, typed=form)
    try:
        found = online.applying.resume(code, web.client_network(request), now)
    except TooManyRequests as full:
        mistakes = Mistakes(full.status)
        mistakes.add("code", TOO_MANY, N_(MENDED, seconds=full.retry_after))
        page = render(online, request, "resume.html", None, mistakes=mistakes, typed=form)
        page.headers.update(full.headers)
        return page
    if found is None:
        mistakes = Mistakes(410)
        mistakes.add("code", NOTHING, COMPARE)
        return render(online, request, "resume.html", None, mistakes=mistakes, typed=form)
    there = "/apply/check" if found.state == DRAFT else STATUS
    response = RedirectResponse(there, 303)
    online.applying.accesses.keep(response, request, found.id, found.access)
    return response


def leave(online: OnlineApplications, request: Request) -> Response:
    """Close the application in this browser; it stays as it is."""
    posted(request)
    response = RedirectResponse(f"{START}?done=left", 303)
    online.applying.accesses.leave(response, request)
    return response


def renew(online: OnlineApplications, request: Request) -> Response:
    """Another code, where somebody may have seen the one before."""
    posted(request)
    now = online.runtime.clock.now()
    found, by = mine(online, request, now), online.applying.accesses.of(request)
    if found is None or by is None:
        return RedirectResponse(f"{RESUME}?why=closed", 303)
    access = online.applying.renew_code(found, by, now)
    response = RedirectResponse(f"{STATUS}?done=code", 303)
    online.applying.accesses.keep(response, request, found.id, access)
    return response
