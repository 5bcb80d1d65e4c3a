"""What is known of a person, derived claims included — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from foundation.clock import age_on
from foundation.settings import Jurisdiction
from foundation.vault import normalise
from idp.register.person import Person
from idp.register.profile import Profile


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """A person of the register with their attributes, from one reading, `at` one moment."""

    person: Person
    profile: Profile = field(repr=False)
    jurisdiction: Jurisdiction = field(repr=False)
    at: datetime

    @property
    def age(self) -> int:
        """Completed years, by the jurisdiction's calendar."""
        return age_of(self.profile, self.jurisdiction, self.at)

    def claims(self, names: Iterable[str]) -> Mapping[str, Any]:
        """The named claims, as far as they are known: OpenID Connect's and derived ones."""
        return claims_from(self.profile, names, self.jurisdiction, self.at)


def age_of(profile: Profile, jurisdiction: Jurisdiction, now: datetime) -> int:
    return age_on(profile.birthdate, now, jurisdiction.zone)


def claims_from(
    profile: Profile, names: Iterable[str], jurisdiction: Jurisdiction, now: datetime
) -> Mapping[str, Any]:
    """The named claims, as far as they are known; a name that is no claim is left out."""
    wanted = set(names)
    known: dict[str, Any] = {
        "name": profile.name,
        "given_name": profile.given_name,
        "family_name": profile.family_name,
        "birthdate": profile.birthdate.isoformat(),
        "locale": profile.locale,
        "email": profile.email,
        "phone_number": profile.phone_number,
        "address": _address(profile),
        "age_over_18": age_of(profile, jurisdiction, now) >= 18,
        "resident_of_city": _lives_in(profile, jurisdiction),
    }
    return {name: known[name] for name in known if name in wanted and known[name] not in ("", {})}


def _lives_in(profile: Profile, jurisdiction: Jurisdiction) -> bool:
    return profile.country == jurisdiction.country and normalise(profile.locality) == normalise(
        jurisdiction.city
    )


def _address(profile: Profile) -> dict[str, str]:
    """The address claim — OpenID Connect Core 1.0 §5.1.1."""
    parts = {
        "street_address": profile.street_address,
        "locality": profile.locality,
        "region": profile.region,
        "postal_code": profile.postal_code,
        "country": profile.country,
    }
    address = {name: text for name, text in parts.items() if text}
    if not address:
        return {}
    city_line = f"{profile.postal_code} {profile.locality}".strip()
    lines = (profile.street_address, city_line, profile.region, profile.country)
    return {"formatted": "\n".join(line for line in lines if line), **address}
