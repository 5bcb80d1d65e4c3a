"""Members of client metadata, one at a time: each as it is written, or refused by its name —
RFC 7591 §2, OpenID Connect Registration 1.0 §2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from foundation.errors import Unprocessable
from idp.oauth import client_keys, redirects, scopes

Metadata = Mapping[str, Any]

LONGEST_REASON = 200
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")


class InvalidClientMetadata(Unprocessable):
    """RFC 7591 §3.2.2 `invalid_client_metadata`: `where` names the member."""

    status, code = 422, "invalid_client_metadata"


def refuse(where: str, what: str) -> NoReturn:
    raise InvalidClientMetadata(f"{where} {what}", where=where)


def text(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > 1000:
        refuse(name, "must be a text of 1 to 1000 characters")
    if any(ord(c) < 32 for c in value):
        refuse(name, "contains a control character")
    return str(value)


def reasons(metadata: Mapping[str, Any]) -> Mapping[str, str]:
    """A short sentence for each attribute, for people to read beside it."""
    given = metadata.get("attribute_reasons", {})
    if not isinstance(given, Mapping):
        refuse("attribute_reasons", "must be an object: the attribute, and why you want it")
    for name, reason in given.items():
        fits = isinstance(reason, str) and 0 < len(reason.strip()) <= LONGEST_REASON
        if not fits or not reason.isprintable():
            refuse(
                "attribute_reasons",
                f"{name!r}: must be a sentence of 1 to {LONGEST_REASON} characters on one line",
            )
    return dict(given)


def flag(metadata: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = metadata.get(name, default)
    if not isinstance(value, bool):
        refuse(name, "must be true or false")
    return bool(value)


def strings(metadata: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = metadata.get(name)
    if value is None:
        return ()
    listed = value.split() if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(v, str) and v for v in listed):
        refuse(name, "must be a list of texts")
    return tuple(dict.fromkeys(listed))


def one_of(metadata: Mapping[str, Any], name: str, allowed: Sequence[str], default: str) -> str:
    value = metadata.get(name, default)
    if value not in allowed:
        refuse(name, f"is {value!r}; write one of {', '.join(allowed)}")
    return str(value)


def redirect_uris(
    metadata: Mapping[str, Any], name: str, native: bool, development: bool
) -> tuple[str, ...]:
    uris = strings(metadata, name)
    for uri in uris:
        why = redirects.why_not_registrable(uri, native=native, development=development)
        if why is not None:
            refuse(name, f"{uri!r} {why}")
    return uris


def address(metadata: Mapping[str, Any], name: str, development: bool) -> str | None:
    """Where we, or a browser at our word, go by ourselves: https, as exact as a redirect URI.
    Whether it is on the public internet is looked at each time that we go there."""
    uri = text(metadata, name)
    if uri is not None:
        why = redirects.why_not_registrable(uri, native=False, development=development)
        if why is None and not _HOST.fullmatch(urlsplit(uri).netloc):
            # It stands in a header of ours (Content-Security-Policy), where ; begins the next rule.
            why = "has a host that is no name and no address"
        if why is not None:
            refuse(name, f"{uri!r} {why}")
    return uri


def scope(metadata: Mapping[str, Any]) -> frozenset[str]:
    listed = strings(metadata, "scopes") or strings(metadata, "scope")
    if not listed:
        return frozenset({"openid"})
    try:
        return frozenset(scopes.parse(" ".join(listed)))
    except scopes.MalformedScope:
        refuse("scope", "is malformed (RFC 6749 §3.3)")


def resource(metadata: Mapping[str, Any], name: str) -> str | None:
    value = text(metadata, name)
    if value is not None and (
        urlsplit(value).scheme not in ("https", "http", "urn") or "#" in value
    ):
        refuse(name, "must be an absolute URI without a fragment")
    return value


def page(metadata: Mapping[str, Any], name: str) -> str | None:
    """The address of a page; none where a browser could not show what is written."""
    value = metadata.get(name)
    shown = isinstance(value, str) and value.startswith(("https://", "http://"))
    return text(metadata, name) if shown else None


def keys(metadata: Mapping[str, Any], *, lenient: bool) -> tuple[Mapping[str, Any], ...]:
    """Public keys, each with its algorithm pinned (failures 10).

    `lenient`: keys of a set that is published for many are passed over when they are not for
    signing, or of a kind that we do not verify.
    """
    jwks = metadata.get("jwks")
    if metadata.get("jwks_uri") is not None and (lenient or jwks is not None):
        # RFC 7591 §2; those of a federation were fetched before.
        refuse("jwks_uri", "stands beside jwks; write one of them")
    if jwks is None:
        return ()
    listed = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(listed, list) or not listed:
        refuse("jwks", "must be an object with a non-empty list 'keys'")
    if lenient:
        listed = [k for k in listed if not isinstance(k, Mapping) or client_keys.signs(k)]
        if not listed:
            refuse("jwks", "has no key for signing that we can verify with")
    try:
        return tuple(client_keys.pinned(key) for key in listed)
    except client_keys.UnusableKey as reason:
        refuse("jwks", str(reason))
