"""The regulator's console: applications, levels, suspensions, history."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest, NotFound
from idp.federation.accreditation import LEVELS, OPENID_PROVIDER, Accreditation
from idp.federation.store import Entity
from idp.federation.wing import Federation

ROLE = "regulator"


def overview(federation: Federation, request: Request) -> Response:
    """Every entity that applied, and the form for a new application."""
    web.require(request, kind="staff", role=ROLE)
    return federation.ground.pages.render(
        request,
        "federation/overview.html",
        entities=federation.accreditation.entities(),
        authority=federation.entity_id,
    )


def apply(federation: Federation, request: Request) -> Response:
    """Add an application by its entity identifier."""
    officer = web.require(request, kind="staff", role=ROLE)
    form = web.form(request)
    web.check_csrf(request, form)
    entity = federation.accreditation.apply(form.required("entity_id").strip(), officer.id)
    return RedirectResponse(f"/regulator/entities/{entity.id}", 303)


def entity(federation: Federation, request: Request) -> Response:
    """One entity: its state, what may be done, its history."""
    web.require(request, kind="staff", role=ROLE)
    found = federation.accreditation.entity_by_reference(request.path_params["reference"])
    return federation.ground.pages.render(
        request,
        "federation/entity.html",
        entity=found,
        history=federation.accreditation.history(found),
        levels=LEVELS,
        needs_level=OPENID_PROVIDER in found.entity_types,
        key_ids=[str(key.get("kid")) for key in found.keys],
    )


def act(federation: Federation, request: Request) -> Response:
    """One act about an entity: accredit, suspend, reinstate or withdraw."""
    officer = web.require(request, kind="staff", role=ROLE)
    form = web.form(request)
    web.check_csrf(request, form)
    found = federation.accreditation.entity_by_reference(request.path_params["reference"])
    doing = _ACTS.get(request.path_params["act"])
    if doing is None:
        raise NotFound("There is no such act.")
    doing(federation.accreditation, found, form, officer.id)
    return RedirectResponse(f"/regulator/entities/{found.id}", 303)


def _accredit(accreditation: Accreditation, entity: Entity, form: web.Form, by: str) -> None:
    written = form.get("level", "")
    if written not in ("", *(str(level) for level in LEVELS)):
        raise BadRequest("The level is one of 1, 2, 3 and 4.", where="level")
    level = int(written) if written else None
    accreditation.accredit(entity.entity_id, level, by, form.get("reason", ""))


_ACTS: dict[str, Callable[[Accreditation, Entity, web.Form, str], object]] = {
    "accredit": _accredit,
    "suspend": lambda a, e, form, by: a.suspend(e.entity_id, by, form.get("reason", "")),
    "reinstate": lambda a, e, form, by: a.reinstate(e.entity_id, by, form.get("reason", "")),
    "withdraw": lambda a, e, form, by: a.withdraw(e.entity_id, by, form.get("reason", "")),
}
