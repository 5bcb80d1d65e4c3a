"""The person's pages over the services that can act for them: see, end one, end all — G-4.

The same under provider and broker: they are about the citizen who is signed in, whoever vouches.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest
from foundation.pages import N_, Translator
from foundation.settings import Server
from idp.oauth import details
from idp.oauth.acting import ActingService, ActingServices
from idp.oauth.way_back import with_query

HERE = "/account/services"
END = f"{HERE}/end"
REVIEW = f"{HERE}/review"
ANEW = f"{HERE}/anew"
BEGIN = f"{HERE}/begin"
_PROTOCOL = frozenset({"openid", "offline_access"})


def listing(acting: ActingServices, request: Request) -> Response:
    """All of them, with or without data."""
    person_id = _citizen(request)
    return _page(
        acting,
        request,
        "oauth/services.html",
        acting.of(person_id),
        review=bool(acting.to_review(person_id)),
        done=request.query_params.get("done", ""),
    )


def ask(acting: ActingServices, request: Request) -> Response:
    """What ends, before it ends: one service by its id, all of them without."""
    person_id, wanted = _citizen(request), request.query_params.get("service")
    services = _chosen(acting, person_id, wanted)
    if not services:
        return RedirectResponse(HERE, 303)
    return _page(acting, request, "oauth/end_services.html", services, one=wanted or "")


def end(acting: ActingServices, request: Request) -> Response:
    """End one, or all."""
    person_id, form = _posted(request)
    wanted = form.get("service") or None
    if wanted is None and form.get("all") != "yes":
        raise BadRequest(N_("Say which service, or all of them."), where="service")
    acting.end(person_id, _chosen(acting, person_id, wanted))
    return RedirectResponse(f"{HERE}?done={'all' if wanted is None else 'one'}", 303)


def anew(acting: ActingServices, request: Request) -> Response:
    """Be asked again at the next sign-in there; until then all stays as it is."""
    person_id, form = _posted(request)
    acting.choose_anew(person_id, form.required("service"))
    return RedirectResponse(f"{HERE}?done=anew", 303)


def begin(acting: ActingServices, request: Request) -> Response:
    """Where a person may go on to, signed in as they are: each service begins the sign-in itself
    (OpenID Connect Core §4). Nothing about them is in these addresses."""
    _citizen(request)
    runtime, translate = acting.runtime, acting.runtime.pages.translator(request)
    issuer, purposes = runtime.settings.of(Server).url, acting.policies.catalogue
    listed = [
        {
            "name": client.name,
            "purposes": [translate(purposes.sentence(purpose)) for purpose in client.purposes],
            "href": with_query(client.initiate_login_uri, {"iss": issuer}),
        }
        for client in acting.beginnings()
        if client.initiate_login_uri is not None
    ]
    return runtime.pages.render(request, "oauth/begin_services.html", services=listed)


def review(acting: ActingServices, request: Request) -> Response:
    """The question after a change of how somebody signs in: may they go on?"""
    services = acting.to_review(_citizen(request))
    if not services:
        return RedirectResponse(HERE, 303)
    elsewhere = acting.elsewhere is not None
    return _page(acting, request, "oauth/review_services.html", services, elsewhere=elsewhere)


def reviewed(acting: ActingServices, request: Request) -> Response:
    """The answer: end them and the sessions elsewhere, or keep them."""
    person_id, form = _posted(request)
    answer = form.required("answer")
    if answer == "keep":
        acting.keep(person_id)
        return RedirectResponse(f"{HERE}?done=kept", 303)
    if answer != "end":
        raise BadRequest(N_("The answer must be end or keep."), where="answer")
    acting.end(person_id, acting.to_review(person_id), request)
    return RedirectResponse(f"{HERE}?done=all", 303)


def _chosen(acting: ActingServices, person_id: str, wanted: str | None) -> list[ActingService]:
    services = acting.of(person_id)
    return services if wanted is None else [s for s in services if s.client_id == wanted]


def _citizen(request: Request) -> str:
    return web.require(request, kind="citizen").id


def _posted(request: Request) -> tuple[str, web.Form]:
    person_id, form = _citizen(request), web.form(request)
    web.check_csrf(request, form)
    return person_id, form


def _page(
    acting: ActingServices,
    request: Request,
    template: str,
    services: list[ActingService],
    **more: Any,
) -> Response:
    translate = acting.runtime.pages.translator(request)
    shown = [_shown(acting, service, translate) for service in services]
    return acting.runtime.pages.render(request, template, leads_back=True, services=shown, **more)


def _shown(acting: ActingServices, service: ActingService, translate: Translator) -> dict[str, Any]:
    known = acting.policies.catalogue
    by_catalogue = known.scopes()
    return {
        "service": service,
        "purposes": [
            translate(known.purposes[p].sentence) if p in known.purposes else p
            for p in service.purposes
        ],
        "attributes": [
            translate(known.attributes[a].label) if a in known.attributes else a
            for a in service.attributes
        ],
        "details": details.shown(service.details, known.authorization_types, translate),
        # What a scope of a service's own means only that service can say: its name is shown.
        "scopes": [s for s in service.scopes if s not in _PROTOCOL and s not in by_catalogue],
    }
