"""Access tokens at our resources, and what binds them — RFC 6750, RFC 8705 §3, RFC 9449 §7."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from foundation import web
from idp.oauth.active_tokens import ActiveToken, ActiveTokens
from idp.oauth.client_authentication.tls_client_auth import thumbprint
from idp.oauth.dpop import Proofs
from idp.oauth.errors import InvalidDpopToken, InvalidToken, MissingToken
from idp.oauth.proving import prove
from idp.oauth.tokens.jws import NotOurs


@dataclass(frozen=True, slots=True)
class Presented:
    """A token as it came. `by_key`: by the scheme DPoP, so with a proof."""

    value: str
    by_key: bool = False


def read(request: Request) -> Presented | None:
    """The token of the Authorization header, or None if there is none of either scheme."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    scheme, value = scheme.lower(), value.strip()
    if not value or scheme not in ("bearer", "dpop"):
        return None
    return Presented(value, by_key=scheme == "dpop")


def required(presented: Presented | None) -> Presented:
    """The token. Raises MissingToken, whose challenge names no error (§3.1)."""
    if presented is None:
        raise MissingToken("Send an access token in the Authorization header.")
    return presented


@dataclass(frozen=True, slots=True)
class Bearers:
    """Looks at tokens that are presented to us."""

    tokens: ActiveTokens
    proofs: Proofs

    def active(self, request: Request, presented: Presented, now: datetime) -> ActiveToken:
        """The live token, held by the certificate and by the key that it is bound to. Raises
        InvalidToken, DpopError."""
        invalid = InvalidDpopToken if presented.by_key else InvalidToken
        try:
            found = self.tokens.find(presented.value, now)
        except NotOurs as reason:
            raise invalid("The access token is not valid (any more).", detail=str(reason)) from None
        bound_to = found.token.certificate_thumbprint
        if bound_to is not None:
            certificate = web.client_certificate(request)
            shown = "" if certificate is None else thumbprint(certificate)
            if not hmac.compare_digest(shown, bound_to):
                raise invalid("The access token is bound to another client certificate.")
        self._check_key(request, presented, found.token.key_thumbprint, now)
        return found

    def _check_key(
        self, request: Request, presented: Presented, key: str | None, now: datetime
    ) -> None:
        if presented.by_key and key is None:
            raise InvalidDpopToken("The access token is bound to no key: send it as Bearer.")
        if presented.by_key and key is not None:
            prove(self.proofs, request, presented.value, key, now)
        elif key is not None:
            # RFC 9449 §7.2: else who stole it would leave out the proof.
            raise InvalidToken("The access token is bound to a key: send it by the scheme DPoP.")
