"""Services ask to be shown credentials; wallets fetch the request and answer — OpenID4VP 1.0."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import JSONResponse, Response

from documents.credentials.credentials import Credentials
from documents.credentials.endpoints.model import (
    NewPresentation,
    PresentationMade,
    PresentationSaid,
)
from documents.credentials.offer import label_of, title_of
from documents.credentials.presenting.asking import WrongAnswer
from documents.credentials.presenting.store import Asked
from documents.credentials.presenting.wanted import WantedClaim
from documents.locker import as_picture
from foundation import web
from foundation.errors import BadRequest
from foundation.pages import Translator

ASKS = "presentations:request"
NO_STORE = {"Cache-Control": "no-store"}
REQUEST_TYPE = "application/oauth-authz-req+jwt"
RequestId = Annotated[str, Path(max_length=32, description="The id of a request, `prq_…`.")]
ResponseCode = Annotated[
    str | None,
    Query(max_length=128, description="That with which the person came to return_to."),
]


# ── services ──────────────────────────────────────────────────────────────────────────


def ask(credentials: Credentials, request: Request, new: NewPresentation) -> PresentationMade:
    """Ask to be shown credentials; no more of them than the service's purpose has a use for."""
    caller = web.require(request, kind="service", scope=ASKS)
    wanted = [
        (
            one.credential,
            [WantedClaim(tuple(c.claim.split(".")), tuple(c.values)) for c in one.claims],
            list(dict.fromkeys(one.formats)),
        )
        for one in new.credentials
    ]
    shows = credentials.presentations
    asked = shows.ask(caller.id, wanted, new.purpose, new.return_to, encrypted=new.encrypted)
    return PresentationMade(
        id=asked.id,
        url=f"{credentials.url}/show/{asked.id}",
        link_other_device=shows.link(asked, same_device=False),
        link_same_device=shows.link(asked, same_device=True),
        expires_at=asked.expires_at,
    )


def stands(
    credentials: Credentials,
    request: Request,
    request_id: RequestId,
    response_code: ResponseCode = None,
) -> PresentationSaid:
    """What came of a request; what was shown is kept for some minutes."""
    caller = web.require(request, kind="service", scope=ASKS)
    found = credentials.presentations.result(caller.id, request_id, response_code)
    return PresentationSaid(
        id=request_id,
        state=found.state,
        claims={name: dict(claims) for name, claims in found.claims.items()},
        refused=found.refused or None,
        why=found.why or None,
    )


# ── wallets ───────────────────────────────────────────────────────────────────────────


def request_object(credentials: Credentials, request: Request) -> Response:
    """The signed request (§5.10): fetched, or asked for with a nonce of the wallet (§5.10.1)."""
    shows = credentials.presentations
    asked = shows.find(request.path_params["request_id"])
    nonce = None
    if request.method == "POST":
        nonce = web.form(request, error=BadRequest).get("wallet_nonce")
    token = shows.request_object(asked, same_device=_same(request), wallet_nonce=nonce)
    return Response(token, media_type=REQUEST_TYPE, headers=NO_STORE)


def response(credentials: Credentials, request: Request) -> Response:
    """What a wallet shows (§8.2, §8.3)."""
    shows = credentials.presentations
    asked = shows.find(request.path_params["request_id"])
    form = web.form(request, error=WrongAnswer)
    back = shows.answer(asked, form, same_device=_same(request))
    said = {} if back is None else {"redirect_uri": back}
    return JSONResponse(said, headers=NO_STORE)


def _same(request: Request) -> bool:
    return request.query_params.get("device") == "same"


# ── people ────────────────────────────────────────────────────────────────────────────


def page(credentials: Credentials, request: Request) -> Response:
    """What is asked, by whom, and the code to scan; once it was answered, the way back."""
    shows = credentials.presentations
    asked = shows.find(request.path_params["request_id"])
    state = asked.state_at(credentials.runtime.clock.now())
    browser = web.browser_id(request)
    mine = shows.open_in(asked, browser)
    words = credentials.runtime.pages.translator(request)
    link = shows.link(asked, same_device=True)
    return credentials.runtime.pages.render(
        request,
        "credentials/show.html",
        asked=asked,
        state=state,
        purpose=credentials.policies.catalogue.purposes[asked.purpose],
        wanted=_told(credentials, asked, words),
        link=link,
        picture=as_picture(shows.link(asked, same_device=False)) if state == "waiting" else "",
        back=shows.back(asked) if mine and state != "waiting" else None,
    )


def _told(credentials: Credentials, asked: Asked, words: Translator) -> list[tuple[str, list[str]]]:
    """Each credential that is asked for, and its claims, as people call them."""
    told = []
    for one in asked.wanted:
        known = credentials.known.get(one.configuration)
        if known is None:
            continue
        labels = {claim.path: label_of(claim, words) for claim in known.claims}
        told.append((title_of(known, words), [labels[claim.path] for claim in one.claims]))
    return told
