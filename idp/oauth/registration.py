"""Client metadata, validated at the door — RFC 7591 §2, OpenID Connect Registration 1.0 §2."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

from foundation.cross_origin import origin as origin_of
from idp.oauth import members, profiles, redirects, self_description
from idp.oauth.client import (
    AUTHENTICATION_METHODS,
    CIBA,
    DEVICE_CODE,
    GRANT_TYPES,
    OPENID_CREDENTIAL,
    PRE_AUTHORIZED_CODE,
    SIGNING_ALGORITHMS,
    SUBJECT_MEMBERS,
    TOKEN_EXCHANGE,
    Client,
)
from idp.oauth.members import InvalidClientMetadata, refuse
from idp.oauth.subjects import Sector

_KNOWN = frozenset(
    {
        "application_type",
        "assertion_audience",
        "attribute_reasons",
        "attributes",
        "audiences",
        "authorization_details_types",
        "authorization_signed_response_alg",
        "backchannel_client_notification_endpoint",
        "backchannel_logout_session_required",
        "backchannel_logout_uri",
        "backchannel_token_delivery_mode",
        "backchannel_user_code_parameter",
        "client_name",
        "client_uri",
        "contacts",
        "declared_in",
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
        "profile",
        "post_logout_redirect_uris",
        "purpose",
        "purposes",
        "redirect_uris",
        "registered_itself",
        "require_nonce",
        "require_pkce",
        "require_pushed_authorization_requests",
        "require_signed_request_object",
        "required_attributes",
        "resource",
        "response_types",
        "scope",
        "scopes",
        "sector",
        "sector_identifier_uri",
        "session_management",
        "software_id",
        "software_version",
        "subject_type",
        "test_only",
        *SUBJECT_MEMBERS,
        "tls_client_certificate_bound_access_tokens",
        "token_endpoint_auth_method",
        "token_endpoint_auth_method_only",
        "tos_uri",
        "userinfo_signed_response_alg",
    }
)


LEFT_OPEN: Mapping[str, Any] = {"id_token_signed_response_alg": "RS256"}
"""What a new registration says where it says nothing — OpenID Connect Registration §2. It is
written into the row: a row without it is older, and goes on with ES256."""

_OF_TESTS = frozenset({"authorization_code", "refresh_token"})
_BY_KEY = self_description.AUTHENTICATION
_NOTHING: Mapping[str, Any] = {}


def parse(
    client_id: str,
    metadata: Mapping[str, Any],
    *,
    development: bool,
    kind: Literal["service", "federated"] = "service",
    vouched: Mapping[str, Any] = _NOTHING,
    scope: Collection[str] = self_description.SCOPE,
) -> Client:
    """A Client out of metadata. Raises InvalidClientMetadata, which names the member and says what
    to write.

    An operator's word is enough for all of a `service`, and members that we do not know are
    refused. A `federated` one signs for itself: `vouched` is the part of its resolved metadata that
    others stand behind, `scope` what our operator lets it ask for on its own word.
    """
    if kind == "federated":
        return _federated(client_id, metadata, vouched, scope, development)
    for name in metadata:
        if name not in _KNOWN:
            raise InvalidClientMetadata(f"{name} is not a known member", where=name)
    client = _parsed(client_id, profiles.completed(metadata), development, "service", _sector)
    if not members.flag(metadata, "registered_itself"):
        return client
    # The one name of it that somebody stands behind is the host that people go back to.
    hosts = dict.fromkeys(urlsplit(uri).netloc.lower() for uri in client.redirect_uris)
    return replace(
        client,
        name=", ".join(hosts) or client_id,
        calls_itself=client.name[:100] if client.name.isprintable() else None,
        registered_itself=True,
    )


def _federated(
    client_id: str,
    said: Mapping[str, Any],
    vouched: Mapping[str, Any],
    scope: Collection[str],
    development: bool,
) -> Client:
    if "automatic" not in (members.strings(said, "client_registration_types") or ("automatic",)):
        refuse("client_registration_types", "does not name automatic, and there is no other")
    if said.get("token_endpoint_auth_method", _BY_KEY) != _BY_KEY:
        refuse("token_endpoint_auth_method", f"must be {_BY_KEY} in the federation")
    counted = {**LEFT_OPEN, **self_description.taken(client_id, said, vouched, scope)}
    client = _parsed(client_id, counted, development, "federated", _sector_of_entity)
    return replace(
        client,
        calls_itself=self_description.calls_itself(said, vouched),
        # It changes the words of one page and nothing else: its own word is enough.
        passes_on=said.get(self_description.PASSES_ON) is True,
    )


def _parsed(
    client_id: str,
    metadata: Mapping[str, Any],
    development: bool,
    kind: Literal["service", "federated"],
    sector_of: Callable[[Mapping[str, Any], Sequence[str], str], str],
) -> Client:
    profile = metadata.get("profile")
    method = members.one_of(
        metadata, "token_endpoint_auth_method", AUTHENTICATION_METHODS, "client_secret_basic"
    )
    grants = frozenset(members.strings(metadata, "grant_types") or ("authorization_code",))
    for grant in grants - set(GRANT_TYPES):
        refuse("grant_types", f"{grant!r} is not supported; use {', '.join(GRANT_TYPES)}")
    testing = members.flag(metadata, "test_only")
    # A test runs where it is written: people may come back to http on this machine.
    here = development or testing
    uris = members.redirect_uris(metadata, "redirect_uris", method == "none", here)
    _check_grants(grants, method, uris)
    details = members.strings(metadata, "authorization_details_types")
    _check_needs_of_grants(grants, details, metadata)
    responses = frozenset(members.strings(metadata, "response_types") or ("code",))
    if responses != {"code"}:
        refuse("response_types", "only 'code' is supported")
    if metadata.get("subject_type", "pairwise") != "pairwise":
        refuse("subject_type", "only 'pairwise' is supported")
    keys = members.keys(metadata, lenient=kind == "federated")
    place = None if kind == "federated" else members.address(metadata, "jwks_uri", development)
    for name in ("sector_identifier_uri", "logo_uri", "tos_uri"):
        members.address(metadata, name, development)
    for name in ("software_id", "software_version"):
        members.text(metadata, name)
    signed = members.flag(metadata, "require_signed_request_object")
    bound = members.flag(metadata, "tls_client_certificate_bound_access_tokens")
    by_key = members.flag(metadata, "dpop_bound_access_tokens")
    strict = kind == "federated" or signed or bound or by_key
    by_key_alone = signed or method in ("private_key_jwt", "self_signed_tls_client_auth")
    if by_key_alone and not keys and place is None:
        refuse("jwks", "or jwks_uri is needed: the public keys of this client")
    subject_dn, san = _certificate_names(metadata, method)
    client = Client(
        id=client_id,
        name=members.text(metadata, "client_name")
        or refuse("client_name", "is needed; people read it"),
        kind=kind,
        token_endpoint_auth_method=method,
        sector=sector_of(metadata, uris, client_id),
        only_this_method=members.flag(metadata, "token_endpoint_auth_method_only"),
        require_pkce=_pkce(metadata, method),
        require_nonce=members.flag(metadata, "require_nonce", True),
        grant_types=grants,
        redirect_uris=uris,
        post_logout_redirect_uris=members.redirect_uris(
            metadata, "post_logout_redirect_uris", method == "none", here
        ),
        backchannel_logout_uri=members.address(metadata, "backchannel_logout_uri", development),
        backchannel_logout_session_required=members.flag(
            metadata, "backchannel_logout_session_required"
        ),
        frontchannel_logout_uri=_framed(metadata, uris, development),
        frontchannel_logout_session_required=members.flag(
            metadata, "frontchannel_logout_session_required"
        ),
        # OpenID Connect Core §4: https, also where a machine of a developer is relaxed.
        initiate_login_uri=members.address(metadata, "initiate_login_uri", development=False),
        session_management=members.flag(metadata, "session_management"),
        backchannel_client_notification_endpoint=_pinged_at(metadata, grants, development),
        scopes=members.scope(metadata),
        purposes=members.strings(metadata, "purposes") or members.strings(metadata, "purpose"),
        attributes=frozenset(members.strings(metadata, "attributes")),
        required_attributes=frozenset(members.strings(metadata, "required_attributes")),
        attribute_reasons=members.reasons(metadata),
        resource=members.resource(metadata, "resource"),
        audiences=members.strings(metadata, "audiences"),
        jwks=keys,
        jwks_uri=place,
        id_token_signed_response_alg=members.one_of(
            metadata, "id_token_signed_response_alg", SIGNING_ALGORITHMS, "ES256"
        ),
        authorization_details_types=details,
        authorization_signed_response_alg=(
            members.one_of(metadata, "authorization_signed_response_alg", SIGNING_ALGORITHMS, "")
            if "authorization_signed_response_alg" in metadata
            else None
        ),
        userinfo_signed_response_alg=(
            members.one_of(metadata, "userinfo_signed_response_alg", SIGNING_ALGORITHMS, "")
            if metadata.get("userinfo_signed_response_alg") is not None
            else None
        ),
        assertion_audience=_assertion_audience(metadata, strict),
        tls_client_auth_subject_dn=subject_dn,
        tls_client_auth_san=san,
        profile=members.one_of(metadata, "profile", profiles.PROFILES, "") if profile else None,
        certificate_bound_access_tokens=bound,
        dpop_bound_access_tokens=by_key,
        require_signed_request_object=signed,
        require_pushed_authorization_requests=members.flag(
            metadata, "require_pushed_authorization_requests"
        ),
        policy_uri=members.resource(metadata, "policy_uri"),
        client_uri=members.page(metadata, "client_uri"),
        contacts=members.strings(metadata, "contacts"),
        declared_in=members.text(metadata, "declared_in"),
        test_only=testing,
    )
    if testing:
        _check_test(client)
    wrong = [f"{member} {what}" for member, what in profiles.faults(client)]
    if wrong:
        where = wrong[0].partition(" ")[0]
        raise InvalidClientMetadata(f"{client.profile}: {'; '.join(wrong)}", where=where)
    return client


def _check_test(client: Client) -> None:
    """Nobody looked at it: it signs people in, and reaches nothing else."""
    for grant in sorted(client.grant_types - _OF_TESTS):
        refuse("grant_types", f"{grant!r} is not for a service that is being tested")
    for member in ("resource", "audiences", "authorization_details_types"):
        if getattr(client, member):
            refuse(member, "is not for a service that is being tested")
    for scope in sorted(client.scopes):
        if ":" in scope:
            refuse("scope", f"{scope!r} is not for a service that is being tested")


def _assertion_audience(
    metadata: Mapping[str, Any], strict: bool
) -> Literal["issuer", "token_endpoint"]:
    """OpenID Connect Core §9 names the token endpoint. Whoever signs its requests or binds its
    tokens follows FAPI 2.0 §5.3.2.1, and relying parties of a federation OpenID Federation: there
    an assertion for one server must not work at another that borrows its endpoint's name.
    """
    written = members.one_of(
        metadata,
        "assertion_audience",
        ("issuer", "token_endpoint"),
        "issuer" if strict else "token_endpoint",
    )
    return "issuer" if written == "issuer" else "token_endpoint"


def _check_grants(grants: frozenset[str], method: str, uris: Sequence[str]) -> None:
    if "authorization_code" in grants and not uris:
        refuse("redirect_uris", "is needed: at least one exact URI")
    begins = {"authorization_code", DEVICE_CODE, PRE_AUTHORIZED_CODE, CIBA}
    if "refresh_token" in grants and not grants & begins:
        refuse("grant_types", "refresh_token needs authorization_code beside it")
    alone = sorted(grants & {"client_credentials", TOKEN_EXCHANGE, CIBA})
    if alone and method == "none":
        refuse("grant_types", f"{alone[0]} needs a client that authenticates")


def _check_needs_of_grants(
    grants: frozenset[str], details: Collection[str], metadata: Mapping[str, Any]
) -> None:
    if PRE_AUTHORIZED_CODE in grants and OPENID_CREDENTIAL not in details:
        refuse("authorization_details_types", f"must have {OPENID_CREDENTIAL}: it is a wallet")
    for needed in ("resource", "audiences") if TOKEN_EXCHANGE in grants else ():
        if not metadata.get(needed):
            refuse(needed, "is needed to exchange tokens: what it receives, where it goes on to")


def _certificate_names(
    metadata: Mapping[str, Any], method: str
) -> tuple[str | None, tuple[str, str] | None]:
    """The subject, or the alternative name, that its certificate has: exactly one of the members
    (RFC 8705 §2.1.2)."""
    named = [name for name in SUBJECT_MEMBERS if members.text(metadata, name) is not None]
    if method == "tls_client_auth" and not named:
        refuse("tls_client_auth_subject_dn", "is needed: the subject of its certificate, RFC 4514")
    if len(named) > 1:
        refuse(named[1], f"stands beside {named[0]}; write one of them (RFC 8705 §2.1.2)")
    if not named or named[0] == SUBJECT_MEMBERS[0]:
        return members.text(metadata, SUBJECT_MEMBERS[0]), None
    return None, (named[0].rpartition("_")[2], str(members.text(metadata, named[0])))


def _pkce(metadata: Mapping[str, Any], method: str) -> bool:
    """RFC 9700 §2.1.1: a public client has no other proof that it is its own code."""
    required = members.flag(metadata, "require_pkce", True)
    if not required and method == "none":
        refuse("require_pkce", "cannot be false for a public client (RFC 9700 §2.1.1)")
    return required


def _pinged_at(
    metadata: Mapping[str, Any], grants: frozenset[str], development: bool
) -> str | None:
    """CIBA Core §4: who is pinged says where, and nobody else does."""
    name = "backchannel_token_delivery_mode"
    mode = members.one_of(metadata, name, ("poll", "ping"), "poll")
    place = members.address(metadata, "backchannel_client_notification_endpoint", development)
    if metadata.get("backchannel_user_code_parameter"):
        refuse("backchannel_user_code_parameter", "must be false: people have no code for it")
    if mode == "poll" and place is not None:
        refuse(name, "must be ping beside a backchannel_client_notification_endpoint")
    if mode == "ping" and place is None:
        refuse("backchannel_client_notification_endpoint", "is needed to be pinged")
    if mode == "ping" and CIBA not in grants:
        refuse("grant_types", f"must have {CIBA} to be pinged")
    return place


def _framed(metadata: Mapping[str, Any], uris: Sequence[str], development: bool) -> str | None:
    """OpenID Connect Front-Channel Logout 1.0 §2: of the origin of one of its redirect URIs, so
    that nobody has our page frame somebody else's."""
    name = "frontchannel_logout_uri"
    uri = members.address(metadata, name, development)
    if uri is not None and origin_of(uri) not in {origin_of(known) for known in uris}:
        refuse(name, f"{uri!r} is of another origin than all redirect URIs")
    return uri


def _sector(metadata: Mapping[str, Any], uris: Sequence[str], client_id: str) -> str:
    """The sector written, or the one host of all redirect URIs — OpenID Connect Core §8.1."""
    written = members.text(metadata, "sector")
    if written is not None:
        return written
    if len({redirects.host(uri) for uri in uris}) > 1:
        refuse("sector", "is needed, because the redirect URIs have several hosts")
    return Sector.of_host(uris) if uris else client_id


def _sector_of_entity(metadata: Mapping[str, Any], uris: Sequence[str], client_id: str) -> str:
    return self_description.sector(client_id, uris)
