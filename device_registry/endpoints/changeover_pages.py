"""The operator's page of change-overs: plan, run, watch, undo — WCAG 2.2 AA."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from device_registry.changeover import ACTS
from device_registry.changeover_picture import draw
from device_registry.device_life import DeviceLife
from device_registry.endpoints.calling import operator, posted
from device_registry.endpoints.questions import UNDO
from foundation import web
from foundation.errors import BadRequest, Unprocessable
from foundation.marking import N_
from foundation.pages import Mistakes, ask_first

PATH = "/devices/change-overs"
SHOWN = 20
LONGEST = 3650


def list_page(life: DeviceLife, request: Request) -> Response:
    """The newest change-overs, each with its picture, and the form that plans one."""
    operator(request)
    return _page(life, request)


def plan(life: DeviceLife, request: Request) -> Response:
    """Plan one; nothing happens until it is run."""
    actor, form = posted(request)
    now, mistakes = life.devices.runtime.clock.now(), Mistakes()
    with mistakes.noting("in_days"):
        starts = now + timedelta(days=_days(form.get("in_days", ""), "in_days"))
    with mistakes.noting("days"):
        takes = timedelta(days=_days(form.get("days", ""), "days"))
    if not mistakes:
        with mistakes.noting("to"):
            life.devices.change_overs.plan(
                form.get("to", ""), starts, starts + takes, actor, now, form.get("from", "device")
            )
            return RedirectResponse(PATH, 303)
    return _page(life, request, mistakes, form)


def act(life: DeviceLife, request: Request) -> Response:
    """Run, pause, finish or undo, as the pressed button says."""
    actor, form = posted(request)
    wanted = form.required("act")
    if wanted not in ACTS:
        raise BadRequest("There is no such act.", where="act", next_step="Use the page's buttons.")
    change_over: str = request.path_params["change_over_id"]
    now, mistakes = life.devices.runtime.clock.now(), Mistakes()
    with mistakes.noting():  # the page was old: it is shown as it is now
        found = life.devices.change_overs.get(change_over[:32])
        if wanted == "undo" and found.state.value in ACTS["undo"][0]:
            asked = ask_first(
                life.devices.runtime.pages,
                request,
                form,
                UNDO,
                version=found.state.value,
                back=PATH,
                about=f"{found.from_profile} → {found.to_profile}",
            )
            if asked is not None:
                return asked
        life.devices.change_overs.act(change_over[:32], wanted, actor, now)
        return RedirectResponse(PATH, 303)
    return _page(life, request, mistakes)


def _page(
    life: DeviceLife,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    change_overs, now = life.devices.change_overs, life.devices.runtime.clock.now()
    return life.devices.runtime.pages.render(
        request,
        "device_registry/change_overs.html",
        mistakes=mistakes,
        typed=typed,
        kinds=[(kind, kind) for kind in change_overs.kinds],
        drawn=[draw(change_overs.progress(one, now), now) for one in change_overs.all(SHOWN)],
    )


def _days(written: str, field: str) -> int:
    short = written.isascii() and written.isdigit() and len(written) <= 4
    if not short or int(written) > LONGEST:
        raise Unprocessable(
            N_("A number of days lies between 0 and %(longest)s.", longest=LONGEST),
            where=field,
            next_step="Write digits only, such as 30.",
        )
    return int(written)
