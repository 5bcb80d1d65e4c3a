"""The client credentials grant: a service or device acts for itself — RFC 6749 §4.4."""

from __future__ import annotations

from idp.oauth.client import OFFLINE_ACCESS, OPENID
from idp.oauth.errors import UnauthorizedClient
from idp.oauth.grants.proposal import Proposal, TokenRequest

_ABOUT_PEOPLE = frozenset({OPENID, OFFLINE_ACCESS})


class ClientCredentials:
    """There is nobody to ask and nothing to use up: no write, and no refresh token (§4.4.3)."""

    name = "client_credentials"

    def __init__(self, personal_scopes: frozenset[str]) -> None:
        self._personal = personal_scopes | _ABOUT_PEOPLE

    def propose(self, request: TokenRequest) -> Proposal:
        if request.client.is_public:
            raise UnauthorizedClient("A public client cannot act for itself (RFC 6749 §4.4).")
        # Scopes about a person mean nothing without one.
        return Proposal(scope_limit=tuple(sorted(request.client.scopes - self._personal)))
