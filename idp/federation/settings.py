"""Settings of the federation: `[federation]` of civitas.toml — OpenID Federation 1.0."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from foundation.settings import Development, Jurisdiction, Section, Server, Settings, SettingsError
from idp.federation import entity_identifier, jws


class FederationSettings(Section):
    """Whom we trust, whom we answer to, and for how long what we sign holds.

    `trust_anchors`: entity identifier → file with its JWK Set, or the JWK Set itself. The keys
    are pinned here, for what the anchor says of itself proves nothing.
    `authority_hints`: our immediate superiors; `[jurisdiction] regulator` when left empty.
    There is no revocation in the protocol, so statements live for minutes.
    """

    section: ClassVar[str] = "federation"
    organization_name: str | None = None
    """Our name in statements; the jurisdiction's if absent."""
    trust_anchors: dict[str, str | dict[str, Any]] = Field(default_factory=dict)
    """Entity identifier → JWK Set, or a file that holds one, relative to this file."""
    authority_hints: tuple[str, ...] = ()
    """Our immediate superiors; `[jurisdiction] regulator` if empty."""
    relying_party_scope: tuple[str, ...] = (
        "openid",
        "profile",
        "email",
        "age",
        "residence",
        "offline_access",
    )
    """Scopes that a relying party of the federation may ask people for on its own word; others
    need a superior that names them."""
    vouched: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Entity identifier → members of its relying party metadata that you vouch for yourself, such
    as `audiences`."""
    statement_seconds: int = Field(default=600, ge=60, le=86_400)
    """Lifetime of the statements that we sign."""
    mark_seconds: int = Field(default=3600, ge=60, le=31_536_000)
    """Lifetime of the trust marks that we sign."""
    cache_seconds: int = Field(default=2, ge=0, le=10)
    """How long an answer from the federation is believed again: the bound of a suspension."""


Anchors = Mapping[str, Sequence[Mapping[str, Any]]]


def check(settings: Settings) -> None:
    """Raise SettingsError when we answer to somebody whose keys are not pinned."""
    unpinned = [h for h in authority_hints(settings) if h not in trust_anchors(settings)]
    if unpinned:
        raise SettingsError(
            f"{settings.path}: the keys of {unpinned[0]} are not pinned; write them to a file and "
            f'name it: [federation.trust_anchors] "{unpinned[0]}" = "regulator.jwks.json".'
        )


def trust_anchors(settings: Settings) -> Anchors:
    """The anchors with their pinned keys. Raises SettingsError with a sentence."""
    chosen = settings.of(FederationSettings)
    relaxed = settings.of(Development).loopback_http
    anchors: dict[str, Sequence[Mapping[str, Any]]] = {}
    for entity_id, written in chosen.trust_anchors.items():
        where = f"[federation] trust_anchors {entity_id!r}"
        try:
            anchor = entity_identifier.parse(entity_id, loopback_http=relaxed)
            if isinstance(written, str):
                file = settings.resolve(written)
                anchors[anchor] = jws.key_set(json.loads(file.read_text(encoding="utf-8")))
            else:
                anchors[anchor] = jws.key_set(written)
        except OSError:
            raise SettingsError(
                f"{where} names a file that cannot be read: write the path of a JWK Set that you "
                "received from the regulator."
            ) from None
        except (jws.Invalid, ValueError) as error:
            raise SettingsError(f"{where} is not usable: {error}") from None
    return anchors


def authority_hints(settings: Settings) -> tuple[str, ...]:
    """Our immediate superiors; empty for a trust anchor and for a provider on its own."""
    jurisdiction = settings.of(Jurisdiction)
    if jurisdiction.governance == "regulator":
        return ()
    chosen = settings.of(FederationSettings).authority_hints
    return chosen or ((jurisdiction.regulator.rstrip("/"),) if jurisdiction.regulator else ())


def entity_id(settings: Settings) -> str:
    """Our entity identifier: the URL of this deployment."""
    return settings.of(Server).url
