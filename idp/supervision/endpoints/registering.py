"""Services on pages: add one by what it is, change one, remove one — RFC 7591, RFC 7592 §2.

What takes something away for good says first what follows, and does nothing until it is agreed to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import NotFound, Problem, Unprocessable
from foundation.pages import N_
from foundation.settings import Server
from idp.oauth import (
    AUTHENTICATION_METHODS,
    SIGNING_ALGORITHMS,
    AddedClient,
    Client,
    Kit,
    abilities_of,
    doubts_of,
    kit,
    known_kits,
)
from idp.supervision.wing import Supervision

SIGN_IN = "identity.sign-in"
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "purposes", "audiences")
_TEXTS = ("client_name", "scope", "sector", "resource")
_CHOICES: Mapping[str, Sequence[str]] = {
    "token_endpoint_auth_method": AUTHENTICATION_METHODS,
    "id_token_signed_response_alg": SIGNING_ALGORITHMS,
    "require_pkce": ("yes", "no"),
}
_MENDABLE = (400, 409, 422)


def ask_new(supervision: Supervision, request: Request) -> Response:
    """The form: what it is, what it is called, where it is."""
    supervision.operator(request)
    return _new(supervision, request, {})


def add(supervision: Supervision, request: Request) -> Response:
    """Register it; its secret and its configuration are shown this once."""
    by, form = supervision.posted(request)
    try:
        program = kit(form["kind"]) if form.get("kind") else None
        url = form.get("url")
        metadata = program.metadata(url) if program else _other(form)
        metadata["client_name"] = form.get("client_name")
        if form.get("scope"):
            metadata["scope"] = form["scope"]
        if form.get("purposes") or metadata["redirect_uris"]:
            metadata["purposes"] = form.get("purposes", SIGN_IN).split()
        added = supervision.managing.add(metadata, by)
    except Problem as refused:
        if refused.status not in _MENDABLE:
            raise
        return _new(supervision, request, form, refused)
    return _made(supervision, request, added, program, url)


def ask_change(supervision: Supervision, request: Request) -> Response:
    """The form with what is registered."""
    supervision.operator(request)
    client = _client(supervision, web.query(request).get("client_id", ""))
    return _change(supervision, request, client, _written(client))


def change(supervision: Supervision, request: Request) -> Response:
    """Change it, or first say what follows."""
    by, form = supervision.posted(request)
    client = _client(supervision, form.required("client_id"))
    try:
        changes = _changes(form, client)
        planned = supervision.managing.planned(client.id, changes)
        agreed = form.get("agreed") == "yes"
        if planned.members and not agreed:
            follows = _follows(planned.subjects_change, planned.ends_what_it_was_given)
            if follows:
                return _agree(supervision, request, client, form, follows)
        reason = form.get("reason", "")
        done = supervision.managing.change(client.id, changes, reason, by, agreed=agreed)
    except Problem as refused:
        if refused.status not in _MENDABLE:
            raise
        return _change(supervision, request, client, form, refused)
    if done.secret is not None:
        made = AddedClient(done.alteration.after, done.secret)
        return _made(supervision, request, made, None, None)
    return _back(client.id, "change")


def ask_remove(supervision: Supervision, request: Request) -> Response:
    """What follows from removing it."""
    supervision.operator(request)
    client = _client(supervision, web.query(request).get("client_id", ""))
    return _remove(supervision, request, client)


def remove(supervision: Supervision, request: Request) -> Response:
    """Remove it: it was said what follows."""
    by, form = supervision.posted(request)
    client = _client(supervision, form.required("client_id"))
    if form.get("agreed") != "yes":
        return _remove(supervision, request, client)
    try:
        supervision.managing.remove(client.id, form.get("reason", ""), by)
    except Problem as refused:
        if refused.status not in _MENDABLE:
            raise
        return _remove(supervision, request, client, refused)
    return RedirectResponse("/services?done=remove", 303)


# ── pages ────────────────────────────────────────────────────────────────────────────────


def _new(
    supervision: Supervision,
    request: Request,
    typed: Mapping[str, str],
    refused: Problem | None = None,
) -> Response:
    return supervision.ground.pages.render(
        request,
        "supervision/new_service.html",
        _status(refused),
        kits=list(known_kits().values()),
        purposes=_catalogue(supervision).purposes.values(),
        typed=typed,
        refused=refused,
    )


def _made(
    supervision: Supervision,
    request: Request,
    added: AddedClient,
    program: Kit | None,
    url: str | None,
) -> Response:
    issuer = supervision.ground.settings.of(Server).url
    client, catalogue = added.client, _catalogue(supervision)
    return supervision.ground.pages.render(
        request,
        "supervision/service_made.html",
        client=client,
        secret=added.secret,
        issuer=issuer,
        can=abilities_of(client, catalogue),
        doubts=doubts_of(client, catalogue),
        files=program.printed(client, added.secret, issuer, url) if program else (),
    )


def _change(
    supervision: Supervision,
    request: Request,
    client: Client,
    typed: Mapping[str, str],
    refused: Problem | None = None,
) -> Response:
    return supervision.ground.pages.render(
        request,
        "supervision/change_service.html",
        _status(refused),
        client=client,
        typed=typed,
        choices=_CHOICES,
        purposes=_catalogue(supervision).purposes,
        refused=refused,
    )


def _agree(
    supervision: Supervision,
    request: Request,
    client: Client,
    form: web.Form,
    follows: Sequence[str],
) -> Response:
    kept = {name: value for name, value in form.items() if name not in ("csrf_token", "agreed")}
    return supervision.ground.pages.render(
        request,
        "supervision/agree_service.html",
        client=client,
        follows=follows,
        kept=kept,
        act="change",
        refused=None,
    )


def _remove(
    supervision: Supervision, request: Request, client: Client, refused: Problem | None = None
) -> Response:
    return supervision.ground.pages.render(
        request,
        "supervision/agree_service.html",
        _status(refused),
        client=client,
        follows=(
            N_("The service gets nobody in any more, from now on."),
            N_("Its secret and everything that it was given end."),
            N_("It cannot be brought back. People still read its name in their history."),
        ),
        kept={"client_id": client.id},
        act="remove",
        refused=refused,
    )


def _status(refused: Problem | None) -> int:
    return 200 if refused is None else refused.status


def _back(client_id: str, done: str) -> Response:
    return RedirectResponse(
        f"/services/one?{urlencode({'client_id': client_id, 'done': done})}", 303
    )


# ── what the forms say ───────────────────────────────────────────────────────────────────


def _client(supervision: Supervision, client_id: str) -> Client:
    """One of our own table that was not removed. Raises NotFound."""
    clients = supervision.parts.require_tokens().clients
    found = clients.find(client_id.strip(), supervision.ground.clock.now())
    if found is None or found.kind != "service" or found.removed:
        raise NotFound("There is no such service here.", where="client_id")
    return found


def _other(form: web.Form) -> dict[str, Any]:
    """A service of no known kind: its redirect URIs are written by hand."""
    uris = form.get("redirect_uris", "").split()
    if not uris:
        raise Unprocessable(
            N_("Say where people come back to: write one address at least."), where="redirect_uris"
        )
    return {"redirect_uris": uris, "grant_types": ["authorization_code", "refresh_token"]}


def _written(client: Client) -> dict[str, str]:
    """What is registered, as the form shows it."""
    listed = {name: "\n".join(getattr(client, name)) for name in _LISTS}
    scopes = sorted(client.scopes, key=lambda scope: (scope != "openid", scope))
    return {
        **listed,
        "client_name": client.name,
        "scope": " ".join(scopes),
        "sector": str(client.sector),
        "resource": client.resource or "",
        "token_endpoint_auth_method": client.token_endpoint_auth_method,
        "id_token_signed_response_alg": client.id_token_signed_response_alg,
        "require_pkce": "yes" if client.require_pkce else "no",
    }


def _changes(form: web.Form, client: Client) -> dict[str, Any]:
    """The members that somebody wrote otherwise than they are."""
    before, changes = _written(client), dict[str, Any]()
    for name in (*_TEXTS, *_LISTS, *_CHOICES):
        text = form.get(name, "").strip()
        listed = name in _LISTS or name == "scope"
        same = text.split() == before[name].split() if listed else text == before[name].strip()
        if same:
            continue
        if name in _CHOICES and text not in _CHOICES[name]:
            raise Unprocessable(N_("Choose one of those that there are."), where=name)
        changes[name] = text.split() if name in _LISTS else text or None
    if "require_pkce" in changes:
        changes["require_pkce"] = changes["require_pkce"] == "yes"
    return changes


def _follows(subjects: bool, ends: bool) -> list[str]:
    told = []
    if subjects:
        told.append(N_("This service knows nobody again: each person gets a new number there."))
    if ends:
        told.append(N_("What it was given ends. People sign in there anew."))
    return told


def _catalogue(supervision: Supervision) -> Any:
    return supervision.parts.require_tokens().policies.catalogue
