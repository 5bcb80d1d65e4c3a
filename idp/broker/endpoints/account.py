"""The person's own pages at the broker: consents and ledger, readable while they are here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from idp.broker.broker import Broker
from idp.broker.telling import Teller
from policies import Withdrawal

_ENTRIES = 50


def home(broker: Broker, request: Request) -> Response:
    """What this is, and the way to the account."""
    return broker.runtime.pages.render(request, "broker/home.html")


def account(broker: Broker, request: Request) -> Response:
    """Consents with their withdrawal, and every sign-in and release."""
    person = web.require(request, kind="citizen")
    pages, consents = broker.runtime.pages, broker.policies.consent.list(person.id)
    teller = Teller(broker.policies.catalogue, consents, pages.translator(request))
    return pages.render(
        request,
        "broker/account.html",
        level=person.level,
        consents=[(consent, teller.labels(consent.attributes)) for consent in consents],
        ledger=[teller.tell(e) for e in broker.runtime.audit.ledger(person.id, limit=_ENTRIES)],
    )


def withdraw(broker: Broker, withdrawal: Withdrawal, request: Request) -> Response:
    """End one of the person's own consents, and all that rests on it."""
    person = web.require(request, kind="citizen")
    form = web.form(request)
    web.check_csrf(request, form)
    withdrawal.withdraw(request.path_params["consent_id"], person.id, form.get("reason", ""))
    return RedirectResponse("/account", 303, headers={"Cache-Control": "no-store"})
