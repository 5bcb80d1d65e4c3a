"""What this server supports, as its metadata says it — RFC 8414 §2, OpenID Connect Discovery §3."""

from __future__ import annotations

from typing import Any

from foundation.settings import Jurisdiction, Server, Settings
from idp.oauth import dpop
from idp.oauth.authorization.checks import PROMPTS
from idp.oauth.client import (
    AUTHENTICATION_METHODS,
    GRANT_TYPES,
    OFFLINE_ACCESS,
    OPENID,
    OPENID_CREDENTIAL,
    PRE_AUTHORIZED_CODE,
    SIGNING_ALGORITHMS,
)
from idp.oauth.settings import ClientsSettings, OAuthSettings
from idp.oauth.way_back import RESPONSE_MODES
from policies import Catalogue, PoliciesSettings

PATHS = {
    "authorization_endpoint": "/oauth/authorize",
    "pushed_authorization_request_endpoint": "/oauth/par",
    "device_authorization_endpoint": "/oauth/device_authorization",
    "token_endpoint": "/oauth/token",
    "userinfo_endpoint": "/oauth/userinfo",
    "jwks_uri": "/oauth/jwks",
    "introspection_endpoint": "/oauth/introspect",
    "revocation_endpoint": "/oauth/revoke",
    "backchannel_authentication_endpoint": "/oauth/backchannel-authentication",
    "end_session_endpoint": "/oauth/end-session",
    "check_session_iframe": "/oauth/check-session",
}
OVER_TLS = (
    "backchannel_authentication_endpoint",
    "device_authorization_endpoint",
    "pushed_authorization_request_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
)
CLIENT_ALGORITHMS = ("ES256", "ES384", "EdDSA", "RS256", "PS256")
PROTOCOL_CLAIMS = ("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "sid", "nonce")


def provider_metadata(settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    """The whole document; also the `openid_provider` metadata of the federation."""
    server = settings.of(Server)
    authenticated = [method for method in AUTHENTICATION_METHODS if method != "none"]
    metadata: dict[str, Any] = {
        "issuer": server.url,
        **{name: server.url + path for name, path in PATHS.items()},
        "scopes_supported": [OPENID, OFFLINE_ACCESS, *catalogue.scopes()],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": _grant_types(catalogue),
        "subject_types_supported": ["pairwise"],
        "acr_values_supported": [
            level.acr
            for number, level in catalogue.levels.items()
            if number <= settings.of(PoliciesSettings).organisation_level
        ],
        "claims_supported": [*PROTOCOL_CLAIMS, *_claims(catalogue)],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": True,
        "prompt_values_supported": sorted(PROMPTS),
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "userinfo_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "authorization_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "token_endpoint_auth_methods_supported": list(AUTHENTICATION_METHODS),
        "token_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": authenticated,
        "introspection_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "introspection_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(AUTHENTICATION_METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "request_parameter_supported": True,
        "request_uri_parameter_supported": False,
        "require_request_uri_registration": False,
        "require_pushed_authorization_requests": settings.of(
            OAuthSettings
        ).require_pushed_authorization_requests,
        "request_object_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "authorization_details_types_supported": list(catalogue.authorization_types),
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        "authorization_response_iss_parameter_supported": True,
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_authentication_request_signing_alg_values_supported": list(CLIENT_ALGORITHMS),
        "backchannel_user_code_parameter_supported": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "tls_client_certificate_bound_access_tokens": True,
        "ui_locales_supported": list(settings.of(Jurisdiction).languages),
    }
    if settings.of(ClientsSettings).dynamic_registration:
        metadata["registration_endpoint"] = server.url + "/oauth/register"
    if OPENID_CREDENTIAL in catalogue.authorization_types:
        # OpenID4VCI §12.3: each wallet is registered, and says which one it is.
        metadata["pre-authorized_grant_anonymous_access_supported"] = False
    if server.tls_url is not None:
        metadata["mtls_endpoint_aliases"] = {
            name: server.tls_url + PATHS[name] for name in OVER_TLS
        }
    return metadata


def _grant_types(catalogue: Catalogue) -> list[str]:
    """Offers to wallets are for who issues credentials."""
    issues = OPENID_CREDENTIAL in catalogue.authorization_types
    return [grant for grant in GRANT_TYPES if issues or grant != PRE_AUTHORIZED_CODE]


def _claims(catalogue: Catalogue) -> list[str]:
    """What a token may say of a person; documents are fetched, and are no part of one."""
    told = [row for row in catalogue.attributes.values() if row.type != "document"]
    checked = [row.checked_as for row in told if row.checked_as is not None]
    return [*(row.name for row in told), *checked]
