"""What the applicant's pages share: whose application it is, and what stands on each of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import SeeOther
from foundation.pages import N_, Mistakes
from foundation.vault import Erased
from idp.register.applications import store
from idp.register.applications.application import DRAFT, LABELS, STEPS, Application
from idp.register.applications.online import OnlineApplications

START, RESUME, STATUS = "/apply", "/apply/resume", "/apply/status"
MENDED = N_("Wait %(seconds)s seconds, then try again. What you saved is kept.")


def path_of(step: str) -> str:
    return f"/apply/{step}"


def mine(online: OnlineApplications, request: Request, now: datetime) -> Application | None:
    """The application that this browser has open."""
    return online.applying.opened(online.applying.accesses.of(request), now)


def required(online: OnlineApplications, request: Request, now: datetime) -> Application:
    """As `mine`; who has none open is led to where the code is typed."""
    found = mine(online, request, now)
    if found is None:
        raise SeeOther(f"{RESUME}?why=closed")
    return found


def draft(online: OnlineApplications, request: Request, now: datetime) -> Application:
    """As `required`; what was sent is looked at, and not changed any more."""
    found = required(online, request, now)
    if found.state != DRAFT:
        raise SeeOther(STATUS)
    return found


def posted(request: Request) -> web.Form:
    """A form that came from a page of ours."""
    form = web.form(request)
    web.check_csrf(request, form)
    return form


def written(
    online: OnlineApplications, found: Application | None
) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """What was saved, by step, and in which version."""
    if found is None:
        return {}, {}
    try:
        with online.runtime.database.read() as uow:
            parts = store.parts(uow, online.runtime.vault, found.id)
            return parts, store.versions(uow, found.id)
    except Erased:
        raise SeeOther(f"{RESUME}?why=closed") from None


def render(
    online: OnlineApplications,
    request: Request,
    template: str,
    found: Application | None,
    step: str = "",
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    **more: Any,
) -> Response:
    """A page of the application, with its code for whoever has it open."""
    code = online.applying.accesses.code(found.id, found.access) if found is not None else ""
    return online.runtime.pages.render(
        request,
        f"applications/{template}",
        mistakes=mistakes,
        typed=typed,
        application=found,
        code=code,
        step=step,
        steps=STEPS,
        step_labels=LABELS,
        by_mail=online.contacts.by_mail,
        **more,
    )
