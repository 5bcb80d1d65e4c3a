"""A broker's report to its regulator on how sign-ins end — our own, beside OpenID Federation."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import Unauthorized
from foundation.marking import N_
from idp.federation import completion
from idp.federation.federation import Federation
from idp.federation.jws import Invalid


def tell(federation: Federation, request: Request) -> Response:
    """For a pinned anchor alone: nobody else learns how often a provider is used."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise Invalid(N_("The request has no proof of who asks."))
        body = federation.completion_report(token)
    except Invalid as reason:
        raise Unauthorized(
            reason.args[0], next_step="Ask with a request that your federation key signed."
        ) from None
    return Response(body, media_type=completion.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def page(federation: Federation, request: Request) -> Response:
    """The regulator's view over all brokers."""
    web.require(request, kind="staff", role="regulator")
    names = {e.entity_id: e.organization for e in federation.accreditation.entities()}
    return federation.runtime.pages.render(
        request,
        "federation/completion.html",
        reports=federation.completions(),
        names=names,
        step=completion.STEP,
    )
