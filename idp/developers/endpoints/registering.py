"""Register a test service, and change one — RFC 7591, RFC 7592 §2.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.pages import Mistakes
from idp.developers import metadata
from idp.developers.developers import Developers, Mine
from idp.developers.endpoints.services import here, own_uris, page

_SCOPE = "scope."
_FIELDS = {
    name: name
    for name in (
        "client_name",
        "program",
        "url",
        "redirect_uris",
        "post_logout_redirect_uris",
        "scope",
    )
}
_USUAL = ("openid", "profile", "email")


def ask_new(developers: Developers, request: Request) -> Response:
    """The form: what it is, what it is called, where it is."""
    developers.developer(request)
    return _new(developers, request, {}, _USUAL)


def add(developers: Developers, request: Request) -> Response:
    """Register it; its secret and a working example are shown at once, this once."""
    owner, form = developers.posted(request)
    mistakes = Mistakes()
    with mistakes.noting(**_FIELDS):
        made = developers.add(
            owner,
            form.get("client_name", ""),
            form.get("program", ""),
            form.get("url", "").strip(),
            form.get("redirect_uris", "").split(),
            _scopes(form),
        )
        return page(developers, request, made.mine, secret=made.secret, made=True)
    return _new(developers, request, form, _scopes(form), mistakes)


def ask_change(developers: Developers, request: Request) -> Response:
    """The form with what is registered."""
    owner = developers.developer(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    client = mine.client
    typed = {
        "client_name": client.name,
        "redirect_uris": "\n".join(own_uris(developers, client.redirect_uris)),
        "post_logout_redirect_uris": "\n".join(client.post_logout_redirect_uris),
    }
    return _change(developers, request, mine, typed, client.scopes)


def change(developers: Developers, request: Request) -> Response:
    """Change it at once: it is a test."""
    owner, form = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    mistakes = Mistakes()
    with mistakes.noting(**_FIELDS):
        developers.change(
            owner,
            mine.client.id,
            form.get("client_name", ""),
            form.get("redirect_uris", "").split(),
            form.get("post_logout_redirect_uris", "").split(),
            _scopes(form),
        )
        return RedirectResponse(f"{here(mine)}?done=change", 303)
    return _change(developers, request, mine, form, _scopes(form), mistakes)


def _scopes(form: Mapping[str, str]) -> list[str]:
    return [name.removeprefix(_SCOPE) for name in form if name.startswith(_SCOPE)]


def _new(
    developers: Developers,
    request: Request,
    typed: Mapping[str, str],
    scopes: Any,
    mistakes: Mistakes | None = None,
) -> Response:
    return developers.runtime.pages.render(
        request,
        "developers/add.html",
        mistakes=mistakes,
        typed=typed,
        kits=metadata.kits(developers.settings),
        scopes=scopes_to_choose(developers, request, scopes),
    )


def _change(
    developers: Developers,
    request: Request,
    mine: Mine,
    typed: Mapping[str, str],
    scopes: Any,
    mistakes: Mistakes | None = None,
) -> Response:
    return developers.runtime.pages.render(
        request,
        "developers/change.html",
        mistakes=mistakes,
        typed=typed,
        client=mine.client,
        scopes=scopes_to_choose(developers, request, scopes),
    )


def scopes_to_choose(
    developers: Developers, request: Request, ticked: Any
) -> list[tuple[str, str, bool]]:
    """Scope, what it asks people for, and whether it is chosen; `openid` is always in."""
    catalogue = developers.tokens.policies.catalogue
    translate = developers.runtime.pages.translator(request)
    listed = []
    for scope in developers.settings.test_scope:
        if scope == "openid":
            continue
        labels = [translate(catalogue.label(n)) for n in catalogue.attributes_of_scope(scope)]
        listed.append((scope, ", ".join(dict.fromkeys(labels)), scope in ticked))
    return listed
