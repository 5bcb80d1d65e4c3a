"""`none`: a public client only names itself; PKCE carries the proof — RFC 6749 §2.1, RFC 7636."""

from __future__ import annotations

from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered


class PublicClient(Method):
    """Nothing is proven here, and nothing is granted for it without a code and its verifier."""

    name = "none"

    def prove(self, client: Client, offered: Offered) -> None:
        if "client_id" not in offered.form and offered.basic is None:
            raise NotProven("client_id is missing")
