"""Who vouches for what an entity says of itself — OpenID Federation §3.1.1, §5, §6; failures 19.

An entity signs its own metadata, so a signature proves who said a thing, and never that it is so.
`MEMBERS` says for every member who must stand behind it; what is not here is not read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Voucher = Literal["entity", "superior", "mark", "nobody"]
"""`entity`: its own word is enough, since it binds only itself. `superior`: a statement above it
(metadata, or a policy that names the values), or our operator. `mark`: a trust mark of the anchor.
`nobody`: ignored, whoever says it."""

RELYING_PARTY = "openid_relying_party"
PROVIDER = "openid_provider"
FEDERATION_ENTITY = "federation_entity"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the metadata of one entity type: who vouches, and what is made of it."""

    entity_type: str
    name: str
    voucher: Voucher
    taken_as: str


_OURS = "our own word, for what is registered by hand"

MEMBERS: tuple[Member, ...] = (
    Member(RELYING_PARTY, "attributes", "superior", "else the claims of its scopes"),
    Member(RELYING_PARTY, "audiences", "superior", "else tokens for us alone"),
    Member(RELYING_PARTY, "client_name", "superior", "else the host, and what it calls itself"),
    Member(RELYING_PARTY, "purpose", "superior", "else `identity.sign-in`"),
    Member(RELYING_PARTY, "purposes", "superior", "else `identity.sign-in`"),
    Member(RELYING_PARTY, "resource", "superior", "else it receives no tokens"),
    Member(RELYING_PARTY, "scope", "superior",
           "else those of `[federation] relying_party_scope`"),
    Member(RELYING_PARTY, "authorization_signed_response_alg", "entity",
           "of those that we sign by"),
    Member(RELYING_PARTY, "backchannel_logout_session_required", "entity",
           "`sid` is always told"),
    Member(RELYING_PARTY, "backchannel_logout_uri", "entity",
           "at a host of its redirect URIs, else ignored; at public addresses only"),
    Member(RELYING_PARTY, "civitas_passes_on", "entity",
           "the consent page says that a second question follows, at the party"),
    Member(RELYING_PARTY, "client_registration_types", "entity", "`automatic` must be among them"),
    Member(RELYING_PARTY, "dpop_bound_access_tokens", "entity", "binds its own tokens"),
    Member(RELYING_PARTY, "frontchannel_logout_session_required", "entity",
           "its own page learns its own `sid`"),
    Member(RELYING_PARTY, "frontchannel_logout_uri", "entity",
           "of the origin of a redirect URI, else ignored"),
    Member(RELYING_PARTY, "grant_types", "entity",
           "`authorization_code` and `refresh_token`; `client_credentials` needs a superior"),
    Member(RELYING_PARTY, "id_token_signed_response_alg", "entity", "of those that we sign by"),
    Member(RELYING_PARTY, "jwks", "entity", "public keys, each with its algorithm"),
    Member(RELYING_PARTY, "jwks_uri", "entity", "fetched, from public addresses only"),
    Member(RELYING_PARTY, "policy_uri", "entity", "at a host of its redirect URIs, else ignored"),
    Member(RELYING_PARTY, "post_logout_redirect_uris", "entity",
           "those at a host of its redirect URIs"),
    Member(RELYING_PARTY, "redirect_uris", "entity", "exact; the consent page names their host"),
    Member(RELYING_PARTY, "require_pushed_authorization_requests", "entity",
           "binds its own requests"),
    Member(RELYING_PARTY, "response_types", "entity", "`code` must be among them"),
    Member(RELYING_PARTY, "signed_jwks_uri", "entity",
           "fetched, from public addresses only; signed by a key that its superior names"),
    Member(RELYING_PARTY, "subject_type", "entity", "`pairwise`; others are refused"),
    Member(RELYING_PARTY, "tls_client_certificate_bound_access_tokens", "entity",
           "binds its own tokens"),
    Member(RELYING_PARTY, "token_endpoint_auth_method", "entity",
           "`private_key_jwt`; others are refused"),
    Member(RELYING_PARTY, "application_type", "nobody", _OURS),
    Member(RELYING_PARTY, "assertion_audience", "nobody", "always the issuer"),
    Member(RELYING_PARTY, "client_uri", "nobody", "the page names where the code goes"),
    Member(RELYING_PARTY, "contacts", "nobody", _OURS),
    Member(RELYING_PARTY, "default_acr_values", "nobody", "levels are asked for by the request"),
    Member(RELYING_PARTY, "default_max_age", "nobody", "asked for by the request"),
    Member(RELYING_PARTY, "initiate_login_uri", "nobody", "we lead nobody to who describes itself"),
    Member(RELYING_PARTY, "logo_uri", "nobody", "no picture of a stranger is shown"),
    Member(RELYING_PARTY, "organization_name", "nobody", "see `client_name`"),
    Member(RELYING_PARTY, "require_signed_request_object", "nobody", "always signed (§12.1.1)"),
    Member(RELYING_PARTY, "required_attributes", "nobody", "everything is the person's choice"),
    Member(RELYING_PARTY, "scopes", "nobody", _OURS),
    Member(RELYING_PARTY, "sector", "nobody", "its own host, else its entity identifier"),
    Member(RELYING_PARTY, "sector_identifier_uri", "nobody", "see `sector`"),
    Member(RELYING_PARTY, "tls_client_auth_subject_dn", "nobody", "it authenticates by its key"),
    Member(RELYING_PARTY, "tos_uri", "nobody", "not shown"),
    Member(PROVIDER, "authorization_endpoint", "entity", "where its own people are sent"),
    Member(PROVIDER, "issuer", "entity", "its entity identifier itself; any other is not offered"),
    Member(PROVIDER, "jwks", "entity", "keys of its ID tokens, by the one registered algorithm"),
    Member(PROVIDER, "jwks_uri", "entity", "fetched, from public addresses only"),
    Member(PROVIDER, "token_endpoint", "entity", "at public addresses only"),
    Member(PROVIDER, "userinfo_endpoint", "entity", "at public addresses only"),
    Member(PROVIDER, "level", "mark", "the active trust mark of the anchor, whatever it asserts"),
    Member(PROVIDER, "acr_values_supported", "nobody", "see `level`"),
    Member(PROVIDER, "logo_uri", "nobody", "no picture of a stranger is shown"),
    Member(PROVIDER, "organization_name", "nobody", "see `federation_entity`"),
    Member(FEDERATION_ENTITY, "organization_name", "superior", "else its address"),
    Member(FEDERATION_ENTITY, "trust_marks", "mark",
           "issued by the anchor itself to this entity, and active at this moment"),
)  # fmt: skip


def members(entity_type: str, *vouchers: Voucher) -> frozenset[str]:
    """The names of the members of `entity_type` that one of `vouchers` stands behind."""
    return frozenset(
        m.name for m in MEMBERS if m.entity_type == entity_type and m.voucher in vouchers
    )


def vouched_for(
    policy: Mapping[str, Mapping[str, Any]],
    superior: Mapping[str, Any],
    own: Mapping[str, Any],
    resolved: Mapping[str, Any],
) -> dict[str, Any]:
    """The part of `resolved`, the metadata of one entity type, that superiors stand behind.

    `policy`: parameter → operators, merged over the chain. `superior`: what the immediate
    superior's statement says itself. `own`: what the entity says.
    """
    counted: dict[str, Any] = {}
    for name, value in resolved.items():
        operators = policy.get(name, {})
        named = name in superior or operators.keys() & {"value", "one_of", "subset_of"}
        if named or (name not in own and "default" in operators):
            counted[name] = value
        elif "add" in operators:
            # What the superior adds it names; what stood there before it does not.
            counted[name] = operators["add"]
    return counted
