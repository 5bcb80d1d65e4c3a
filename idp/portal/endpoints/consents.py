"""Consents: what, to whom, since when; withdraw — GDPR art. 7(3)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.portal.portal import Portal
from policies import Consent, consent_shown


def listing(portal: Portal, request: Request) -> Response:
    """All answers, those in force first."""
    person_id = portal.citizen(request)
    now = portal.runtime.clock.now()
    consents = portal.policies.consent.list(person_id)
    return portal.runtime.pages.render(
        request,
        "portal/consents.html",
        active=[_shown(portal, request, c) for c in consents if c.active_at(now)],
        ended=[_shown(portal, request, c) for c in consents if not c.active_at(now)],
    )


def one(portal: Portal, request: Request) -> Response:
    """One consent with the notice that was shown, and the button that withdraws it."""
    consent = _own(portal, request)
    return portal.runtime.pages.render(
        request,
        "portal/consent.html",
        shown=_shown(portal, request, consent),
        in_force=consent.active_at(portal.runtime.clock.now()),
        done=request.query_params.get("done") == "withdrawn",
    )


def withdraw(portal: Portal, request: Request) -> Response:
    """End it now, and everything that rests on it."""
    person_id, form = portal.posted(request)
    consent_id = request.path_params["consent_id"]
    portal.withdrawal.withdraw(consent_id, person_id, form.get("reason", ""))
    return RedirectResponse(f"/account/consents/{consent_id}?done=withdrawn", 303)


def as_json(consent: Consent) -> dict[str, Any]:
    """A consent for a program of its owner: no identifier of the person."""
    return {
        "id": consent.id,
        "service": consent.service,
        "service_name": consent.service_name,
        "purpose": consent.purpose,
        "attributes": list(consent.attributes),
        "refused": list(consent.refused),
        "state": consent.state,
        "given_at": consent.given_at.isoformat(),
        "not_after": consent.not_after.isoformat(),
        "ended_at": consent.ended_at.isoformat() if consent.ended_at else None,
        "retention_days": consent.retention_days,
        "notice": {
            "version": consent.notice_version,
            "language": consent.notice_language,
            "text": consent.notice.text if consent.notice else None,
        },
    }


def _own(portal: Portal, request: Request) -> Consent:
    person_id = portal.citizen(request)
    return portal.policies.consent.get(request.path_params["consent_id"], person_id)


def _shown(portal: Portal, request: Request, consent: Consent) -> dict[str, Any]:
    return consent_shown(portal.policies, consent, portal.runtime.pages.translator(request))
