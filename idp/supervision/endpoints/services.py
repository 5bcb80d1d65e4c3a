"""Services: suspend, resume, rotate the secret, end what they were given — RFC 9700 §4.14."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest, NotFound
from foundation.marking import N_
from foundation.pages import Mistakes
from idp.developers import Owned, chart_of
from idp.oauth import Client, relaxations_of
from idp.register import checked_reason
from idp.supervision.supervision import Supervision

ACTS = ("suspend", "resume", "stop", "rotate", "approve", "refuse")
STATES = ("active", "suspended", "test", "asked", "production", "self")
DAYS = 14
MOST_SHOWN = 100
OVERLAPS = {hours: timedelta(hours=int(hours)) for hours in ("0", "1", "24", "168")}


def services(supervision: Supervision, request: Request) -> Response:
    """Those registered here, and those of others that were suspended. `q` looks for a part of a
    name, an identifier or an address; `state` for a state."""
    supervision.operator(request)
    tokens, asked = supervision.parts.require_tokens(), web.query(request)
    q, state = asked.get("q", "").strip()[:200], asked.get("state", "")
    everybody, owned = tokens.clients.list(), _owned(supervision)
    found = [one for one in everybody if _fits(one, owned.get(one.id), q.lower(), state)]
    shown = found[:MOST_SHOWN]
    counted = tokens.watching.days_of_all([one.id for one in shown], DAYS)
    return supervision.runtime.pages.render(
        request,
        "supervision/services.html",
        clients=[(one, owned.get(one.id), chart_of(counted[one.id])) for one in shown],
        counts={name: _count(everybody, owned, name) for name in STATES},
        found=len(found),
        most=MOST_SHOWN,
        q=q,
        state=state,
        developers=supervision.parts.developers is not None,
        waiting=[one for one in everybody if _fits(one, owned.get(one.id), "", "asked")],
        elsewhere=tokens.clients.suspended_elsewhere(),
        done=asked.get("done", ""),
    )


def _owned(supervision: Supervision) -> Mapping[str, Owned]:
    developers = supervision.parts.developers
    return {} if developers is None else developers.everybodys()


def _fits(client: Client, owned: Owned | None, q: str, state: str) -> bool:
    places = (client.name, client.calls_itself or "", client.id, *client.redirect_uris)
    if q and not any(q in place.lower() for place in places):
        return False
    if state in ("active", "suspended"):
        return client.active == (state == "active")
    if state == "self":
        return client.registered_itself
    if state == "production":
        return not client.test_only
    if state == "test":
        return client.test_only
    return not state or (owned is not None and owned.state == state)


def _count(clients: Sequence[Client], owned: Mapping[str, Owned], state: str) -> int:
    return sum(_fits(one, owned.get(one.id), "", state) for one in clients)


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
        elif doing == "approve":
            supervision.require_developers().approve(client_id, checked_reason(reason), by)
        elif doing == "refuse":
            supervision.require_developers().refuse(client_id, checked_reason(reason), by)
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
    watching = supervision.parts.require_tokens().watching
    developers = supervision.parts.developers
    owned = None if developers is None else developers.owned(client_id)
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
        owned=owned,
        owner=_name(supervision, owned),
        chart=chart_of(watching.days_of(client_id, DAYS)),
        refusals=watching.refusals_of(client_id),
        done=request.query_params.get("done", ""),
    )


def _name(supervision: Supervision, owned: Owned | None) -> str:
    """A member of staff by their name; a citizen by what operators know them by."""
    if owned is None:
        return ""
    register = supervision.parts.register
    name = register.staff.name_of(owned.owner.id) if register is not None else None
    return name or owned.owner.id
