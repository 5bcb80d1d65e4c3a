"""Sign-in for the broker's own pages: the same choice as for a service."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from idp.broker.broker import Broker
from idp.broker.wish import is_local
from idp.login import GoTo, Requirement


def sign_in(broker: Broker, request: Request) -> Response:
    """Go to the choice, or on when the person is here already."""
    return_to = web.query(request).get("return_to", "/account")
    if not is_local(return_to):
        raise BadRequest("The return path must be one of ours.", where="return_to")
    answer = broker.who(request, Requirement(level=1, return_to=return_to))
    where = answer.url if isinstance(answer, GoTo) else return_to
    return RedirectResponse(where, 303, headers={"Cache-Control": "no-store"})
