"""The token exchange grant: a resource goes on to the next one for a person — RFC 8693, delegation.

Who received a person's access token gets one for a resource that it is registered for. It names
the person as that resource knows them, and in `act` who acts, with everybody before; it rests on
the same grant, dies with it, and lives no longer than the token that was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foundation.audit import Actor, Audit
from foundation.database import UnitOfWork
from idp.oauth.active_tokens import ActiveToken, ActiveTokens
from idp.oauth.client import TOKEN_EXCHANGE
from idp.oauth.clients import Clients
from idp.oauth.errors import InvalidRequest, InvalidTarget, UnauthorizedClient
from idp.oauth.grant import Grant
from idp.oauth.grants.proposal import Proposal, TokenRequest
from idp.oauth.tokens.jws import NotOurs

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"
MOST_ACTORS = 4


class TokenExchange:
    """Proposes a narrower token; whoever shows the token of somebody else gets nothing."""

    name = TOKEN_EXCHANGE

    def __init__(
        self, tokens: ActiveTokens, clients: Clients, audit: Audit, personal_scopes: frozenset[str]
    ) -> None:
        self._tokens = tokens
        self._clients = clients
        self._audit = audit
        self._personal = personal_scopes

    def propose(self, request: TokenRequest) -> Proposal:
        if request.client.is_public:
            raise UnauthorizedClient("A public client cannot exchange tokens (RFC 8693 §2.1).")
        _check_types(request)
        shown = self._shown(request, "subject_token")
        grant = shown.grant
        if grant is None:
            raise InvalidRequest("subject_token is of nobody: it was given to a client for itself.")
        if request.client.resource is None or shown.token.audience != request.client.resource:
            raise InvalidRequest("subject_token is not for this client: its aud is another one.")
        self._check_actor(request)
        audience = self._audience(request)
        actor = _actor(request.client.id, shown.token.actor)
        useful = request.client.scopes - self._personal
        return Proposal(
            scope_limit=tuple(scope for scope in shown.token.scope if scope in useful),
            grant=grant,
            consume=lambda uow: self._tell(uow, grant, request, audience),
            audience=audience,
            actor=actor,
            not_after=shown.token.expires_at,
            details=shown.token.authorization_details,
            issued_token_type=ACCESS_TOKEN,
        )

    def _shown(self, request: TokenRequest, name: str) -> ActiveToken:
        try:
            return self._tokens.find(request.form.required(name, InvalidRequest), request.now)
        except NotOurs as reason:
            # RFC 8693 §2.2.2: whatever is wrong with it is invalid_request.
            raise InvalidRequest(f"{name} is not valid (any more).", detail=str(reason)) from None

    def _check_actor(self, request: TokenRequest) -> None:
        """`actor_token` may say once more who acts: the client that was authenticated (§2.1)."""
        if not request.form.get("actor_token"):
            return
        acting = self._shown(request, "actor_token")
        if acting.grant is not None or acting.client.id != request.client.id:
            raise InvalidRequest("actor_token must be this client's own: it is the one who acts.")

    def _audience(self, request: TokenRequest) -> str:
        """The one resource to go on to, by its URI; `audience` is taken for `resource`."""
        form = request.form
        named = {form.get("resource") or "", form.get("audience") or ""} - {""}
        if len(named) != 1:
            raise InvalidTarget("Name one resource to go on to, as resource (RFC 8693 §2.1).")
        (resource,) = named
        receiver = self._clients.of_resource(resource)
        if resource not in request.client.audiences or receiver is None or not receiver.active:
            raise InvalidTarget("This client is not registered to go on to that resource.")
        return resource

    def _tell(
        self, uow: UnitOfWork, grant: Grant, request: TokenRequest, audience: str
    ) -> str | None:
        """In the person's ledger: who acts for them, and where. There is no refresh token."""
        self._audit.record(
            uow,
            "service.acted_for",
            Actor("service", request.client.id),
            persons=[grant.person_id],
            details={
                "service": request.client.id,
                "purpose": grant.purpose,
                "audience": audience,
                "for": grant.client_id,
            },
        )
        return None


def _check_types(request: TokenRequest) -> None:
    form = request.form
    if form.get("subject_token_type") not in (ACCESS_TOKEN, JWT):
        raise InvalidRequest(f"subject_token_type must be {ACCESS_TOKEN}.")
    if (form.get("requested_token_type") or ACCESS_TOKEN) not in (ACCESS_TOKEN, JWT):
        raise InvalidRequest(f"requested_token_type must be {ACCESS_TOKEN}.")
    if bool(form.get("actor_token")) is not bool(form.get("actor_token_type")):
        raise InvalidRequest("actor_token and actor_token_type come together (RFC 8693 §2.1).")


def _actor(client_id: str, before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """`act`: who acts now, and in it who acted before (§4.1)."""
    depth, link = 1, before
    while link is not None:
        depth, link = depth + 1, link.get("act")
    if depth > MOST_ACTORS:
        raise InvalidTarget(f"There are {MOST_ACTORS} who act already: the chain ends here.")
    return {"sub": client_id} if before is None else {"sub": client_id, "act": before}
