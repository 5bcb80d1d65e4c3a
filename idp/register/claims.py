"""What is known of a person, derived claims included — OpenID Connect Core 1.0 §5.1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from foundation.birth import as_claim, has_reached, sure_age
from foundation.settings import Jurisdiction
from idp.register.person import Person
from idp.register.places import lives_in
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
        """Years that they have surely completed, by the jurisdiction's calendar."""
        return age_of(self.profile, self.jurisdiction, self.at)

    def claims(self, names: Iterable[str]) -> Mapping[str, Any]:
        """The named claims, as far as they are known: OpenID Connect's and derived ones."""
        return claims_from(self.profile, names, self.jurisdiction, self.at)


def age_of(profile: Profile, jurisdiction: Jurisdiction, now: datetime) -> int:
    return sure_age(profile.birthdate, now, jurisdiction)


def claims_from(
    profile: Profile, names: Iterable[str], jurisdiction: Jurisdiction, now: datetime
) -> Mapping[str, Any]:
    """The named claims, as far as they are known; a name that is no claim is left out."""
    # Each is reckoned only where it is asked for: most questions are about one.
    found = {name: _READ[name](profile, jurisdiction, now) for name in set(names) if name in _READ}
    return {name: value for name, value in found.items() if value not in ("", {}, None)}


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


_READ: Mapping[str, Callable[[Profile, Jurisdiction, datetime], Any]] = {
    "name": lambda profile, *_: profile.name,
    "given_name": lambda profile, *_: profile.given_name,
    "family_name": lambda profile, *_: profile.family_name,
    "birthdate": lambda profile, *_: as_claim(profile.birthdate),
    "locale": lambda profile, *_: profile.locale,
    "email": lambda profile, *_: profile.email,
    "phone_number": lambda profile, *_: profile.phone_number,
    # Core §5.1: true only where the holder was seen to control it. No record of ours says which
    # contact was exercised: that of a proofing (EN-5) says that one was.
    "email_verified": lambda profile, *_: False if profile.email else None,
    "phone_number_verified": lambda profile, *_: False if profile.phone_number else None,
    "address": lambda profile, *_: _address(profile),
    "age_over_18": lambda profile, ours, now: has_reached(18, profile.birthdate, now, ours),
    "resident_of_city": lambda profile, ours, _: lives_in(profile, ours),
}
