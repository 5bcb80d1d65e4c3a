"""Passkeys by the page's script: JSON questions and answers — W3C WebAuthn §5.1, §7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from foundation.errors import BadRequest, Unauthorized, Unprocessable
from idp.login.authenticators.passkey import MODEL_REFUSED, Refused
from idp.login.establishing import SignInRefused
from idp.login.login import Login
from idp.login.management import ProveAgain
from idp.login.session import Session
from idp.login.sign_in import LOCKED, UNKNOWN, Asked
from idp.login.visit import Errand, Visit

_UNSEEN = {"Cache-Control": "no-store"}


class PasskeyRefused(Unprocessable):
    """The one answer to everything that a passkey can get wrong."""

    code = "passkey_refused"

    def __init__(self, *, unknown: bool = False, model: bool = False, locked: bool = False) -> None:
        """`unknown`: nobody has it here, so that the browser may stop offering it. Who has its
        random id has held it: that it was removed is nothing new to them. `model`: whoever has it
        is told that it is of no more use; `locked`: so is who locked it."""
        self.unknown = unknown
        if locked:
            super().__init__(
                "This passkey is locked: you locked it.",
                where="credential",
                next_step="Sign in another way; then you can unlock it.",
            )
            return
        if model:
            super().__init__(
                "Security keys of this model are not safe any more, and open nothing here.",
                where="credential",
                next_step="Sign in another way, remove this key and add another one.",
            )
            return
        super().__init__(
            "This passkey did not open anything.",
            where="credential",
            next_step="Try again, use another passkey, or sign in with your name and password.",
        )

    def as_json(self) -> dict[str, Any]:
        return {**super().as_json(), **({"unknown_credential": True} if self.unknown else {})}


def ask(login: Login, request: Request) -> Response:
    """Options to sign in, or to step up when `step_up` is true."""
    sent = sent_json(request)
    visit = Visit.of(request)
    if sent.get("step_up") is True:
        return _asked(login.sign_in.ask_for_step_up(visit, signed_in_session(login, request)))
    return _asked(login.sign_in.ask_for_passkey(visit))


def answer(login: Login, request: Request) -> Response:
    """The assertion; answers with where to go."""
    sent = sent_json(request)
    handle, credential = _answered(sent)
    visit = Visit.of(request)
    try:
        signed_in = login.sign_in.by_passkey(
            handle,
            credential,
            visit,
            login.session_to_prove(request),
            step_up=sent.get("step_up") is True,
        )
    except SignInRefused as refused:
        raise PasskeyRefused(
            unknown=refused.reason == UNKNOWN,
            model=refused.reason == MODEL_REFUSED,
            locked=refused.reason == LOCKED,
        ) from refused
    path = login.next_path(signed_in.session, visit.errand)
    return login.keep(onward(path), request, signed_in)


def ask_new(login: Login, request: Request) -> Response:
    """Options to make a new passkey."""
    sent_json(request)
    session = signed_in_session(login, request)
    try:
        return _asked(login.management.ask_for_new_passkey(session, Visit.of(request)))
    except ProveAgain:
        return prove_again(request)


def answer_new(login: Login, request: Request) -> Response:
    """The new passkey; answers with where to go."""
    sent = sent_json(request)
    handle, credential = _answered(sent)
    label = sent.get("label")
    session = signed_in_session(login, request)
    visit = Visit.of(request)
    try:
        made = login.management.add_passkey(
            session, handle, credential, label if isinstance(label, str) else "", visit
        )
    except ProveAgain:
        return prove_again(request)
    except Refused as refused:
        raise PasskeyRefused(model=refused.model) from refused
    if session.subject.kind == "staff" and login.management.at_activation(session):
        try:
            signed_in = login.sign_in.by_new_passkey(session, made, visit)
        except SignInRefused as refused:
            raise PasskeyRefused from refused
        path = login.next_path(signed_in.session, visit.errand)
        return login.keep(onward(path), request, signed_in)
    return onward(login.next_path(session, visit.errand))


def sent_json(request: Request) -> Mapping[str, Any]:
    """What a script of ours sent."""
    sent = web.json_object(request)
    web.check_csrf(request, {})
    return sent


def _answered(sent: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    handle, credential = sent.get("challenge"), sent.get("credential")
    if not isinstance(handle, str):
        raise BadRequest("The member challenge is missing.", where="challenge")
    if not isinstance(credential, dict):
        raise BadRequest("The member credential is not an object.", where="credential")
    return handle, credential


def signed_in_session(login: Login, request: Request) -> Session:
    """Raises Unauthorized."""
    session = login.session(request)
    if session is None:
        raise Unauthorized("Nobody is signed in.", next_step="Sign in first.")
    return session


def _asked(asked: Asked) -> Response:
    return JSONResponse({"challenge": asked.handle, "options": asked.options}, headers=_UNSEEN)


def onward(location: str) -> Response:
    """Where the script goes."""
    return JSONResponse({"location": location}, headers=_UNSEEN)


def prove_again(request: Request) -> Response:
    """The script follows: show the strongest means, then back to the page that it stands on."""
    errand = Errand.parse(web.query(request))
    return onward(replace(errand, level=1, fresh=False, strongest=True).path())
