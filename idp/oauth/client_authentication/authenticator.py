"""Which client calls, and how it was proven, for every endpoint — RFC 6749 §2.3, §3.2.1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request

from foundation import web
from foundation.errors import TooManyRequests
from foundation.rates import Rates
from idp.oauth.client import CERTIFICATE_METHODS, SECRET_METHODS, Client
from idp.oauth.client_authentication import basic, private_key_jwt
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.client_authentication.tls_client_auth import thumbprint
from idp.oauth.clients import Clients
from idp.oauth.errors import InvalidClient, InvalidRequest, SlowDown
from idp.oauth.way_back import ASKED


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that was proven (or, if public, named), and the certificate it came with."""

    client: Client
    certificate_thumbprint: str | None


class Authenticator:
    """Finds the client of a request and has a method that is on for it prove it."""

    def __init__(
        self, clients: Clients, methods: Sequence[Method], rates: Rates, failures_per_minute: int
    ) -> None:
        self._clients = clients
        self._methods = {method.name: method for method in methods}
        self._rates = rates
        self._limit = failures_per_minute

    def authenticate(
        self, request: Request, form: web.Form, now: datetime, *, public: bool = True
    ) -> AuthenticatedClient:
        """The client that calls.

        `public=False` refuses clients that cannot authenticate. Raises InvalidClient (always the
        same words for an unknown client and a wrong secret), or SlowDown after many failures.
        """
        try:
            offered = Offered(
                form,
                basic.read(request.headers.get("authorization")),
                web.client_certificate(request),
                now,
                request.url.path,
            )
            return self._proven(request, offered, public)
        except NotProven as reason:
            self._count_failure(request, now)
            # What whoever guesses must not learn, the owner and the operator may.
            detail = str(reason.__cause__ or reason)
            told = f"Client authentication failed: {reason}."
            raise InvalidClient(told, detail=detail) from None

    def _proven(self, request: Request, offered: Offered, public: bool) -> AuthenticatedClient:
        client_id = _client_id(offered)
        try:
            network = web.client_network(request)
            client = self._clients.find_for(network, client_id, offered.now)
        except TooManyRequests as limit:
            raise SlowDown(
                "Too many unknown clients from this address.", headers=limit.headers
            ) from None
        if client is not None:
            request.scope[ASKED] = client
        used = _one_method(offered)
        if client is None or not client.active:
            raise NotProven(_UNKNOWN)
        if used == "none" and client.token_endpoint_auth_method in CERTIFICATE_METHODS:
            used = client.token_endpoint_auth_method
        if not client.may_prove_by(used):
            raise NotProven(self._why_not(client, used, offered))
        try:
            self._methods[used].prove(client, offered)
        except NotProven as reason:
            raise NotProven(_UNKNOWN if "secret" in str(reason) else str(reason)) from reason
        if client.is_public and not public:
            raise NotProven("a public client may not use this endpoint")
        certificate = offered.certificate
        return AuthenticatedClient(client, None if certificate is None else thumbprint(certificate))

    def _why_not(self, client: Client, used: str, offered: Offered) -> str:
        """Which method is on, for who tried no secret or the right one. Whoever guesses learns
        nothing: neither that the client is there, nor that a guess was wrong only in its place."""
        if used == "none" or (used in SECRET_METHODS and self._right(client, used, offered)):
            registered = client.token_endpoint_auth_method
            return f"this client is registered for {registered}: {_HOW[registered]}"
        return _UNKNOWN

    def _right(self, client: Client, used: str, offered: Offered) -> bool:
        try:
            self._methods[used].prove(client, offered)
        except NotProven:
            return False
        return True

    def _count_failure(self, request: Request, now: datetime) -> None:
        address = web.client_network(request)
        try:
            minute = timedelta(minutes=1)
            self._rates.check_wrong("oauth.client", address, self._limit, minute, now)
        except TooManyRequests as limit:
            raise SlowDown(
                "Too many failed client authentications from this address.", headers=limit.headers
            ) from None


_UNKNOWN = "the client is unknown, or its credentials are wrong"


_HOW = {
    "client_secret_basic": "send its secret in the Authorization header (HTTP Basic)",
    "client_secret_post": "send its secret in the body, as client_secret",
    "private_key_jwt": "send a client_assertion that its key signed, and no secret",
    "tls_client_auth": "come with its certificate, over the mtls_endpoint_aliases",
    "self_signed_tls_client_auth": "come with its certificate, over the mtls_endpoint_aliases",
    "none": "send its client_id alone, and the code_verifier",
}


def _one_method(offered: Offered) -> str:
    """The one method in use — RFC 6749 §2.3: never more than one in a request."""
    used = offered.methods
    if set(SECRET_METHODS) <= set(used):
        raise InvalidRequest(
            "The client secret came twice, in the Authorization header and in the body: send it "
            "in one of them (RFC 6749 §2.3)."
        )
    if len(used) > 1:
        raise InvalidRequest(
            f"The client proves itself in two ways at once, {' and '.join(used)}: use one of them "
            "(RFC 6749 §2.3)."
        )
    return used[0] if used else "none"


def _client_id(offered: Offered) -> str:
    """The one client that all parts of the request name."""
    named = [
        value
        for value in (
            offered.basic[0] if offered.basic else None,
            offered.form.get("client_id"),
            private_key_jwt.client_id_of(offered.form["client_assertion"])
            if "client_assertion" in offered.form
            else None,
        )
        if value
    ]
    if not named:
        raise NotProven("no client is named; send client_id, or an Authorization header")
    if len(set(named)) > 1:
        raise InvalidRequest("The request names two different clients.")
    return named[0]
