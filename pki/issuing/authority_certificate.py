"""What an authority's own certificate says — RFC 5280 §4.2.1.9, §4.2.1.10."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from foundation.settings import Jurisdiction
from pki import profiles
from pki.hierarchy.hierarchy import Authority
from pki.hierarchy.plan import Planned
from pki.issuing import drafting
from pki.issuing.status_links import StatusLinks
from pki.x509.public_key import info_of


def authority_name(jurisdiction: Jurisdiction, planned: Planned, generation: int) -> x509.Name:
    """Each generation has a name of its own: no list of one is mistaken for the other's."""
    title = f"{jurisdiction.name[:30]} {planned.title} G{generation}"
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, jurisdiction.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, jurisdiction.name[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, title[:64]),
        ]
    )


def authority_draft(
    planned: Planned,
    subject: x509.Name,
    public_key: bytes,
    issuer: Authority | None,
    links: StatusLinks | None,
    now: datetime,
) -> drafting.Draft:
    """What an authority's certificate says. It never outlives the root that it hangs from."""
    profile = profiles.load()[planned.profile]
    assert profile.lifetime is not None  # noqa: S101 - an authority's profile has one
    end = now + profile.lifetime
    if issuer is not None:
        end = min(end, issuer.certificate.not_valid_after_utc)
    return drafting.Draft(
        serial=x509.random_serial_number(),
        profile=profile,
        subject=subject,
        public_key=public_key,
        alternative_names=(),
        not_before=(now - profile.backdate).replace(microsecond=0),
        not_after=end.replace(microsecond=0),
        links=links,
        permitted=planned.permitted,
        excluded=planned.excluded,
    )


def cross_draft(subject: Authority, issuer: Authority, now: datetime) -> drafting.Draft:
    """One root as another one vouches for it: same name, same key, no longer than either."""
    profile = profiles.load()["root"]
    ends = (subject.certificate.not_valid_after_utc, issuer.certificate.not_valid_after_utc)
    return drafting.Draft(
        serial=x509.random_serial_number(),
        profile=profile,
        subject=subject.certificate.subject,
        public_key=info_of(subject.certificate.public_key()),
        alternative_names=(),
        not_before=(now - profile.backdate).replace(microsecond=0),
        not_after=min(ends),
    )
