"""Entity identifiers: https URLs that name an entity — OpenID Federation 1.0 §1.2, §9."""

from __future__ import annotations

from urllib.parse import urlsplit

from foundation import hosts
from foundation.marking import N_
from foundation.settings import is_loopback
from idp.federation.jws import Invalid

WELL_KNOWN = "/.well-known/openid-federation"
LONGEST = 500


def parse(value: object, *, loopback_http: bool = False) -> str:
    """`value`, if it is an entity identifier. Raises Invalid.

    `loopback_http` is `[development] loopback_http`, which permits http to this machine.
    """
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        raise Invalid("An entity identifier is a URL of at most 500 characters.")
    if not value.isascii():
        raise Invalid("An entity identifier is ASCII: write its host as A-labels (xn--).")
    if any(c <= " " or c in '\x7f\\"<>' for c in value):
        raise Invalid("An entity identifier has no spaces, quotes or control characters.")
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise Invalid(N_("%(value)s is not a URL.", value=repr(value))) from None
    local = loopback_http and parts.scheme == "http" and is_loopback(value)
    if parts.scheme != "https" and not local:
        raise Invalid(N_("The entity identifier %(value)s is not an https URL.", value=repr(value)))
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise Invalid(
            N_("The entity identifier %(value)s has no host, or a user name.", value=repr(value))
        )
    try:
        hosts.host(f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname)
    except ValueError as error:
        raise Invalid(f"The entity identifier {value!r} has no real host: {error}") from None
    if "?" in value or "#" in value:
        raise Invalid(
            N_("The entity identifier %(value)s has a query or a fragment.", value=repr(value))
        )
    return value


def configuration_url(entity_id: str) -> str:
    """Where the entity publishes its configuration (§9)."""
    return entity_id.removesuffix("/") + WELL_KNOWN


def host(entity_id: str) -> str:
    """The host part, lower case, which naming constraints look at (§6.2.2)."""
    return (urlsplit(entity_id).hostname or "").lower()
