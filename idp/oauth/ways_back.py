"""The way back to the service that sent a person, from every page that ends a sign-in.

Each is an address that the service registered, never one that a request says: RFC 9700 §4.11.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request

from foundation import web
from foundation.errors import CivitasError
from foundation.pages import WayBack
from foundation.runtime import Runtime
from idp.oauth.authorization import transaction
from idp.oauth.authorization.flow import CANCEL
from idp.oauth.authorization.repeating import Repeating
from idp.oauth.authorization.transaction import Transaction
from idp.oauth.client import Client
from idp.oauth.clients import Clients
from idp.oauth.errors import AccessDenied, Redirected
from idp.oauth.way_back import SERVICE, told

_ERRANDS = ("return_to", "leave_to")


class WaysBack:
    """Finds the transaction that a request belongs to, and so the service."""

    def __init__(
        self, runtime: Runtime, clients: Clients, repeating: Repeating, issuer: str
    ) -> None:
        self._runtime = runtime
        self._clients = clients
        self._repeating = repeating
        self._issuer = issuer

    def of(self, request: Request, errand: str | None = None) -> WayBack | None:
        """The way back, and the page in the language that the service wished for; None where
        nothing says which service it was. `errand`: where the person would have gone on."""
        named: Client | None = request.scope.get(SERVICE)
        if named is not None:
            return WayBack(named.name, home(named))
        handle = _handle(request, errand)
        if not handle:
            return None
        with self._runtime.database.read() as uow:
            found = transaction.look_up(uow, handle)
        if found is None:
            return None
        sent = found.request
        client = self._clients.find(found.client_id, self._runtime.clock.now())
        if client is None or not client.active or not client.owns_redirect(sent.redirect_uri):
            return None
        self._runtime.pages.prefer(request, sent.ui_locales or "")
        return WayBack(client.name, self._place(request, found, client))

    def _place(self, request: Request, found: Transaction, client: Client) -> str:
        sent = found.request
        if not found.was_begun_by(web.browser_ids(request)):
            # Its `state` is between the service and another browser.
            return home(client, sent.redirect_uri)
        if found.state == transaction.ANSWERED:
            led_to = self._repeating.place(found, self._runtime.clock.now())
            # What is posted or signed is no link: the service has had it, or asks anew.
            return led_to if led_to and told(led_to) is None else home(client, sent.redirect_uri)
        place = Redirected(
            AccessDenied("The sign-in was not finished."),
            way_back=sent.way_back,
            issuer=self._issuer,
        ).location
        return place if told(place) is None else f"{CANCEL}?transaction={found.handle}"


def home(client: Client, redirect_uri: str | None = None) -> str:
    """The page of a service: the one that it registered, or the root of where it is sent codes;
    empty for a program on the person's own machine."""
    if client.client_uri is not None:
        return client.client_uri
    known = client.redirect_uris if redirect_uri is None else (redirect_uri,)
    places = {urlsplit(uri)[:2] for uri in known}
    if len(places) != 1:
        return ""
    scheme, host = places.pop()
    return f"{scheme}://{host}/" if scheme == "https" or host.startswith("localhost") else ""


def _handle(request: Request, errand: str | None) -> str:
    """The handle of the transaction: in the form, the query, or the way that it was to go on."""
    sent = request.query_params
    for path in (errand, *(sent.get(name) for name in _ERRANDS)):
        for handle in parse_qs(urlsplit(path or "").query).get("transaction", ()):
            return handle
    if named := sent.get("transaction"):
        return str(named)
    try:
        return web.form(request).get("transaction", "") if request.method == "POST" else ""
    except CivitasError:
        return ""
