"""Which attributes a request asks for, within what its client is registered for — privacy P-2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idp.oauth.authorization.request import AuthorizationRequest
from idp.oauth.client import Client
from idp.oauth.details import credentials_in
from policies import Catalogue


@dataclass(frozen=True, slots=True)
class Wishes:
    """Reads a request against the catalogue; decides nothing."""

    catalogue: Catalogue

    def requested(self, request: AuthorizationRequest, client: Client) -> tuple[str, ...]:
        """Everything that is asked for, at either place, each once."""
        return tuple(
            dict.fromkeys(
                (*self.for_userinfo(request, client), *self.for_id_token(request, client))
            )
        )

    def for_userinfo(self, request: AuthorizationRequest, client: Client) -> tuple[str, ...]:
        """Those to be given at userinfo: by scope (§5.4), and by the claims parameter."""
        # A kind of credential has its identifier as a scope: in detail it is the same.
        asked = (*request.scope, *credentials_in(request.authorization_details))
        by_scope = (n for s in asked for n in self.catalogue.attributes_of_scope(s))
        return self._usable((*by_scope, *request.claims.userinfo), request.purpose, client)

    def for_id_token(self, request: AuthorizationRequest, client: Client) -> tuple[str, ...]:
        """Those asked to be in the ID token itself, by the claims parameter only."""
        return self._usable(request.claims.id_token, request.purpose, client)

    def _usable(self, names: Sequence[str], purpose: str, client: Client) -> tuple[str, ...]:
        useful = self.catalogue.purposes[purpose].attributes & client.attributes
        return tuple(dict.fromkeys(name for name in names if name in useful))
