"""The end of the session at the broker."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.pages import errand_of
from idp.broker.broker import Broker

DONE = "/signed-out"


def sign_out(broker: Broker, request: Request) -> Response:
    """End it, and everything at services that rests on it."""
    form = web.form(request)
    web.check_csrf(request, form)
    left = errand_of(form.get("return_to"))
    done = f"{DONE}?{urlencode({'return_to': left})}" if left else DONE
    done = web.after_sign_out(request, done)
    response = RedirectResponse(done, 303, headers={"Cache-Control": "no-store"})
    broker.sign_out(request, response)
    return response


def signed_out(broker: Broker, request: Request) -> Response:
    """The page after it; with the way back to the service that somebody was on to."""
    way_back = request.scope["civitas"].way_back(request, None)
    return broker.runtime.pages.render(
        request,
        "broker/signed_out.html",
        way_back=way_back,
        frames=request.scope["civitas"].frames(request),
    )
