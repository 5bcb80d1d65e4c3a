"""The regulator's console: applications, levels, suspensions, history."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest, NotFound
from foundation.pages import N_, Mistakes, Question, ask_first
from idp.federation.accreditation import LEVELS, OPENID_PROVIDER, Accreditation, needs_reason
from idp.federation.federation import Federation
from idp.federation.store import Entity

ROLE = "regulator"
WITHDRAW = Question(
    N_("Withdraw this accreditation?"),
    (
        N_("Nobody can sign in with it any more, and its trust marks are revoked."),
        N_("It leaves the public register as withdrawn. To come back, it applies anew."),
    ),
    N_("Yes, withdraw it"),
)


def overview(federation: Federation, request: Request) -> Response:
    """Every entity that applied, and the form for a new application."""
    web.require(request, kind="staff", role=ROLE)
    return _overview(federation, request)


def _overview(
    federation: Federation,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
) -> Response:
    return federation.runtime.pages.render(
        request,
        "federation/overview.html",
        mistakes=mistakes,
        typed=typed,
        entities=federation.accreditation.entities(),
        authority=federation.entity_id,
    )


def apply(federation: Federation, request: Request) -> Response:
    """Add an application by its entity identifier."""
    officer = web.require(request, kind="staff", role=ROLE)
    form = web.form(request)
    web.check_csrf(request, form)
    mistakes = Mistakes()
    with mistakes.noting("entity_id"):
        entity = federation.accreditation.apply(form.get("entity_id", "").strip(), officer.id)
        return RedirectResponse(f"/regulator/entities/{entity.id}", 303)
    return _overview(federation, request, mistakes, form)


def entity(federation: Federation, request: Request) -> Response:
    """One entity: its state, what may be done, its history."""
    web.require(request, kind="staff", role=ROLE)
    return _entity(federation, request)


def _entity(
    federation: Federation,
    request: Request,
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    doing: str = "",
) -> Response:
    found = federation.accreditation.entity_by_reference(request.path_params["reference"])
    return federation.runtime.pages.render(
        request,
        "federation/entity.html",
        mistakes=mistakes,
        typed=typed,
        doing=doing,
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
    name, mistakes = request.path_params["act"], Mistakes()
    doing = _ACTS.get(name)
    if doing is None:
        raise NotFound("There is no such act.")
    with mistakes.noting(reason=f"{name}-reason", level="level"):
        if name == "withdraw":
            needs_reason(form.get("reason", ""))
            asked = ask_first(
                federation.runtime.pages,
                request,
                form,
                WITHDRAW,
                version=f"{found.state} {found.level} {found.changed_at}",
                back=f"/regulator/entities/{found.id}",
                about=found.organization,
            )
            if asked is not None:
                return asked
        doing(federation.accreditation, found, form, officer.id)
        return RedirectResponse(f"/regulator/entities/{found.id}", 303)
    return _entity(federation, request, mistakes, form, name)


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
