"""The token endpoint's one pipeline: every grant passes every step — RFC 6749 §3.2, §5.1.

    proof → authenticate client → sender constraint → scope → decide → consume and audit → issue

A grant type only proposes; it can neither skip a step nor issue anything by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from starlette.requests import Request

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from foundation.web import Form
from idp.oauth import details, grant_store, profiles, resources, scopes
from idp.oauth.client import OPENID
from idp.oauth.client_authentication import Authenticator
from idp.oauth.dpop import Proofs
from idp.oauth.errors import (
    InvalidAuthorizationDetails,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from idp.oauth.families import Families
from idp.oauth.grant import Grant
from idp.oauth.grants.proposal import GrantType, Proposal, TokenRequest
from idp.oauth.ports import Ceiling
from idp.oauth.proving import proof_of, spend
from idp.oauth.release import Releases
from idp.oauth.settings import OAuthSettings
from idp.oauth.tokens import access_token, id_token
from idp.oauth.tokens.access_token import AccessToken
from idp.oauth.watching import SIGNED_IN, TOKENS, Watching
from policies import acr_of


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the steps need; `grant_types` is the list of what this server can grant."""

    runtime: Runtime
    settings: OAuthSettings
    issuer: str
    authenticator: Authenticator
    proofs: Proofs
    grant_types: Sequence[GrantType]
    families: Families
    releases: Releases
    ceiling: Ceiling
    detail_types: details.Types
    watching: Watching

    def run(self, request: Request, form: Form) -> Mapping[str, Any]:
        """The token response of §5.1. Raises the errors of §5.2."""
        now = self.runtime.clock.now()
        proof = proof_of(self.proofs, request, now)
        caller = self.authenticator.authenticate(request, form, now)
        return self.answer(TokenRequest(form, caller, now, proof))

    def answer(self, asked: TokenRequest) -> Mapping[str, Any]:
        """The same for a client that was proven."""
        now = asked.now
        proposal = self._never_above(self._grant_type(asked).propose(asked))
        bound_to = _sender_constraint(asked, proposal)
        scope = _scope(asked, proposal)
        audience = self._audience(asked, proposal)
        allowed = self._details(asked, proposal)
        released = self._decide(asked, proposal)
        refresh_token = self._consume(asked, proposal, released)
        token = self._access_token(asked, proposal, scope, audience, bound_to)
        if allowed:
            token = replace(token, authorization_details=allowed)
        if proposal.actor is not None:
            token = _on_behalf(token, proposal)
        encoded = access_token.encode(self.runtime.keys, token)
        response: dict[str, Any] = {
            "access_token": encoded,
            "token_type": token.type,
            "expires_in": int((token.expires_at - now).total_seconds()),
        }
        if scope:
            response["scope"] = scopes.render(scope)
        if proposal.issued_token_type is not None:
            response["issued_token_type"] = proposal.issued_token_type  # RFC 8693 §2.2.1
        if allowed:
            response["authorization_details"] = list(allowed)  # RFC 9396 §7
        if refresh_token is not None:
            response["refresh_token"] = refresh_token
        if proposal.grant is not None and OPENID in scope:
            response["id_token"] = id_token.encode(
                self.runtime.keys,
                self.issuer,
                asked.client,
                proposal.grant,
                access_token=encoded,
                released=released,
                now=now,
                lifetime=timedelta(seconds=self.settings.id_token_seconds),
                nonce=proposal.first,
            )
        self.watching.went_well(asked.client, SIGNED_IN if proposal.first else TOKENS)
        return response

    def _never_above(self, proposal: Proposal) -> Proposal:
        """The level of a grant is that of its day; what is issued today is not above our own."""
        grant = proposal.grant
        if grant is None:
            return proposal
        return replace(proposal, grant=replace(grant, level=min(grant.level, self.ceiling())))

    def _grant_type(self, asked: TokenRequest) -> GrantType:
        name = asked.form.required("grant_type", InvalidRequest)
        found = next((g for g in self.grant_types if g.name == name), None)
        if found is None:
            known = ", ".join(g.name for g in self.grant_types)
            raise UnsupportedGrantType(f"grant_type must be one of {known}.")
        if name not in asked.client.grant_types:
            raise UnauthorizedClient(f"This client is not registered for {name}.")
        return found

    def _audience(self, asked: TokenRequest, proposal: Proposal) -> str:
        """The one resource of the token: as granted, or as asked by a client for itself."""
        if proposal.audience is not None:
            return proposal.audience
        resource = asked.form.get("resource") or None
        if resources.is_ours(resource, self.issuer):
            resource = self.issuer
        if proposal.grant is not None:
            granted = proposal.grant.audience or self.issuer
            if resource is not None and resource != granted:
                raise InvalidTarget("resource is not the one of the authorization request.")
            return granted
        if resource is not None and resource not in (*asked.client.audiences, self.issuer):
            raise InvalidTarget("This client is not registered for that resource.")
        return resource or self.issuer

    def _details(self, asked: TokenRequest, proposal: Proposal) -> tuple[details.Detail, ...]:
        """What the person allowed in detail, or those of it that are asked for (RFC 9396 §6)."""
        granted = () if proposal.grant is None else proposal.grant.authorization_details
        if proposal.details is not None:
            granted = proposal.details
        text = asked.form.get("authorization_details") or None
        if text is None:
            return granted
        try:
            wanted = details.parse(text, self.detail_types, asked.client)
        except details.Unusable as reason:
            raise InvalidAuthorizationDetails(f"authorization_details: {reason}.") from None
        allowed = []
        for one in wanted:
            found = details.matching(one, granted)
            if found is None:
                raise InvalidAuthorizationDetails(
                    f"authorization_details: {one['type']} was not allowed so by anybody."
                )
            allowed.append(found)
        return tuple(allowed)

    def _decide(self, asked: TokenRequest, proposal: Proposal) -> Mapping[str, Any]:
        """Claims for the ID token that the policy permits to release now."""
        grant = proposal.grant
        if grant is None or not proposal.first or not grant.id_token_attributes:
            return {}
        return self.releases.release(grant, grant.id_token_attributes, asked.now)

    def _consume(
        self, asked: TokenRequest, proposal: Proposal, released: Mapping[str, Any]
    ) -> str | None:
        if proposal.consume is None and asked.proof is None:
            return None
        with self.runtime.database.write() as uow:
            if asked.proof is not None:
                spend(self.proofs, uow, asked.proof, asked.now)
            if proposal.consume is None:
                return None
            refresh_token = proposal.consume(uow)
            self._confirm(uow, asked, proposal.grant)
            if proposal.first and proposal.grant is not None:
                self._audit_sign_in(uow, proposal.grant, tuple(released))
        return refresh_token

    def _confirm(self, uow: UnitOfWork, asked: TokenRequest, grant: Grant | None) -> None:
        # A withdrawal may have come between reading the grant and this write.
        if grant is not None and not grant_store.use(uow, grant.id, asked.now):
            raise InvalidGrant("The authorization has just ended; sign in again.")

    def _audit_sign_in(self, uow: UnitOfWork, grant: Grant, attributes: tuple[str, ...]) -> None:
        self.runtime.audit.record(
            uow,
            "service.signed_in",
            Actor("service", grant.client_id),
            persons=[grant.person_id],
            details={
                "service": grant.client_id,
                "purpose": grant.purpose,
                "level": grant.level,
                "attributes": list(attributes),
                **_allowed(grant),
            },
        )

    def _access_token(
        self,
        asked: TokenRequest,
        proposal: Proposal,
        scope: tuple[str, ...],
        audience: str,
        bound_to: Confirmation,
    ) -> AccessToken:
        grant = proposal.grant
        token = AccessToken(
            issuer=self.issuer,
            subject=asked.client.id if grant is None else grant.subject,
            audience=audience,
            client_id=asked.client.id,
            scope=scope,
            issued_at=asked.now,
            expires_at=asked.now + timedelta(seconds=self.settings.access_token_seconds),
            id=access_token.new_id(),
            certificate_thumbprint=bound_to.certificate,
            key_thumbprint=bound_to.key,
        )
        if grant is None:
            return token
        return replace(
            token,
            subject=self.releases.subject_for(grant, audience, self.issuer, asked.now),
            grant_id=grant.id,
            purpose=grant.purpose,
            acr=acr_of(grant.level),
            amr=grant.amr,
            auth_time=grant.auth_time_told,
        )


def _on_behalf(token: AccessToken, proposal: Proposal) -> AccessToken:
    """Who acts stands in it, and it ends with the token that was shown (RFC 8693 §4.1)."""
    ends = min(token.expires_at, proposal.not_after or token.expires_at)
    return replace(token, actor=proposal.actor, expires_at=ends)


def _allowed(grant: Grant) -> Mapping[str, Any]:
    """What the ledger keeps of it: which kinds, and not how much to whom."""
    kinds = [detail["type"] for detail in grant.authorization_details]
    return {"allowed": kinds} if kinds else {}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a token is bound to — RFC 7800, as `x5t#S256` and `jkt`."""

    certificate: str | None
    key: str | None


def _sender_constraint(asked: TokenRequest, proposal: Proposal) -> Confirmation:
    """The certificate and the key to bind the token to — RFC 8705 §3, §4; RFC 9449 §5."""
    key = asked.key_thumbprint
    if asked.client.profile and asked.proof and asked.proof.algorithm not in profiles.ALGORITHMS:
        allowed = ", ".join(profiles.ALGORITHMS)
        raise InvalidDpopProof(f"alg of the DPoP proof must be one of {allowed} for this client.")
    if proposal.required_key not in (None, key):
        raise InvalidGrant("This refresh token is bound to another key (RFC 9449 §5).")
    if asked.client.dpop_bound_access_tokens and key is None:
        raise InvalidDpopProof(
            "This client's tokens are bound to its key: send a proof in the header DPoP "
            "(RFC 9449 §5)."
        )
    presented = asked.caller.certificate_thumbprint
    if proposal.required_thumbprint not in (None, presented):
        raise InvalidGrant("This refresh token is bound to another client certificate.")
    if asked.client.certificate_bound_access_tokens and presented is None:
        raise InvalidRequest(
            "This client's tokens are bound to its certificate: use the mTLS token endpoint."
        )
    bound = asked.client.certificate_bound_access_tokens
    return Confirmation(presented if bound or proposal.required_thumbprint else None, key)


def _scope(asked: TokenRequest, proposal: Proposal) -> tuple[str, ...]:
    """The scope asked for, within what may be issued — RFC 6749 §3.3, §6."""
    text = asked.form.get("scope")
    if not text:
        return proposal.scope_limit
    try:
        wanted = scopes.parse(text)
    except scopes.MalformedScope:
        raise InvalidScope("scope is malformed (RFC 6749 §3.3).") from None
    for scope in wanted:
        if scope not in proposal.scope_limit:
            raise InvalidScope(f"The scope {scope} is not granted to this client.")
    return wanted
