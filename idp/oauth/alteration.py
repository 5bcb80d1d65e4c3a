"""A change of a registered client, and what follows from it — RFC 7592 §2.2, RFC 9700 §4.14."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from idp.oauth.client import Client

_RESTED_ON = (
    "scopes", "purposes", "attributes", "audiences", "grant_types", "authorization_details_types",
)  # fmt: skip
_CHANGES = {
    "client_name": "name",
    "sector": "sector",
    "scope": "scopes",
    **{name: name for name in ("redirect_uris", "post_logout_redirect_uris", "resource", "jwks",
                               "token_endpoint_auth_method", "id_token_signed_response_alg",
                               "require_pkce", "client_uri", "policy_uri", "contacts",
                               "required_attributes", "tls_client_auth_subject_dn",
                               "require_signed_request_object", "assertion_audience",
                               "require_pushed_authorization_requests",
                               "backchannel_logout_uri", "backchannel_logout_session_required",
                               "frontchannel_logout_uri", "frontchannel_logout_session_required",
                               "initiate_login_uri", "jwks_uri", "require_nonce",
                               "userinfo_signed_response_alg",
                               "authorization_signed_response_alg", "authorization_details_types",
                               "purposes", "attributes", "audiences", "grant_types")},
    "dpop_bound_access_tokens": "dpop_bound_access_tokens",
    "profile": "profile",
    "tls_client_auth_san": "tls_client_auth_san",
    "token_endpoint_auth_method_only": "only_this_method",
    "tls_client_certificate_bound_access_tokens": "certificate_bound_access_tokens",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alteration:
    """`metadata`: what the registration says after it."""

    before: Client
    after: Client
    metadata: Mapping[str, Any]

    @property
    def members(self) -> list[str]:
        """The members of RFC 7591 whose meaning changes."""
        return [
            member
            for member, field in _CHANGES.items()
            if getattr(self.before, field) != getattr(self.after, field)
        ]

    @property
    def subjects_change(self) -> bool:
        """Whether people get another `sub` at it: by that alone nobody there is known again."""
        return _sector(self.before) != _sector(self.after)

    @property
    def ends_what_it_was_given(self) -> bool:
        """Grants and tokens say what was registered; what is taken away has to leave them."""
        return self.subjects_change or any(self._less(name) for name in _RESTED_ON)

    @property
    def ends_codes(self) -> bool:
        """A code, or a request that waits, may be on its way to an address that was taken off."""
        return self._less("redirect_uris")

    @property
    def cannot_be_undone(self) -> bool:
        """Whether somebody has to be asked first."""
        return self.subjects_change

    def _less(self, field: str) -> bool:
        return bool(set(getattr(self.before, field)) - set(getattr(self.after, field)))


def _sector(client: Client) -> tuple[str, str | None]:
    return str(client.sector), getattr(client.sector, "former", None)
