"""Services on pages: add one by what it is, change one, remove one — RFC 7591, RFC 7592 §2.

What takes something away for good asks first, on a page that says what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import NotFound, Unprocessable
from foundation.pages import N_, Mistakes, Question, ask_first
from foundation.settings import Server
from idp.oauth import (
    ADDRESSES,
    AUTHENTICATION_METHODS,
    SIGNING_ALGORITHMS,
    SWITCHES,
    AddedClient,
    Client,
    Kit,
    abilities_of,
    doubts_of,
    kit,
    known_kits,
    read_switches,
    switches_of,
)
from idp.register import checked_reason
from idp.supervision.endpoints.services import page
from idp.supervision.supervision import Supervision

SIGN_IN = "identity.sign-in"
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "purposes", "audiences")
_TEXTS = ("client_name", "scope", "sector", "resource", *ADDRESSES)
_CHOICES: Mapping[str, Sequence[str]] = {
    "token_endpoint_auth_method": AUTHENTICATION_METHODS,
    "id_token_signed_response_alg": SIGNING_ALGORITHMS,
    "require_pkce": ("yes", "no"),
    **{one.member: one.values for one in SWITCHES},
}
_FIELDS = {name: name for name in (*_LISTS, *_TEXTS, *_CHOICES, "kind", "url", "reason")}
REMOVE = Question(
    N_("Remove this service?"),
    (
        N_("The service gets nobody in any more, from now on."),
        N_("Its secret and everything that it was given end."),
        N_("It cannot be brought back. People still read its name in their history."),
    ),
    N_("Yes, remove it"),
)


def ask_new(supervision: Supervision, request: Request) -> Response:
    """The form: what it is, what it is called, where it is."""
    supervision.operator(request)
    return _new(supervision, request, {})


def add(supervision: Supervision, request: Request) -> Response:
    """Register it; its secret and its configuration are shown this once."""
    by, form = supervision.posted(request)
    mistakes = Mistakes()
    with mistakes.noting(**_FIELDS):
        program = kit(form["kind"]) if form.get("kind") else None
        url = form.get("url")
        metadata = program.metadata(url) if program else _other(form)
        metadata["client_name"] = form.get("client_name")
        if form.get("scope"):
            metadata["scope"] = form["scope"]
        if form.get("purposes") or metadata["redirect_uris"]:
            metadata["purposes"] = form.get("purposes", SIGN_IN).split()
        added = supervision.managing.add(metadata, by)
        return _made(supervision, request, added, program, url)
    return _new(supervision, request, form, mistakes)


def ask_change(supervision: Supervision, request: Request) -> Response:
    """The form with what is registered."""
    supervision.operator(request)
    client = _client(supervision, web.query(request).get("client_id", ""))
    return _change(supervision, request, client, _written(client))


def change(supervision: Supervision, request: Request) -> Response:
    """Change it; where that takes something away, say first what follows."""
    by, form = supervision.posted(request)
    client = _client(supervision, form.required("client_id"))
    mistakes = Mistakes()
    with mistakes.noting(**_FIELDS):
        changes = _changes(form, client)
        reason = checked_reason(form.get("reason", ""))
        planned = supervision.managing.planned(client.id, changes)
        follows = _follows(planned.subjects_change, planned.ends_what_it_was_given)
        if planned.members and follows:
            question = Question(N_("Change this service?"), follows, N_("Yes, change it"))
            if (asked := _ask(supervision, request, form, question, client)) is not None:
                return asked
        agreed = planned.cannot_be_undone
        done = supervision.managing.change(client.id, changes, reason, by, agreed=agreed)
        if done.secret is not None:
            made = AddedClient(done.alteration.after, done.secret)
            return _made(supervision, request, made, None, None)
        return RedirectResponse(_page_of(client, done="change"), 303)
    return _change(supervision, request, client, form, mistakes)


def remove(supervision: Supervision, request: Request) -> Response:
    """Remove it, after the page that says what follows."""
    by, form = supervision.posted(request)
    client = _client(supervision, form.required("client_id"))
    mistakes = Mistakes()
    with mistakes.noting(reason="remove-reason"):
        reason = checked_reason(form.get("reason", ""))
        if (asked := _ask(supervision, request, form, REMOVE, client)) is not None:
            return asked
        supervision.managing.remove(client.id, reason, by)
        return RedirectResponse("/services?done=remove", 303)
    return page(supervision, request, client.id, mistakes=mistakes, typed=form, doing="remove")


# ── pages ────────────────────────────────────────────────────────────────────────────────


def _new(
    supervision: Supervision,
    request: Request,
    typed: Mapping[str, str],
    mistakes: Mistakes | None = None,
) -> Response:
    return supervision.runtime.pages.render(
        request,
        "supervision/new_service.html",
        mistakes=mistakes,
        kits=list(known_kits().values()),
        purposes=_catalogue(supervision).purposes.values(),
        typed=typed,
    )


def _made(
    supervision: Supervision,
    request: Request,
    added: AddedClient,
    program: Kit | None,
    url: str | None,
) -> Response:
    issuer = supervision.runtime.settings.of(Server).url
    client, catalogue = added.client, _catalogue(supervision)
    return supervision.runtime.pages.render(
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
    mistakes: Mistakes | None = None,
) -> Response:
    translate = supervision.runtime.pages.translator(request)
    return supervision.runtime.pages.render(
        request,
        "supervision/change_service.html",
        mistakes=mistakes,
        client=client,
        typed=typed,
        methods=[(name, name) for name in AUTHENTICATION_METHODS],
        algorithms=[(name, name) for name in SIGNING_ALGORITHMS],
        purposes=_catalogue(supervision).purposes,
        switches=[
            {
                "member": one.member,
                "label": one.label,
                "options": [(value, translate(value)) for value in one.values],
            }
            for one in SWITCHES
        ],
    )


def _ask(
    supervision: Supervision, request: Request, form: web.Form, question: Question, client: Client
) -> Response | None:
    return ask_first(
        supervision.runtime.pages,
        request,
        form,
        question,
        version=repr(sorted(_written(client).items())),
        back=_page_of(client),
        about=client.name,
    )


def _page_of(client: Client, **more: str) -> str:
    return f"/services/one?{urlencode({'client_id': client.id, **more})}"


# ── what the forms say ───────────────────────────────────────────────────────────────────


def _client(supervision: Supervision, client_id: str) -> Client:
    """One of our own table that was not removed. Raises NotFound."""
    clients = supervision.parts.require_tokens().clients
    found = clients.find(client_id.strip(), supervision.runtime.clock.now())
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
        **switches_of(client),
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
    switched = [one.member for one in SWITCHES if one.member in changes]
    changes |= read_switches([f"{member}={changes[member]}" for member in switched])
    return changes


def _follows(subjects: bool, ends: bool) -> tuple[str, ...]:
    told = []
    if subjects:
        told.append(N_("This service knows nobody again: each person gets a new number there."))
    if ends:
        told.append(N_("What it was given ends. People sign in there anew."))
    return tuple(told)


def _catalogue(supervision: Supervision) -> Any:
    return supervision.parts.require_tokens().policies.catalogue
