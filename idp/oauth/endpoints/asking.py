"""What services ask a person elsewhere: the service's door, and the person's pages — CIBA Core 1.0
§7, §8."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from foundation.pages import N_
from idp.oauth import backchannel_requests
from idp.oauth.authorization_server import OAuth
from idp.oauth.endpoints.token import NO_STORE
from idp.oauth.errors import InvalidRequest

HERE = "/account/services/asking"


def ask(oauth: OAuth, request: Request) -> Response:
    """What a service sends, and the identifier that it gets (§7.1, §7.3)."""
    asked = oauth.backchannel.ask(request, web.form(request, error=InvalidRequest))
    body = {
        "auth_req_id": asked.auth_req_id,
        "expires_in": asked.expires_in,
        "interval": int(backchannel_requests.INTERVAL.total_seconds()),
    }
    return JSONResponse(body, headers=NO_STORE)


def listing(oauth: OAuth, request: Request) -> Response:
    """What waits for the person who is there."""
    person_id = _citizen(request)
    shown = [_shown(oauth, request, one) for one in oauth.backchannel.waiting(person_id)]
    done = request.query_params.get("done", "")
    return oauth.runtime.pages.render(
        request, "oauth/asking.html", leads_back=True, asking=shown, done=done
    )


def answer(oauth: OAuth, request: Request) -> Response:
    """On to the question, or no at once."""
    person_id, form = _citizen(request), web.form(request)
    web.check_csrf(request, form)
    id_, choice = form.required("request"), form.required("answer")
    if choice == "look":
        place = oauth.backchannel.look(request, person_id, id_)
        return oauth.responses.response(request, place)
    if choice != "refuse":
        raise BadRequest(N_("The answer must be look or refuse."), where="answer")
    oauth.backchannel.refuse(person_id, id_)
    return RedirectResponse(f"{HERE}?done=refused", 303)


def done(oauth: OAuth, request: Request) -> Response:
    """The end of the way in the browser: the rest happens at the service."""
    said = "refused" if "error" in request.query_params else "allowed"
    return RedirectResponse(f"{HERE}?done={said}", 303)


def _shown(oauth: OAuth, request: Request, one: Any) -> dict[str, Any]:
    client = oauth.clients.find(one.client_id, oauth.runtime.clock.now())
    return {
        "id": one.id,
        "service": one.client_id if client is None else client.name,
        "message": one.binding_message,
        "since": one.issued_at,
        "until": one.expires_at,
    }


def _citizen(request: Request) -> str:
    return web.require(request, kind="citizen").id
