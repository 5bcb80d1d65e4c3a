"""Chip cards by the page's script: a nonce, and the token that answers it — Web eID 1.0, 1.1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation.errors import BadRequest, NotFound, Unprocessable
from foundation.pages import N_
from idp.login.authenticators import web_eid
from idp.login.authenticators.web_eid import Refused
from idp.login.card_sign_in import NOBODYS, OTHERS, AskedOfCard
from idp.login.endpoints.passkeys import onward, prove_again, sent_json, signed_in_session
from idp.login.establishing import SignInRefused
from idp.login.login import Login
from idp.login.management import ProveAgain
from idp.login.sign_in import LOCKED
from idp.login.visit import Visit


class CardRefused(Unprocessable):
    """What a card got wrong, each in its own words: who holds it may know. The script shows them,
    so they are in the person's language."""

    code = "card_refused"

    def __init__(self, why: str, translate: Callable[[str], str]) -> None:
        description, next_step = _TOLD.get(why, _NOTHING)
        super().__init__(translate(description), where="card", next_step=translate(next_step))


_NOTHING = (
    N_("This card did not open anything."),
    N_("Load the page again, and try once more."),
)
_OF_ANOTHER_KIND = N_("Cards of this kind open nothing here."), N_("Sign in another way.")
_NOT_SAID = (
    N_("The issuer of this card did not say whether it still counts."),
    N_("Try again in a few minutes, or sign in another way."),
)
_TOLD: Mapping[str, tuple[str, str]] = {
    web_eid.REVOKED: (
        N_("Its issuer has revoked this card."),
        N_("Ask its issuer for a new one."),
    ),
    web_eid.ENDED: (
        N_("The certificate of this card is not valid now."),
        N_("Ask its issuer to renew it."),
    ),
    web_eid.ISSUER: _OF_ANOTHER_KIND,
    web_eid.POLICY: _OF_ANOTHER_KIND,
    web_eid.CERTIFICATE: _OF_ANOTHER_KIND,
    web_eid.AWAY: _NOT_SAID,
    web_eid.UNKNOWN: _NOT_SAID,
    NOBODYS: (
        N_("This card is not bound to anybody here."),
        N_("Sign in another way, then add the card on the page “How you sign in”."),
    ),
    OTHERS: (N_("This card is somebody else’s."), N_("Use your own card.")),
    LOCKED: (
        N_("This card is locked: you locked it."),
        N_("Sign in another way; then you can unlock it."),
    ),
    "suspended": (
        N_("We know that it is you, but this identity is suspended."),
        N_("Ask the registration office; they tell you the reason and what to do."),
    ),
}


def ask(login: Login, request: Request) -> Response:
    """A nonce to sign in, or to step up when `step_up` is true."""
    _require_cards(login)
    step_up = sent_json(request).get("step_up") is True
    session = signed_in_session(login, request) if step_up else None
    return _asked(login.cards.ask(Visit.of(request), session))


def answer(login: Login, request: Request) -> Response:
    """The token; answers with where to go."""
    _require_cards(login)
    sent = sent_json(request)
    handle, token = _answered(sent)
    visit = Visit.of(request)
    try:
        signed_in = login.cards.by_card(
            handle,
            token,
            visit,
            login.session_to_prove(request),
            step_up=sent.get("step_up") is True,
        )
    except Refused as refused:
        raise CardRefused(refused.why, login.runtime.pages.translator(request)) from refused
    except SignInRefused as refused:
        raise CardRefused(refused.reason, login.runtime.pages.translator(request)) from refused
    path = login.next_path(signed_in.session, visit.errand)
    return login.keep(onward(path), request, signed_in)


def ask_new(login: Login, request: Request) -> Response:
    """A nonce to bind a card."""
    _require_cards(login)
    sent_json(request)
    session = signed_in_session(login, request)
    try:
        return _asked(login.cards.ask_new(session, Visit.of(request)))
    except ProveAgain:
        return prove_again(request)


def answer_new(login: Login, request: Request) -> Response:
    """The token of the new card; answers with where to go."""
    _require_cards(login)
    sent = sent_json(request)
    handle, token = _answered(sent)
    label = sent.get("label")
    session, visit = signed_in_session(login, request), Visit.of(request)
    try:
        login.cards.add(session, handle, token, label if isinstance(label, str) else "", visit)
    except ProveAgain:
        return prove_again(request)
    except Refused as refused:
        raise CardRefused(refused.why, login.runtime.pages.translator(request)) from refused
    return onward(login.next_path(session, visit.errand))


def _require_cards(login: Login) -> None:
    if not login.cards.issuers.used:
        raise NotFound("No chip cards are used here.", next_step="Sign in another way.")


def _answered(sent: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    handle, token = sent.get("challenge"), sent.get("token")
    if not isinstance(handle, str):
        raise BadRequest("The member challenge is missing.", where="challenge")
    if not isinstance(token, dict):
        raise BadRequest("The member token is not an object.", where="token")
    return handle, token


def _asked(asked: AskedOfCard) -> Response:
    content = {"challenge": asked.handle, "nonce": asked.nonce}
    return JSONResponse(content, headers={"Cache-Control": "no-store"})
