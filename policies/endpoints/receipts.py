"""A person's own receipt: signed, for programs, and as a page to read and print — TS 27560."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.pages import Translator
from policies.consent import Consent
from policies.policies import Policies


def receipt(policies: Policies, request: Request) -> Response:
    """The signed receipt as it stands (JWT)."""
    consent = _own(policies, request)
    return Response(
        policies.receipt(consent.id, consent.person_id),
        media_type="application/jwt",
        headers={
            "Content-Disposition": f'attachment; filename="receipt-{consent.id}.jwt"',
            "Cache-Control": "no-store",
        },
    )


def receipt_page(policies: Policies, request: Request) -> Response:
    """The same receipt for people: to read, to print, to keep beside the signed file."""
    consent = _own(policies, request)
    said = policies.verify_receipt(policies.receipt(consent.id, consent.person_id))
    pages = policies.runtime.pages
    return pages.render(
        request,
        "policies/receipt.html",
        shown=shown(policies, consent, pages.translator(request)),
        controller=said["party_identification"][0],
        service=consent.service,
        number=said["header"]["record_id"],
        issuer=said["iss"],
        country=said["processing"]["jurisdiction"],
    )


def shown(policies: Policies, consent: Consent, translate: Translator) -> dict[str, Any]:
    """A consent beside its purpose and attributes in the reader's words."""
    known = policies.catalogue
    return {
        "consent": consent,
        "purpose": translate(known.sentence(consent.purpose)),
        "attributes": [translate(known.label(name)) for name in consent.attributes],
        "refused": [translate(known.label(name)) for name in consent.refused],
    }


def _own(policies: Policies, request: Request) -> Consent:
    person_id = web.require(request, kind="citizen").id
    return policies.consent.get(request.path_params["consent_id"], person_id)
