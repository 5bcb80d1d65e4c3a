"""Client metadata, validated at the door — RFC 7591 §2, OpenID Connect Registration 1.0 §2."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn
from urllib.parse import urlsplit

from foundation.cross_origin import origin as origin_of
from foundation.errors import Unprocessable
from idp.oauth import client_keys, profiles, redirects, scopes, self_description
from idp.oauth.client import (
    AUTHENTICATION_METHODS,
    DEVICE_CODE,
    GRANT_TYPES,
    OPENID_CREDENTIAL,
    PRE_AUTHORIZED_CODE,
    SIGNING_ALGORITHMS,
    SUBJECT_MEMBERS,
    TOKEN_EXCHANGE,
    Client,
)
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
        "software_id",
        "software_version",
        "subject_type",
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

LONGEST_REASON = 200
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_BY_KEY = self_description.AUTHENTICATION
_NOTHING: Mapping[str, Any] = {}


class InvalidClientMetadata(Unprocessable):
    """RFC 7591 §3.2.2 `invalid_client_metadata`: `where` names the member."""

    status, code = 422, "invalid_client_metadata"


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
    if not _flag(metadata, "registered_itself"):
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
    if "automatic" not in (_strings(said, "client_registration_types") or ("automatic",)):
        _refuse("client_registration_types", "does not name automatic, and there is no other")
    if said.get("token_endpoint_auth_method", _BY_KEY) != _BY_KEY:
        _refuse("token_endpoint_auth_method", f"must be {_BY_KEY} in the federation")
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
    method = _one_of(
        metadata, "token_endpoint_auth_method", AUTHENTICATION_METHODS, "client_secret_basic"
    )
    grants = frozenset(_strings(metadata, "grant_types") or ("authorization_code",))
    for grant in grants - set(GRANT_TYPES):
        _refuse("grant_types", f"{grant!r} is not supported; use {', '.join(GRANT_TYPES)}")
    uris = _redirects(metadata, "redirect_uris", method == "none", development)
    _check_grants(grants, method, uris)
    details = _strings(metadata, "authorization_details_types")
    _check_needs_of_grants(grants, details, metadata)
    responses = frozenset(_strings(metadata, "response_types") or ("code",))
    if responses != {"code"}:
        _refuse("response_types", "only 'code' is supported")
    if metadata.get("subject_type", "pairwise") != "pairwise":
        _refuse("subject_type", "only 'pairwise' is supported")
    keys = _keys(metadata, lenient=kind == "federated")
    place = None if kind == "federated" else _address(metadata, "jwks_uri", development)
    for name in ("sector_identifier_uri", "logo_uri", "tos_uri"):
        _address(metadata, name, development)
    for name in ("software_id", "software_version"):
        _text(metadata, name)
    signed = _flag(metadata, "require_signed_request_object")
    bound = _flag(metadata, "tls_client_certificate_bound_access_tokens")
    by_key = _flag(metadata, "dpop_bound_access_tokens")
    strict = kind == "federated" or signed or bound or by_key
    by_key_alone = signed or method in ("private_key_jwt", "self_signed_tls_client_auth")
    if by_key_alone and not keys and place is None:
        _refuse("jwks", "or jwks_uri is needed: the public keys of this client")
    subject_dn, san = _certificate_names(metadata, method)
    client = Client(
        id=client_id,
        name=_text(metadata, "client_name") or _refuse("client_name", "is needed; people read it"),
        kind=kind,
        token_endpoint_auth_method=method,
        sector=sector_of(metadata, uris, client_id),
        only_this_method=_flag(metadata, "token_endpoint_auth_method_only"),
        require_pkce=_pkce(metadata, method),
        require_nonce=_flag(metadata, "require_nonce", True),
        grant_types=grants,
        redirect_uris=uris,
        post_logout_redirect_uris=_redirects(
            metadata, "post_logout_redirect_uris", method == "none", development
        ),
        backchannel_logout_uri=_address(metadata, "backchannel_logout_uri", development),
        backchannel_logout_session_required=_flag(metadata, "backchannel_logout_session_required"),
        frontchannel_logout_uri=_framed(metadata, uris, development),
        frontchannel_logout_session_required=_flag(
            metadata, "frontchannel_logout_session_required"
        ),
        initiate_login_uri=_address(metadata, "initiate_login_uri", development),
        scopes=_scopes(metadata),
        purposes=_strings(metadata, "purposes") or _strings(metadata, "purpose"),
        attributes=frozenset(_strings(metadata, "attributes")),
        required_attributes=frozenset(_strings(metadata, "required_attributes")),
        attribute_reasons=_reasons(metadata),
        resource=_resource(metadata, "resource"),
        audiences=_strings(metadata, "audiences"),
        jwks=keys,
        jwks_uri=place,
        id_token_signed_response_alg=_one_of(
            metadata, "id_token_signed_response_alg", SIGNING_ALGORITHMS, "ES256"
        ),
        authorization_details_types=details,
        authorization_signed_response_alg=(
            _one_of(metadata, "authorization_signed_response_alg", SIGNING_ALGORITHMS, "")
            if "authorization_signed_response_alg" in metadata
            else None
        ),
        userinfo_signed_response_alg=(
            _one_of(metadata, "userinfo_signed_response_alg", SIGNING_ALGORITHMS, "")
            if metadata.get("userinfo_signed_response_alg") is not None
            else None
        ),
        assertion_audience=_assertion_audience(metadata, strict),
        tls_client_auth_subject_dn=subject_dn,
        tls_client_auth_san=san,
        profile=_one_of(metadata, "profile", profiles.PROFILES, "") if profile else None,
        certificate_bound_access_tokens=bound,
        dpop_bound_access_tokens=by_key,
        require_signed_request_object=signed,
        require_pushed_authorization_requests=_flag(
            metadata, "require_pushed_authorization_requests"
        ),
        policy_uri=_resource(metadata, "policy_uri"),
        client_uri=_page(metadata, "client_uri"),
        contacts=_strings(metadata, "contacts"),
    )
    wrong = [f"{member} {what}" for member, what in profiles.faults(client)]
    if wrong:
        where = wrong[0].partition(" ")[0]
        raise InvalidClientMetadata(f"{client.profile}: {'; '.join(wrong)}", where=where)
    return client


def _refuse(where: str, what: str) -> NoReturn:
    raise InvalidClientMetadata(f"{where} {what}", where=where)


def _assertion_audience(
    metadata: Mapping[str, Any], strict: bool
) -> Literal["issuer", "token_endpoint"]:
    """OpenID Connect Core §9 names the token endpoint. Whoever signs its requests or binds its
    tokens follows FAPI 2.0 §5.3.2.1, and relying parties of a federation OpenID Federation: there
    an assertion for one server must not work at another that borrows its endpoint's name.
    """
    written = _one_of(
        metadata,
        "assertion_audience",
        ("issuer", "token_endpoint"),
        "issuer" if strict else "token_endpoint",
    )
    return "issuer" if written == "issuer" else "token_endpoint"


def _check_grants(grants: frozenset[str], method: str, uris: Sequence[str]) -> None:
    if "authorization_code" in grants and not uris:
        _refuse("redirect_uris", "is needed: at least one exact URI")
    begins = {"authorization_code", DEVICE_CODE, PRE_AUTHORIZED_CODE}
    if "refresh_token" in grants and not grants & begins:
        _refuse("grant_types", "refresh_token needs authorization_code beside it")
    alone = sorted(grants & {"client_credentials", TOKEN_EXCHANGE})
    if alone and method == "none":
        _refuse("grant_types", f"{alone[0]} needs a client that authenticates")


def _check_needs_of_grants(
    grants: frozenset[str], details: Collection[str], metadata: Mapping[str, Any]
) -> None:
    if PRE_AUTHORIZED_CODE in grants and OPENID_CREDENTIAL not in details:
        _refuse("authorization_details_types", f"must have {OPENID_CREDENTIAL}: it is a wallet")
    for needed in ("resource", "audiences") if TOKEN_EXCHANGE in grants else ():
        if not metadata.get(needed):
            _refuse(needed, "is needed to exchange tokens: what it receives, where it goes on to")


def _certificate_names(
    metadata: Mapping[str, Any], method: str
) -> tuple[str | None, tuple[str, str] | None]:
    """The subject, or the alternative name, that its certificate has: exactly one of the members
    (RFC 8705 §2.1.2)."""
    named = [name for name in SUBJECT_MEMBERS if _text(metadata, name) is not None]
    if method == "tls_client_auth" and not named:
        _refuse("tls_client_auth_subject_dn", "is needed: the subject of its certificate, RFC 4514")
    if len(named) > 1:
        _refuse(named[1], f"stands beside {named[0]}; write one of them (RFC 8705 §2.1.2)")
    if not named or named[0] == SUBJECT_MEMBERS[0]:
        return _text(metadata, SUBJECT_MEMBERS[0]), None
    return None, (named[0].rpartition("_")[2], str(_text(metadata, named[0])))


def _pkce(metadata: Mapping[str, Any], method: str) -> bool:
    """RFC 9700 §2.1.1: a public client has no other proof that it is its own code."""
    required = _flag(metadata, "require_pkce", True)
    if not required and method == "none":
        _refuse("require_pkce", "cannot be false for a public client (RFC 9700 §2.1.1)")
    return required


def _text(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > 1000:
        _refuse(name, "must be a text of 1 to 1000 characters")
    if any(ord(c) < 32 for c in value):
        _refuse(name, "contains a control character")
    return str(value)


def _reasons(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    """A short sentence for each attribute, for people to read beside it."""
    given = metadata.get("attribute_reasons", {})
    if not isinstance(given, Mapping):
        _refuse("attribute_reasons", "must be an object: the attribute, and why you want it")
    for name, reason in given.items():
        fits = isinstance(reason, str) and 0 < len(reason.strip()) <= LONGEST_REASON
        if not fits or not reason.isprintable():
            _refuse(
                "attribute_reasons",
                f"{name!r}: must be a sentence of 1 to {LONGEST_REASON} characters on one line",
            )
    return dict(given)


def _flag(metadata: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = metadata.get(name, default)
    if not isinstance(value, bool):
        _refuse(name, "must be true or false")
    return bool(value)


def _strings(metadata: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = metadata.get(name)
    if value is None:
        return ()
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(v, str) and v for v in listed):
        _refuse(name, "must be a list of texts")
    return tuple(dict.fromkeys(listed))


def _one_of(metadata: Mapping[str, Any], name: str, allowed: Sequence[str], default: str) -> str:
    value = metadata.get(name, default)
    if value not in allowed:
        _refuse(name, f"is {value!r}; write one of {', '.join(allowed)}")
    return str(value)


def _redirects(
    metadata: Mapping[str, Any], name: str, native: bool, development: bool
) -> tuple[str, ...]:
    uris = _strings(metadata, name)
    for uri in uris:
        why = redirects.why_not_registrable(uri, native=native, development=development)
        if why is not None:
            _refuse(name, f"{uri!r} {why}")
    return uris


def _address(metadata: Mapping[str, Any], name: str, development: bool) -> str | None:
    """Where we, or a browser at our word, go by ourselves: https, as exact as a redirect URI.
    Whether it is on the public internet is looked at each time that we go there."""
    uri = _text(metadata, name)
    if uri is not None:
        why = redirects.why_not_registrable(uri, native=False, development=development)
        if why is None and not _HOST.fullmatch(urlsplit(uri).netloc):
            # It stands in a header of ours (Content-Security-Policy), where ; begins the next rule.
            why = "has a host that is no name and no address"
        if why is not None:
            _refuse(name, f"{uri!r} {why}")
    return uri


def _framed(metadata: Mapping[str, Any], uris: Sequence[str], development: bool) -> str | None:
    """OpenID Connect Front-Channel Logout 1.0 §2: of the origin of one of its redirect URIs, so
    that nobody has our page frame somebody else's."""
    name = "frontchannel_logout_uri"
    uri = _address(metadata, name, development)
    if uri is not None and origin_of(uri) not in {origin_of(known) for known in uris}:
        _refuse(name, f"{uri!r} is of another origin than all redirect URIs")
    return uri


def _scopes(metadata: Mapping[str, Any]) -> frozenset[str]:
    listed = _strings(metadata, "scopes") or _strings(metadata, "scope")
    if not listed:
        return frozenset({"openid"})
    try:
        return frozenset(scopes.parse(" ".join(listed)))
    except scopes.MalformedScope:
        _refuse("scope", "is malformed (RFC 6749 §3.3)")


def _resource(metadata: Mapping[str, Any], name: str) -> str | None:
    value = _text(metadata, name)
    if value is not None and (
        urlsplit(value).scheme not in ("https", "http", "urn") or "#" in value
    ):
        _refuse(name, "must be an absolute URI without a fragment")
    return value


def _page(metadata: Mapping[str, Any], name: str) -> str | None:
    """The address of a page; none where a browser could not show what is written."""
    value = metadata.get(name)
    shown = isinstance(value, str) and value.startswith(("https://", "http://"))
    return _text(metadata, name) if shown else None


def _sector(metadata: Mapping[str, Any], uris: Sequence[str], client_id: str) -> str:
    """The sector written, or the one host of all redirect URIs — OpenID Connect Core §8.1."""
    written = _text(metadata, "sector")
    if written is not None:
        return written
    if len({redirects.host(uri) for uri in uris}) > 1:
        _refuse("sector", "is needed, because the redirect URIs have several hosts")
    return Sector.of_host(uris) if uris else client_id


def _sector_of_entity(metadata: Mapping[str, Any], uris: Sequence[str], client_id: str) -> str:
    return self_description.sector(client_id, uris)


def _keys(metadata: Mapping[str, Any], *, lenient: bool) -> tuple[Mapping[str, Any], ...]:
    """Public keys, each with its algorithm pinned (failures 10).

    `lenient`: keys of a set that is published for many are passed over when they are not for
    signing, or of a kind that we do not verify.
    """
    jwks = metadata.get("jwks")
    if metadata.get("jwks_uri") is not None and (lenient or jwks is not None):
        # RFC 7591 §2; those of a federation were fetched before.
        _refuse("jwks_uri", "stands beside jwks; write one of them")
    if jwks is None:
        return ()
    listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(listed, list) or not listed:
        _refuse("jwks", "must be an object with a non-empty list 'keys'")
    if lenient:
        listed = [k for k in listed if not isinstance(k, Mapping) or client_keys.signs(k)]
        if not listed:
            _refuse("jwks", "has no key for signing that we can verify with")
    try:
        return tuple(client_keys.pinned(key) for key in listed)
    except client_keys.UnusableKey as reason:
        _refuse("jwks", str(reason))
