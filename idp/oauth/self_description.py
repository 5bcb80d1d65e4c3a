"""What counts of the metadata that a relying party signs for itself — OpenID Federation §5, §12.1.

Who vouches for which member is the table of `idp.federation.vouching`; here is what is made of the
members that the party's own word is enough for, so that none reaches beyond the party itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from idp import federation
from idp.oauth.client import OFFLINE_ACCESS
from idp.oauth.subjects import Sector

AUTHENTICATION = "private_key_jwt"
PASSES_ON = "civitas_passes_on"
"""A member of ours: the party asks for a service behind it, as a broker does."""
SCOPE = ("openid", "profile", "email", "age", "residence", "offline_access")
_GRANTS = ("authorization_code", "refresh_token")
_ENTITY = federation.members(federation.OPENID_RELYING_PARTY, "entity")
_SUPERIOR = federation.members(federation.OPENID_RELYING_PARTY, "superior")


def taken(
    client_id: str,
    said: Mapping[str, Any],
    vouched: Mapping[str, Any],
    scope: Collection[str] = SCOPE,
) -> dict[str, Any]:
    """The members that count: `said` where its own word is enough, `vouched` otherwise.

    `scope`: what our operator lets a party ask for that nobody vouches for.
    """
    counted = {name: said[name] for name in _ENTITY if name in said}
    counted |= {name: vouched[name] for name in _SUPERIOR if name in vouched}
    hosts = _hosts(counted.get("redirect_uris"))
    counted["scope"] = _scope(said.get("scope"), vouched.get("scope"), scope)
    counted["grant_types"] = _grants(said.get("grant_types"), vouched.get("grant_types"))
    counted["require_signed_request_object"] = True
    counted.setdefault("token_endpoint_auth_method", AUTHENTICATION)
    if "code" in _words(counted.get("response_types")):
        counted["response_types"] = ["code"]
    if "post_logout_redirect_uris" in counted:
        ways = _words(counted["post_logout_redirect_uris"])
        counted["post_logout_redirect_uris"] = [uri for uri in ways if _host(uri) in hosts]
    for name in ("policy_uri", "backchannel_logout_uri", "frontchannel_logout_uri"):
        if _host(counted.get(name)) not in hosts:
            counted.pop(name, None)
    if "client_name" in said:
        # The one name of it that others stand behind: that of their statements.
        counted.setdefault("client_name", client_id.partition("://")[2].rstrip("/"))
    return counted


def sector(client_id: str, redirect_uris: Collection[str]) -> str:
    """The host of the redirect URIs, all on one, when the entity is that host; else the entity.

    A party may send its codes to any host that it likes, and share one with others: neither makes
    it one with who is at home there (OpenID Connect Core §8.1).
    """
    entity = urlsplit(client_id)
    alone = {urlsplit(uri).netloc.lower() for uri in redirect_uris} == {entity.netloc.lower()}
    return Sector.of_host((client_id,)) if alone and entity.path in ("", "/") else client_id


def calls_itself(said: Mapping[str, Any], vouched: Mapping[str, Any]) -> str | None:
    """The name that nobody vouches for, where there is no other; fit to be shown as such."""
    name = said.get("client_name")
    if "client_name" in vouched or not isinstance(name, str) or not name.isprintable():
        return None
    return name.strip()[:100] or None


def _scope(said: object, vouched: object, allowed: Collection[str]) -> list[str]:
    # RFC 7591 §2: who names none is registered for ours, but not to act in a person's absence.
    named = _words(said) if said is not None else [s for s in allowed if s != OFFLINE_ACCESS]
    own = [word for word in named if word in allowed]
    return list(dict.fromkeys((*_words(vouched), *own)))


def _grants(said: object, vouched: object) -> list[str]:
    named = _words(said) or _GRANTS[:1]
    return [grant for grant in named if grant in _GRANTS or grant in _words(vouched)]


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [v for v in value if isinstance(v, str)] if isinstance(value, list | tuple) else []


def _hosts(uris: object) -> frozenset[str]:
    return frozenset(host for uri in _words(uris) if (host := _host(uri)))


def _host(uri: object) -> str:
    try:
        return urlsplit(uri).netloc.lower() if isinstance(uri, str) else ""
    except ValueError:
        return ""
