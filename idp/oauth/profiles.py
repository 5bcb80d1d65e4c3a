"""Security profiles as one switch of a client — FAPI 2.0 Security Profile §5, Message Signing §5.

The switch says what the registration leaves open, and refuses by name what does not fit. What has
to be looked at in each request asks `Client.profile`; this is the list of what that is:

- requests are pushed, with PKCE; answers of Message Signing are signed (`authorization.checks`)
- request objects of Message Signing have `nbf`, and may be for others as well (`request_object`)
- the `aud` of an assertion is the issuer, as a text (`private_key_jwt`)
- proofs are by the profile's algorithms (`grants.pipeline`)
- refresh tokens are not rotated (`grants.refresh_token`)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idp.oauth.client import Client

SECURITY = "fapi2-security"
MESSAGE_SIGNING = "fapi2-message-signing"
PROFILES = (SECURITY, MESSAGE_SIGNING)
ALGORITHMS = ("PS256", "ES256", "EdDSA")
"""FAPI 2.0 Security Profile §5.4.1."""
METHODS = ("private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth")


def completed(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """The registration with what its profile says where it says nothing; as it is without one."""
    profile = metadata.get("profile")
    if profile not in PROFILES:
        return metadata
    implied: dict[str, Any] = {
        "token_endpoint_auth_method": METHODS[0],
        "assertion_audience": "issuer",
        "id_token_signed_response_alg": "ES256",
        "authorization_signed_response_alg": "ES256",
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": not metadata.get("tls_client_certificate_bound_access_tokens"),
    }
    if profile == MESSAGE_SIGNING:
        implied["require_signed_request_object"] = True
    return {**implied, **metadata}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a member has to be, and why. `only`: the one profile that asks for it."""

    member: str
    fits: Callable[[Client], bool]
    must: str
    only: str | None = None


RULES: tuple[Rule, ...] = (
    Rule(
        "token_endpoint_auth_method",
        lambda client: client.token_endpoint_auth_method in METHODS,
        f"must be one of {', '.join(METHODS)} (§5.3.2.1)",
    ),
    Rule(
        "jwks",
        lambda client: all(key["alg"] in ALGORITHMS for key in client.jwks),
        f"must have keys for {', '.join(ALGORITHMS)} alone, each with its alg (§5.4.1)",
    ),
    Rule(
        "id_token_signed_response_alg",
        lambda client: client.id_token_signed_response_alg in ALGORITHMS,
        "must be ES256 (§5.4.1)",
    ),
    Rule(
        "authorization_signed_response_alg",
        lambda client: client.signs_responses_by in ALGORITHMS,
        "must be ES256 (§5.4.1)",
    ),
    Rule(
        "require_pushed_authorization_requests",
        lambda client: client.require_pushed_authorization_requests,
        "must be true (§5.3.2.2)",
    ),
    Rule(
        "grant_types",
        lambda client: not any(grant.endswith(":device_code") for grant in client.grant_types),
        "must be without the device code grant, which has no pushed request (§5.3.2.2)",
    ),
    Rule("require_pkce", lambda client: client.require_pkce, "must be true (§5.3.2.2)"),
    Rule(
        "dpop_bound_access_tokens",
        lambda client: client.dpop_bound_access_tokens or client.certificate_bound_access_tokens,
        "or tls_client_certificate_bound_access_tokens must be true (§5.3.2.1)",
    ),
    Rule(
        "assertion_audience",
        lambda client: client.assertion_audience == "issuer",
        "must be issuer (§5.3.2.1)",
    ),
    Rule(
        "require_signed_request_object",
        lambda client: client.require_signed_request_object,
        "must be true (Message Signing §5.3.1)",
        MESSAGE_SIGNING,
    ),
)


def faults(client: Client) -> list[tuple[str, str]]:
    """What of a registration does not fit its profile: the member, and what it has to be."""
    profile = client.profile
    if profile is None:
        return []
    asked = (rule for rule in RULES if rule.only in (None, profile))
    return [(rule.member, rule.must) for rule in asked if not rule.fits(client)]
