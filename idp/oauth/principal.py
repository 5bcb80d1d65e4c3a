"""Who calls with an access token, of services and devices: for the principal port — RFC 6750."""

from __future__ import annotations

from starlette.requests import Request

from foundation.clock import Clock
from foundation.errors import wants_page
from foundation.web import Principal
from idp.oauth import bearer
from idp.oauth.bearer import Bearers


class TokenPrincipals:
    """Tells services and devices apart by the client of their own token.

    A token that a person granted is never a citizen here: what a service may do with it is
    userinfo, and nothing else of this service.
    """

    def __init__(self, bearers: Bearers, issuer: str, clock: Clock) -> None:
        self._bearers = bearers
        self._issuer = issuer
        self._clock = clock

    def principal(self, request: Request) -> Principal | None:
        """The caller, or None without a bearer token. Raises InvalidToken for a dead one.

        A page that is being rendered asks too, an error page included; there a bearer token
        says nothing, and must not become another error.
        """
        presented = bearer.read(request)
        if presented is None or wants_page(request):
            return None
        found = self._bearers.active(request, presented, self._clock.now())
        if found.grant is not None or found.token.audience != self._issuer:
            return None
        kind = "device" if found.client.kind == "device" else "service"
        return Principal(kind=kind, id=found.client.id, scopes=frozenset(found.token.scope))
