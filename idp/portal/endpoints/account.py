"""The account: where one stands, one's data, one's devices — GDPR art. 15, 20."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from idp.oauth import service_as_json
from idp.portal import ledger
from idp.portal.endpoints.consents import as_json as consent_as_json
from idp.portal.endpoints.credentials import recovery_of, told
from idp.portal.portal import REVIEW, Portal

RECENT = timedelta(days=30)


def overview(portal: Portal, request: Request) -> Response:
    """Identity, level, and the newest entries of the ledger; first of all the question that a
    change of how one signs in leaves open."""
    person_id = portal.citizen(request)
    if portal.acting.to_review(person_id):
        return RedirectResponse(REVIEW, 303)
    now = portal.runtime.clock.now()
    with portal.runtime.database.read() as uow:
        person = portal.register.person(uow, person_id)
        profile = portal.register.profile(uow, person_id)
    consents = portal.policies.consent.list(person_id)
    teller = ledger.Teller(portal, person_id, portal.runtime.pages.translator(request))
    return portal.runtime.pages.render(
        request,
        "portal/account.html",
        person=person,
        profile=profile,
        sign_in_name=portal.sign_in_name(person_id),
        session=portal.login.session(request),
        active=sum(1 for c in consents if c.active_at(now)),
        services=len(portal.acting.of(person_id)),
        credentials=len(portal.login.management.list(portal.session(request).subject)),
        entries=[teller.tell(e) for e in portal.runtime.audit.ledger(person_id, limit=5)],
        numbered=portal.register.numbers.used,
        told=told(portal, request),
        recovery=recovery_of(portal, portal.session(request)),
    )


def data(portal: Portal, request: Request) -> Response:
    """Everything that is kept of the person, as one JSON file (GDPR art. 20)."""
    person_id = portal.citizen(request)
    with portal.runtime.database.read() as uow:
        person = portal.register.person(uow, person_id)
        profile = portal.register.profile(uow, person_id)
    wanted = portal.policies.catalogue.attributes
    content: dict[str, Any] = {
        "exported_at": portal.runtime.clock.now().isoformat(),
        "identity": {
            "state": person.state if person else None,
            "level": person.level if person else None,
            "enrolled_at": person.enrolled_at.isoformat() if person else None,
            "civil_number": profile.civil_number,
            # As the register has it: the claim leaves out what has no form there.
            "birthdate": profile.birthdate.isoformat(),
            "municipality_code": profile.municipality_code or None,
            "sign_in_name": portal.sign_in_name(person_id),
        },
        "claims": dict(portal.register.known(person_id).claims(tuple(wanted))),
        "consents": [consent_as_json(c) for c in portal.policies.consent.list(person_id)],
        "services": [service_as_json(s) for s in portal.acting.of(person_id)],
        "credentials": [
            {"kind": c.kind, "label": c.label, "created_at": c.created_at.isoformat()}
            for c in portal.login.management.list(portal.session(request).subject)
        ],
        "devices": [{"id": d.id, "label": d.label} for d in portal.devices(person_id)],
        "ledger": [ledger.as_json(e) for e in ledger.whole(portal, person_id)],
    }
    return download(content, "my-data.json")


def ledger_page(portal: Portal, request: Request) -> Response:
    """The ledger, a page at a time."""
    person_id = portal.citizen(request)
    before = request.query_params.get("before")
    entries = portal.runtime.audit.ledger(person_id, before, ledger.PAGE + 1)
    teller = ledger.Teller(portal, person_id, portal.runtime.pages.translator(request))
    return portal.runtime.pages.render(
        request,
        "portal/ledger.html",
        entries=[teller.tell(e) for e in entries[: ledger.PAGE]],
        older=entries[ledger.PAGE - 1].event_id if len(entries) > ledger.PAGE else None,
    )


def ledger_file(portal: Portal, request: Request) -> Response:
    """The whole ledger, with what an outsider needs to find each entry in the audit tree."""
    person_id = portal.citizen(request)
    entries = [ledger.as_json(e) for e in ledger.whole(portal, person_id)]
    return download({"log": portal.runtime.audit.tree.origin, "entries": entries}, "ledger.json")


def devices(portal: Portal, request: Request) -> Response:
    """The devices that are the citizen's own."""
    person_id = portal.citizen(request)
    return portal.runtime.pages.render(
        request, "portal/devices.html", devices=portal.devices(person_id)
    )


def download(content: dict[str, Any], name: str) -> Response:
    return JSONResponse(
        content,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )
