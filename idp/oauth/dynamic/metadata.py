"""What a client may say of itself, and what becomes of it — RFC 7591 §2, OIDC Registration 1.0 §2.

Nobody vouches for any of it. What binds only the client itself is taken; what reaches further, to
people's data, to other services, to a name that people trust, is an operator's to say, and is
refused by its name. What we do not know is passed over, as §2 asks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

from idp.oauth import redirects
from idp.oauth.client import OFFLINE_ACCESS, SUBJECT_MEMBERS
from idp.oauth.members import InvalidClientMetadata
from idp.oauth.registration import LEFT_OPEN
from idp.oauth.settings import ClientsSettings

OWN_WORD = frozenset(
    {
        "application_type",
        "authorization_signed_response_alg",
        "backchannel_logout_session_required",
        "backchannel_logout_uri",
        "client_name",
        "client_uri",
        "contacts",
        "dpop_bound_access_tokens",
        "frontchannel_logout_session_required",
        "frontchannel_logout_uri",
        "grant_types",
        "id_token_signed_response_alg",
        "initiate_login_uri",
        "jwks",
        "jwks_uri",
        "logo_uri",
        "policy_uri",
        "post_logout_redirect_uris",
        "profile",
        "redirect_uris",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "response_types",
        "scope",
        "sector_identifier_uri",
        "software_id",
        "software_version",
        "subject_type",
        *SUBJECT_MEMBERS,
        "tls_client_certificate_bound_access_tokens",
        "token_endpoint_auth_method",
        "tos_uri",
        "userinfo_signed_response_alg",
    }
)
OPERATORS = frozenset(
    {
        "assertion_audience",
        "attribute_reasons",
        "attributes",
        "audiences",
        "authorization_details_types",
        "declared_in",
        "purpose",
        "purposes",
        "registered_itself",
        "require_nonce",
        "require_pkce",
        "required_attributes",
        "resource",
        "scopes",
        "sector",
        "test_only",
        "session_management",
        "token_endpoint_auth_method_only",
    }
)
"""Members of ours that nobody says of themselves."""
NOT_OFFERED = frozenset(
    {
        "backchannel_client_notification_endpoint",
        "backchannel_token_delivery_mode",
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
        "request_object_encryption_alg",
        "request_object_encryption_enc",
        "software_statement",
        "userinfo_encrypted_response_alg",
        "userinfo_encrypted_response_enc",
    }
)
"""What we know and do not do: who asks for it would be answered otherwise than it expects."""
GRANTS = ("authorization_code", "refresh_token")
_PAGES = ("client_uri", "logo_uri", "policy_uri", "tos_uri")


def taken(asked: Mapping[str, Any], settings: ClientsSettings) -> dict[str, Any]:
    """The members for `registration.parse`. Raises InvalidClientMetadata that names the member."""
    _check_names(asked)
    said = {n: v for n, v in asked.items() if n in OWN_WORD and v is not None}
    for grant in _listed(said.get("grant_types")):
        if grant not in GRANTS:
            _refuse("grant_types", f"{grant!r} is not for clients that register themselves; use "
                    + ", ".join(GRANTS))  # fmt: skip
    hosts = {_host(uri): None for uri in _listed(said.get("redirect_uris"))}
    if not said.get("client_name"):
        said["client_name"] = next(iter(hosts), "")
    away = "refresh_token" in _listed(said.get("grant_types"))
    said["scope"] = _scope(said.get("scope"), settings.dynamic_scope, away)
    said["purposes"] = [settings.dynamic_purpose]
    said["registered_itself"] = True
    # No page of somebody else stands beside its name.
    for name in _PAGES:
        if name in said and _host(said[name]) not in hosts:
            del said[name]
    if said.get("profile") is None:
        said = {**LEFT_OPEN, **said}
        confidential = said.get("token_endpoint_auth_method") != "none"
        if settings.dynamic_without_pkce and confidential:
            said["require_pkce"] = False
    return said


def _check_names(asked: Mapping[str, Any]) -> None:
    for name in sorted(name for name, value in asked.items() if value is not None):
        if name in OPERATORS:
            _refuse(name, "is for an operator to say")
        if name in NOT_OFFERED:
            _refuse(name, "is not supported; leave it out")


def _scope(asked: object, allowed: Collection[str], away: bool) -> str:
    """RFC 7591 §2: who names none gets ours; to act while the person is away only who wants to
    refresh tokens."""
    if asked is None:
        return " ".join(one for one in allowed if away or one != OFFLINE_ACCESS)
    if not isinstance(asked, str):
        _refuse("scope", "must be a text, with spaces between the scopes")
    for one in asked.split():
        if one not in allowed:
            _refuse("scope", f"{one!r} is for an operator to give; ask for {' '.join(allowed)}")
    return asked


def sector_of(document: object, redirect_uris: Collection[str], uri: str) -> str:
    """The host of a `sector_identifier_uri` whose document names every redirect URI — OIDC
    Registration 1.0 §5. Raises InvalidClientMetadata."""
    if not isinstance(document, list) or not all(isinstance(one, str) for one in document):
        _refuse("sector_identifier_uri", "does not lead to a JSON array of addresses")
    for redirect in redirect_uris:
        if redirect not in document:
            _refuse("sector_identifier_uri", f"does not name {redirect!r}, a redirect URI")
    return redirects.host(uri)


def own_sector(client_id: str, redirect_uris: Collection[str]) -> str | None:
    """The sector of a client without such a document: itself, where its redirect URIs have several
    hosts, or one that is none of its own (on loopback each machine is everybody's). None: their
    one host."""
    several = len({redirects.host(uri) for uri in redirect_uris}) != 1
    native = any(uri.startswith("http://") for uri in redirect_uris)
    return client_id if native or several else None


def _host(uri: object) -> str:
    try:
        return urlsplit(uri).netloc.lower() if isinstance(uri, str) else ""
    except ValueError:
        return ""


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _refuse(where: str, what: str) -> NoReturn:
    raise InvalidClientMetadata(f"{where} {what}", where=where)
