"""The end of the session at the broker."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from idp.broker.wing import Broker


def sign_out(broker: Broker, request: Request) -> Response:
    """End it, and everything at services that rests on it."""
    web.check_csrf(request, web.form(request))
    response = RedirectResponse("/", 303, headers={"Cache-Control": "no-store"})
    broker.sign_out(request, response)
    return response
