"""What a grant type asks the pipeline to issue, before anything is used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from foundation.database import UnitOfWork
from foundation.web import Form
from idp.oauth.client import Client
from idp.oauth.client_authentication import AuthenticatedClient
from idp.oauth.dpop import Proof
from idp.oauth.grant import Grant


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request by a client that has been authenticated. `proof`: that it holds a key."""

    form: Form
    caller: AuthenticatedClient
    now: datetime
    proof: Proof | None = None

    @property
    def client(self) -> Client:
        return self.caller.client

    @property
    def key_thumbprint(self) -> str | None:
        """Of the key that was proven with this request (RFC 9449 §5)."""
        return None if self.proof is None else self.proof.thumbprint


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be issued if every step of the pipeline agrees.

    `scope_limit`: the most that may be issued. `grant`: None where the client acts for itself.
    `required_thumbprint`: the certificate that what is presented was bound to, `required_key`: the
    key.
    `consume`: uses up what was presented, in the one write of the pipeline, and returns the
    next refresh token if there is one; None where there is nothing to use up (then the pipeline
    does not write at all). `first`: whether this is the answer to the sign-in itself.
    Of an exchange: `audience`, the resource to go on to; `actor`, who acts; `not_after`, when the
    token that was shown ends; `details`, what it allows; `issued_token_type`.
    """

    scope_limit: tuple[str, ...]
    grant: Grant | None = None
    required_thumbprint: str | None = None
    required_key: str | None = None
    consume: Callable[[UnitOfWork], str | None] | None = None
    first: bool = False
    audience: str | None = None
    actor: Mapping[str, Any] | None = None
    not_after: datetime | None = None
    details: tuple[Mapping[str, Any], ...] | None = None
    issued_token_type: str | None = None


class GrantType(Protocol):
    """One value of `grant_type`."""

    name: str

    def propose(self, request: TokenRequest) -> Proposal:
        """Read what is presented and say what it would give. Uses nothing up.

        Raises InvalidGrant or InvalidRequest, with the consequence that a misuse has.
        """
        ...
