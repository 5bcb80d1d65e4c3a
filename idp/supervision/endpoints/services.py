"""Services: suspend, resume, rotate the secret, end what they were given — RFC 9700 §4.14."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest, NotFound
from foundation.marking import N_
from foundation.pages import Mistakes
from idp.oauth import relaxations_of
from idp.supervision.supervision import Supervision

ACTS = ("suspend", "resume", "stop", "rotate")
OVERLAPS = {hours: timedelta(hours=int(hours)) for hours in ("0", "1", "24", "168")}


def services(supervision: Supervision, request: Request) -> Response:
    """Those registered here, and those of others that were suspended."""
    supervision.operator(request)
    clients = supervision.parts.require_tokens().clients
    return supervision.runtime.pages.render(
        request,
        "supervision/services.html",
        clients=clients.list(),
        elsewhere=clients.suspended_elsewhere(),
        done=request.query_params.get("done", ""),
    )


def service(supervision: Supervision, request: Request) -> Response:
    """One service; its identifier may be an address, so it is a parameter."""
    return page(supervision, request, web.query(request).get("client_id", ""))


def act(supervision: Supervision, request: Request) -> Response:
    """One act about a service. A new secret is shown this once."""
    by, form = supervision.posted(request)
    incidents, doing = supervision.incidents, request.path_params["act"]
    client_id, reason = form.required("client_id").strip(), form.get("reason", "")
    mistakes = Mistakes()
    if doing not in ACTS:
        raise NotFound("There is no such act.")
    with mistakes.noting(reason=f"{doing}-reason", overlap="overlap"):
        if doing == "suspend":
            incidents.suspend_client(client_id, reason, by)
        elif doing == "resume":
            incidents.resume_client(client_id, reason, by)
        elif doing == "stop":
            incidents.stop_client(client_id, reason, by)
        else:
            overlap = OVERLAPS.get(form.get("overlap", ""))
            if overlap is None:
                raise BadRequest("Choose how long the old secret works.", where="overlap")
            secret = incidents.rotate_secret(client_id, reason, by, overlap)
            return page(supervision, request, client_id, secret)
    if mistakes:
        return page(supervision, request, client_id, "", mistakes, form, doing)
    query = urlencode({"client_id": client_id, "done": doing})
    return RedirectResponse(f"/services/one?{query}", 303)


def page(
    supervision: Supervision,
    request: Request,
    client_id: str,
    secret: str = "",
    mistakes: Mistakes | None = None,
    typed: web.Form | None = None,
    doing: str = "",
) -> Response:
    """The page of one service; `doing`: which of its forms was sent and came back."""
    supervision.operator(request)
    now = supervision.runtime.clock.now()
    found = supervision.parts.require_tokens().clients.find(client_id, now)
    if found is None or found.kind == "device" or found.removed:
        raise NotFound(
            N_("There is no client %(client_id)s.", client_id=client_id), where="client_id"
        )
    until = found.previous_secret_until
    return supervision.runtime.pages.render(
        request,
        "supervision/service.html",
        mistakes=mistakes,
        typed=typed,
        doing=doing,
        client=found,
        ours=found.kind == "service",
        relaxations=relaxations_of(found),
        has_secret=found.token_endpoint_auth_method.startswith("client_secret_"),
        old_until=until if until is not None and until > now else None,
        secret=secret,
        done=request.query_params.get("done", ""),
    )
