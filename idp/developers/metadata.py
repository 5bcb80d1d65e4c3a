"""What a developer may say of a service, and what becomes of it — RFC 7591 §2.

In test it is looked at by nobody, so it reaches nobody: it signs in its developer and invented
residents alone, asks for what `[developers] test_scope` has, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from foundation.marking import N_
from idp.developers.service import Wish
from idp.developers.settings import DevelopersSettings
from idp.oauth import InvalidClientMetadata, Kit, known_kits

GRANTS = ("authorization_code", "refresh_token")
MOST_URIS = 20
LONGEST_NAME = 80


def kits(settings: DevelopersSettings) -> Sequence[Kit]:
    """The programs that a developer may register by themselves."""
    return [
        one
        for one in known_kits().values()
        if set(one.grants) <= set(GRANTS)
        and not one.details
        and not one.by_key
        and not one.purposes
        and set(one.scope.split()) <= set(settings.test_scope)
    ]


def kit_of(name: str, settings: DevelopersSettings) -> Kit | None:
    """The one of that name; None for none. Raises InvalidClientMetadata."""
    if not name:
        return None
    found = next((one for one in kits(settings) if one.name == name), None)
    if found is None:
        refuse("program", N_("Choose one of those that there are."))
    return found


def of_test(
    client_id: str,
    name: str,
    program: Kit | None,
    url: str,
    uris: Sequence[str],
    scopes: Sequence[str],
    ours: str,
    settings: DevelopersSettings,
) -> dict[str, Any]:
    """The registration of a new test service. `ours`: where sign-ins are tried."""
    made: dict[str, Any] = dict(program.metadata(url)) if program else {"grant_types": [*GRANTS]}
    listed = [*made.get("redirect_uris", ()), *uris]
    if not listed:
        refuse("redirect_uris", N_("Say where people come back to: write one address at least."))
    return {
        "id_token_signed_response_alg": "RS256",
        **made,
        **_said(name, listed, scopes, ours, settings),
        "sector": client_id,
        "purposes": [settings.test_purpose],
        "test_only": True,
    }


def changed(
    name: str,
    uris: Sequence[str],
    after_sign_out: Sequence[str],
    scopes: Sequence[str],
    ours: str,
    settings: DevelopersSettings,
) -> dict[str, Any]:
    """What a developer changes of a test service."""
    return {
        **_said(name, uris, scopes, ours, settings),
        "post_logout_redirect_uris": list(dict.fromkeys(after_sign_out)),
    }


def of_production(before: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    """What changes where an operator says yes; None takes a member out."""
    hosts = {urlsplit(uri).hostname for uri in wish.redirect_uris}
    alone = len(hosts) == 1 and all(uri.startswith("https://") for uri in wish.redirect_uris)
    return {
        "redirect_uris": list(wish.redirect_uris),
        "post_logout_redirect_uris": list(wish.post_logout_redirect_uris) or None,
        "scope": wish.scope,
        "purposes": list(wish.purposes),
        "test_only": None,
        # The one host of its own; else it stays a sector of its own.
        "sector": None if alone else before["sector"],
    }


def _said(
    name: str, uris: Sequence[str], scopes: Sequence[str], ours: str, settings: DevelopersSettings
) -> dict[str, Any]:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        refuse("client_name", N_("Write a name of at most 80 characters."))
    listed = [uri for uri in dict.fromkeys(uris) if uri != ours]
    if not listed:
        refuse("redirect_uris", N_("Say where people come back to: write one address at least."))
    if len(listed) > MOST_URIS:
        refuse("redirect_uris", N_("That are too many addresses."))
    for scope in scopes:
        if scope not in settings.test_scope:
            refuse("scope", f"scope {scope!r} is for an operator to give")
    wanted = [one for one in settings.test_scope if one in scopes or one == "openid"]
    return {
        "client_name": name.strip(),
        "redirect_uris": [*listed, ours],
        "scope": " ".join(wanted),
    }


def refuse(where: str, what: str) -> NoReturn:
    raise InvalidClientMetadata(what, where=where)
