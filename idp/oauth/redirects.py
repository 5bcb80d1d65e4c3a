"""Redirect URIs: what may be registered, what matches — RFC 6749 §3.1.2, RFC 8252 §7.3."""

import re
from urllib.parse import urlsplit

# RFC 8252 §7.3: the port of a loopback *literal* is chosen by the application at run time.
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?(/[!-~]*)?")
_VISIBLE_ASCII = re.compile(r"[!-~]+")


def matches(registered: str, given: str) -> bool:
    """Whether `given` is the registered URI, character by character.

    Only the port of a loopback literal may differ. Nothing is decoded, folded or resolved first:
    every normalisation is a way to make two different URIs equal (failures 1).
    """
    if registered == given:
        return True
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(given)
    if ours is None or theirs is None:
        return False
    port = theirs.group(2)
    if port is not None and not 0 < int(port) <= 65535:
        return False
    return ours.group(1, 3) == theirs.group(1, 3)


def without_chosen_port(origin: str) -> str:
    """An origin by which those that `matches` takes for one are found: without the port of a
    loopback literal."""
    loopback = _LOOPBACK.fullmatch(origin)
    return origin if loopback is None else loopback.group(1)


def why_not_registrable(uri: str, *, native: bool, development: bool) -> str | None:
    """Why `uri` cannot be registered as a sentence without its subject, or None if it can.

    https anywhere; http on a loopback literal for a native (public) client; http on any loopback
    name in development.
    """
    if not _VISIBLE_ASCII.fullmatch(uri):
        return "contains a space, a control character or a character that is not ASCII"
    if "#" in uri:
        return "has a fragment (RFC 6749 §3.1.2 forbids it)"
    if "\\" in uri or "*" in uri:
        return "contains a backslash or a wildcard; write the exact URI"
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "is not a URI"
    if not parts.hostname or "@" in parts.netloc or port == 0:
        return "needs a host, and no user name before it"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http":
        if development and parts.hostname in ("localhost", "127.0.0.1", "::1"):
            return None
        if native and _LOOPBACK.fullmatch(uri):
            return None
        return "uses http; write https (http is for loopback, in development or a native client)"
    return "does not begin with https://"


def host(uri: str) -> str:
    """The host component alone, without user and port (RFC 3986 §3.2.2); in lower case."""
    name = urlsplit(uri).hostname or ""
    return f"[{name}]" if ":" in name else name
