"""Ask for production: what will be registered, and why — an operator answers."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.errors import Unprocessable
from foundation.marking import N_
from foundation.pages import Mistakes
from idp.developers.developers import Developers, Mine
from idp.developers.endpoints.services import here, own_uris
from idp.developers.service import Wish

_FIELDS = {
    name: name
    for name in ("redirect_uris", "post_logout_redirect_uris", "scope", "purposes", "reason")
}


def show(developers: Developers, request: Request) -> Response:
    """The form, with what is registered for the test as far as it may go on."""
    owner = developers.developer(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    uris = own_uris(developers, mine.client.redirect_uris)
    native = mine.client.is_public
    typed = {
        "redirect_uris": "\n".join(u for u in uris if native or u.startswith("https://")),
        "post_logout_redirect_uris": "\n".join(
            u for u in mine.client.post_logout_redirect_uris if native or u.startswith("https://")
        ),
        "scope": " ".join(sorted(mine.client.scopes, key=lambda one: (one != "openid", one))),
        "purposes": developers.settings.test_purpose,
    }
    return _form(developers, request, mine, typed)


def ask(developers: Developers, request: Request) -> Response:
    owner, form = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    mistakes = Mistakes()
    with mistakes.noting(**_FIELDS):
        wish = Wish(
            tuple(dict.fromkeys(form.get("redirect_uris", "").split())),
            tuple(dict.fromkeys(form.get("post_logout_redirect_uris", "").split())),
            _scope(developers, form),
            (form.get("purposes", ""),),
            form.get("reason", "").strip(),
        )
        developers.ask(owner, mine.client.id, wish)
        return RedirectResponse(f"{here(mine)}?done=ask", 303)
    return _form(developers, request, mine, form, mistakes)


def take_back(developers: Developers, request: Request) -> Response:
    owner, _ = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    developers.take_back(owner, mine.client.id)
    return RedirectResponse(f"{here(mine)}?done=take-back", 303)


def _scope(developers: Developers, form: Mapping[str, str]) -> str:
    """What people are asked for; what a service may do for itself an operator adds by hand."""
    words = form.get("scope", "").split()
    for word in words:
        if ":" in word:
            raise Unprocessable(
                N_("Scopes of a service for itself are given by the operator; write to them."),
                where="scope",
            )
    return " ".join(dict.fromkeys(("openid", *words)))


def _form(
    developers: Developers,
    request: Request,
    mine: Mine,
    typed: Mapping[str, str],
    mistakes: Mistakes | None = None,
) -> Response:
    catalogue = developers.tokens.policies.catalogue
    translate = developers.runtime.pages.translator(request)
    return developers.runtime.pages.render(
        request,
        "developers/production.html",
        mistakes=mistakes,
        typed=typed,
        client=mine.client,
        purposes=[(one.id, translate(one.sentence)) for one in catalogue.purposes.values()],
    )
