"""Their services: the list, one's page with why its requests fail, its secret, its end."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from foundation.marking import N_
from foundation.pages import Mistakes, Question, ask_first
from foundation.settings import Server
from idp.developers import metadata
from idp.developers.chart import chart_of
from idp.developers.developers import Developers, Mine
from idp.developers.service import ASKED, PRODUCTION, TEST
from idp.oauth import Kit, Snippet, known_kits

OVERLAPS = {hours: timedelta(hours=int(hours)) for hours in ("0", "1", "24", "168")}
DAYS = 14
PLACEHOLDER = "<the client_secret that you were shown>"
REMOVE = Question(
    N_("Remove this service?"),
    (
        N_("Nobody signs in at it any more, from now on."),
        N_("It cannot be brought back; you may register a new one."),
    ),
    N_("Yes, remove it"),
)


def listing(developers: Developers, request: Request) -> Response:
    """All of theirs; `q` looks for a part of a name or identifier, `state` for a state."""
    owner = developers.developer(request)
    asked = web.query(request)
    q, state = asked.get("q", "").strip()[:100], asked.get("state", "")
    mine = developers.services_of(owner)
    shown = [one for one in mine if _fits(one, q.lower(), state)]
    ids = [one.client.id for one in shown]
    counted = developers.tokens.watching.days_of_all(ids, DAYS)
    return developers.runtime.pages.render(
        request,
        "developers/services.html",
        services=[(one, chart_of(counted[one.client.id])) for one in shown],
        there_are=len(mine),
        q=q,
        state=state,
        done=asked.get("done", ""),
    )


def one(developers: Developers, request: Request) -> Response:
    """One of theirs; `example` shows it for another program."""
    owner = developers.developer(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    return page(developers, request, mine)


def secret(developers: Developers, request: Request) -> Response:
    """A new secret, shown this once."""
    owner, form = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    overlap = OVERLAPS.get(form.get("overlap", ""))
    if overlap is None:
        raise BadRequest(N_("Choose how long the old secret works."), where="overlap")
    value = developers.rotate(owner, mine.client.id, overlap)
    return page(developers, request, developers.service_of(owner, mine.client.id), secret=value)


def remove(developers: Developers, request: Request) -> Response:
    """A test service, after the page that says what follows."""
    owner, form = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    asked = ask_first(
        developers.runtime.pages,
        request,
        form,
        REMOVE,
        version=f"{mine.client.id} {mine.owned.state}",
        back=here(mine),
        about=mine.client.name,
    )
    if asked is not None:
        return asked
    developers.remove(owner, mine.client.id)
    return RedirectResponse("/developers?done=remove", 303)


def page(
    developers: Developers,
    request: Request,
    mine: Mine,
    *,
    secret: str | None = None,
    made: bool = False,
    mistakes: Mistakes | None = None,
) -> Response:
    """The page of one service; `made`: it was registered just now."""
    now, client = developers.runtime.clock.now(), mine.client
    watching, pages = developers.tokens.watching, developers.runtime.pages
    confidential = client.token_endpoint_auth_method.startswith("client_secret_")
    kits = metadata.kits(developers.settings)
    chosen = _example(developers, request, mine)
    until = client.previous_secret_until
    return pages.render(
        request,
        "developers/service.html",
        mistakes=mistakes,
        client=client,
        owned=mine.owned,
        issuer=developers.runtime.settings.of(Server).url,
        redirect_uris=own_uris(developers, client.redirect_uris),
        confidential=confidential,
        secret=secret,
        made=made,
        old_until=until if until is not None and until > now else None,
        refusals=watching.refusals_of(client.id),
        chart=chart_of(watching.days_of(client.id, DAYS)),
        kits=kits,
        example=chosen.name if chosen else "",
        files=_printed(developers, mine, chosen, secret or (PLACEHOLDER if confidential else None)),
        is_theirs=mine.owned.owner.kind == "citizen",
        done=web.query(request).get("done", "") if request.method == "GET" else "",
        states={"test": TEST, "asked": ASKED, "production": PRODUCTION},
    )


def here(mine: Mine) -> str:
    return f"/developers/services/{mine.client.id}"


def own_uris(developers: Developers, uris: tuple[str, ...]) -> list[str]:
    """Those of the service, without the one where sign-ins are tried."""
    return [uri for uri in uris if uri != developers.tokens.trying.redirect_uri]


def address_of(mine: Mine) -> str:
    """Where the service is, as far as it said so."""
    if mine.owned.url:
        return mine.owned.url
    first = mine.client.redirect_uris[0]
    scheme, _, rest = first.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _fits(mine: Mine, q: str, state: str) -> bool:
    if q and q not in mine.client.name.lower() and q not in mine.client.id.lower():
        return False
    if state == "suspended":
        return not mine.client.active
    return not state or mine.owned.state == state


def _example(developers: Developers, request: Request, mine: Mine) -> Kit | None:
    asked = web.query(request).get("example", "") if request.method == "GET" else ""
    listed = {one.name: one for one in metadata.kits(developers.settings)}
    return listed.get(asked) or known_kits().get(mine.owned.program)


def _printed(
    developers: Developers, mine: Mine, kit: Kit | None, secret: str | None
) -> tuple[Snippet, ...]:
    if kit is None:
        return ()
    url = address_of(mine) if kit.url else None
    issuer = developers.runtime.settings.of(Server).url
    return kit.printed(mine.client, secret, issuer, url)
