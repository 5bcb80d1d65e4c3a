"""The answer of a provider, at a redirect URI of its own — OIDC Core §3.1.2.5, RFC 9207."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from idp.broker.endpoints import choose
from idp.broker.signing_in import SignInFailed
from idp.broker.wing import SESSION, Broker


def callback(broker: Broker, request: Request) -> Response:
    """Go on where the service's request waits; on a failure say why and offer the others."""
    answer = web.query(request)
    try:
        signed_in = broker.signing_in.finish(
            request.path_params["provider"], answer, web.browser_id(request)
        )
    except SignInFailed as failure:
        return choose.page(broker, request, failure.wish, failure)
    broker.make_way(request, signed_in.person_id)
    response = RedirectResponse(signed_in.return_to, 303, headers={"Cache-Control": "no-store"})
    web.set_cookie(response, request, SESSION, signed_in.cookie)
    return response
