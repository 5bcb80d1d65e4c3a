"""The operator's pages: the list, one device, the form that registers one — WCAG 2.2 AA."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from device_registry.device_life import ASKED, DeviceLife
from device_registry.endpoints.calling import (
    identifier_of,
    label_of,
    operator,
    owner_of,
    posted,
    reason_of,
)
from device_registry.endpoints.questions import QUESTIONS
from device_registry.identifiers import SCHEMES
from device_registry.life import MAY_ENROL, State, possible
from device_registry.registration import Registered
from foundation import web
from foundation.errors import BadRequest
from foundation.pages import Mistakes, ask_first

PAGE = 50


def list_page(life: DeviceLife, request: Request) -> Response:
    """Devices, newest first."""
    operator(request)
    after = web.query(request).get("after")
    found = life.devices.page(after, PAGE)
    now = life.devices.runtime.clock.now()
    return life.devices.runtime.pages.render(
        request,
        "device_registry/list.html",
        devices=found,
        came_back=life.devices.came_back(now) if after is None else [],
        after=found[-1].id if len(found) == PAGE else None,
    )


def form_page(life: DeviceLife, request: Request) -> Response:
    """The empty form."""
    operator(request)
    return _form(life, request)


def register(life: DeviceLife, request: Request) -> Response:
    """Register what the form says, and show the token, once."""
    actor, form = posted(request)
    mistakes, names = Mistakes(), []
    with mistakes.noting("label"):
        label = label_of(form.get("label", ""))
    with mistakes.noting("owner"):
        owner = owner_of(form.get("owner_kind", ""), form.get("owner", ""))
    with mistakes.noting("identifier"):
        if form.get("identifier", "").strip():
            names = [identifier_of(form.get("scheme", ""), form["identifier"])]
    if not mistakes:
        now, kind = life.devices.runtime.clock.now(), form.get("profile", "device")
        with mistakes.noting(profile="profile", identifiers="identifier"):
            return _token(
                life, request, life.devices.register(label, owner, names, actor, now, kind)
            )
    return _form(life, request, mistakes, form)


def detail_page(life: DeviceLife, request: Request) -> Response:
    """One device: what it is, its certificates, its history, and what can be done now."""
    operator(request)
    return _detail(life, request)


def _detail(
    life: DeviceLife,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    device = life.devices.get(_id(request))
    return life.devices.runtime.pages.render(
        request,
        "device_registry/detail.html",
        mistakes=mistakes,
        typed=typed,
        device=device,
        credentials=life.devices.credentials(device.id),
        history=life.devices.history(device.id),
        acts=[act for act in possible(device.state) if act in ASKED],
        kind=life.devices.authority.profiles[device.profile],
        waits=life.devices.waits(device),
        may_enrol=device.state in MAY_ENROL,
        to_be_claimed=device.state is State.TRANSFERRED,
    )


def act(life: DeviceLife, request: Request) -> Response:
    """Take the step that the pressed button names."""
    actor, form = posted(request)
    wanted = form.required("act")
    if wanted not in ASKED:
        raise BadRequest("There is no such act.", where="act", next_step="Use the page's buttons.")
    device_id = _id(request)
    now = life.devices.runtime.clock.now()
    mistakes = Mistakes()
    with mistakes.noting(reason="reason"):
        reason = reason_of(form.get("reason", ""))
        if wanted in QUESTIONS:
            seen = life.foresee(wanted, device_id)
            asked = ask_first(
                life.devices.runtime.pages,
                request,
                form,
                QUESTIONS[wanted],
                version=f"{seen.device.changed_at} {seen.device.state} {seen.certificates}",
                back=f"/devices/{device_id}",
                about=seen.device.label or device_id,
            )
            if asked is not None:
                return asked
        life.act(wanted, device_id, actor, reason, now)
        return RedirectResponse(f"/devices/{device_id}", 303)
    return _detail(life, request, mistakes, form)


def new_token(life: DeviceLife, request: Request) -> Response:
    """Make another token and show it, once."""
    actor, _ = posted(request)
    now = life.devices.runtime.clock.now()
    return _token(life, request, life.devices.new_token(_id(request), actor, now))


def claim(life: DeviceLife, request: Request) -> Response:
    """Give a transferred device its new owner, and show its token, once."""
    actor, form = posted(request)
    now, mistakes = life.devices.runtime.clock.now(), Mistakes()
    with mistakes.noting("owner", state=""):
        owner = owner_of(form.get("owner_kind", ""), form.get("owner", ""))
        return _token(life, request, life.devices.claim(_id(request), owner, actor, now))
    return _detail(life, request, mistakes, form)


def approve(life: DeviceLife, request: Request) -> Response:
    """Say yes to a first certificate of a device that waits for it."""
    actor, form = posted(request)
    device_id, now, mistakes = _id(request), life.devices.runtime.clock.now(), Mistakes()
    with mistakes.noting(reason="checked"):
        life.devices.approve(device_id, actor, reason_of(form.get("checked", "")), now)
        return RedirectResponse(f"/devices/{device_id}", 303)
    return _detail(life, request, mistakes, form)


def _id(request: Request) -> str:
    found: str = request.path_params["device_id"]
    return found[:32]


def _form(
    life: DeviceLife,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    return life.devices.runtime.pages.render(
        request,
        "device_registry/register.html",
        mistakes=mistakes,
        typed=typed,
        schemes=[(one.name, f"{one.name} – {one.example}") for one in SCHEMES.values()],
        kinds=[life.devices.authority.profiles[name] for name in life.devices.kinds],
    )


def _token(life: DeviceLife, request: Request, registered: Registered) -> Response:
    return life.devices.runtime.pages.render(
        request,
        "device_registry/token.html",
        status=201,
        device=registered.device,
        token=registered.token,
        expires_at=registered.expires_at,
    )
