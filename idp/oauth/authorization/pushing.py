"""A client pushes its request before the browser comes — RFC 9126 §2."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request

from foundation import web
from foundation.runtime import Runtime
from idp.oauth import pushed_requests
from idp.oauth.authorization.checks import WITH_A_MEANING
from idp.oauth.authorization.reading import Reading
from idp.oauth.client_authentication import Authenticator
from idp.oauth.dpop import Proofs
from idp.oauth.errors import InvalidDpopProof
from idp.oauth.proving import proof_of, spend
from idp.oauth.settings import OAuthSettings


@dataclass(frozen=True, slots=True)
class Pushed:
    """Where the browser finds the request, and for how many seconds."""

    request_uri: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Pushing:
    """Authenticates the client, checks the request as a browser's is checked, and keeps it."""

    runtime: Runtime
    settings: OAuthSettings
    authenticator: Authenticator
    proofs: Proofs
    reading: Reading

    def push(self, http: Request, form: web.Form) -> Pushed:
        """Raises the errors of RFC 6749 §5.2 and §4.1.2.1; nothing is kept of what is refused."""
        now = self.runtime.clock.now()
        proof = proof_of(self.proofs, http, now)
        caller = self.authenticator.authenticate(http, form, now)
        parameters = {name: form[name] for name in (*WITH_A_MEANING, "request") if name in form}
        checked = self.reading.from_client(caller.client, parameters, now)
        seconds = self.settings.pushed_request_seconds
        kept = {n: v for n in WITH_A_MEANING if (v := checked.get(n)) is not None}
        if proof is not None and kept.setdefault("dpop_jkt", proof.thumbprint) != proof.thumbprint:
            raise InvalidDpopProof("dpop_jkt names another key than the DPoP proof (RFC 9449 §10).")
        with self.runtime.database.write() as uow:
            if proof is not None:
                spend(self.proofs, uow, proof, now)
            if caller.client.is_public:
                # Nobody proved anything: what is kept for a network is as bounded as its sign-ins.
                self.runtime.rates.attempt_from(
                    uow,
                    "oauth.authorize",
                    web.client_network(http),
                    self.settings.authorize_per_minute,
                    timedelta(minutes=1),
                    now,
                )
            request_uri = pushed_requests.push(
                uow,
                caller.client.id,
                kept,
                signed=checked.signed,
                now=now,
                lifetime=timedelta(seconds=seconds),
            )
        return Pushed(request_uri, seconds)
