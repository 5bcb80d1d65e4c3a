"""The choice of a provider: random order, nothing pre-selected, remembered only if asked."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import BadRequest, Unavailable
from foundation.pages import N_
from idp.broker.broker import REMEMBERED, Broker
from idp.broker.signing_in import SignInFailed
from idp.broker.wish import Wish
from idp.federation import Unresolved


def show(broker: Broker, request: Request) -> Response:
    """The providers that reach the level asked for."""
    sealed = web.query(request).required("for")
    return page(broker, request, _wish(broker, request, sealed))


def choose(broker: Broker, request: Request) -> Response:
    """Go to the chosen provider."""
    form = web.form(request)
    web.check_csrf(request, form)
    wish = _wish(broker, request, form.required("for"))
    now = broker.runtime.clock.now()
    with broker.runtime.database.write() as uow:
        broker.runtime.rates.attempt_from(
            uow,
            "broker.choose",
            web.client_network(request),
            broker.settings.choices_per_minute,
            timedelta(minutes=1),
            now,
        )
    slug = form.get("provider", "")
    if not slug:
        raise BadRequest("Choose one of the providers.", where="provider")
    try:
        url = broker.signing_in.begin(slug, wish, web.browser_id(request))
    except SignInFailed as failure:
        return page(broker, request, wish, failure)
    response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store"})
    if form.get("remember") == "yes":
        broker.remember(response, request, slug)
    elif web.cookie(request, REMEMBERED) not in (None, slug):
        web.delete_cookie(response, request, REMEMBERED)
    return response


def page(
    broker: Broker, request: Request, wish: Wish, failure: SignInFailed | None = None
) -> Response:
    """The choice, after a failure with its reason and without the provider that failed."""
    try:
        offered = broker.providers.offered(wish.level)
    except Unresolved as reason:
        raise Unavailable(
            "The register of providers does not answer, so no provider can be shown.",
            next_step="Try again in a minute.",
            detail=str(reason),
        ) from None
    if broker.ceiling() == 0:
        raise Unavailable(
            N_("The regulator does not vouch for us at the moment, so nobody can be signed in."),
            next_step=N_("Try again in a minute."),
        )
    broker.runtime.pages.prefer(request, wish.ui_locales)
    failed = next((p for p in offered if failure and p.slug == failure.provider), None)
    offered = [p for p in offered if failure is None or p.slug != failure.provider]
    remembered = web.cookie(request, REMEMBERED)
    return broker.runtime.pages.render(
        request,
        "broker/choose.html",
        leads_back=True,
        status=200 if offered else 503,
        providers=offered,
        remembered=next((p for p in offered if p.slug == remembered), None),
        level=wish.level,
        leave_to=wish.leave_to,
        sealed=wish.seal(broker.runtime.keys, web.browser_id(request)),
        reason=failure.reason if failure else None,
        failed=failed,
    )


def _wish(broker: Broker, request: Request, sealed: str) -> Wish:
    return Wish.open(
        broker.runtime.keys,
        web.browser_ids(request),
        sealed,
        broker.runtime.clock.now(),
        timedelta(seconds=broker.settings.choice_seconds),
    )
