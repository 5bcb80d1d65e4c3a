"""An issuer's seal on a PDF: a key of its own, certified by our authorities — ETSI EN 319 142-1,
EN 319 412-3.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from documents.locker.kinds import Issuer, Kinds
from documents.signing import seal_pdf
from foundation.clock import Clock
from foundation.runtime import Runtime
from pki import CertificateAuthority, Job, TimeStampRefused, signer_for

SIGNS_FOR = timedelta(days=366)
"""Its certificate lasts for three years."""


def job_of(issuer: Issuer) -> Job:
    return Job(
        holder=f"issuer:{issuer.id}",
        use=f"seal-{issuer.id}",
        profile="seal",
        common_name=issuer.name,
        signs_for=SIGNS_FOR,
        algorithm="ES256",
    )


class Seals:
    """The seals of all issuers."""

    def __init__(self, authority: CertificateAuthority, kinds: Kinds, clock: Clock) -> None:
        self._stamping = authority.time_stamping
        self._clock = clock
        self._of = {one.id: authority.signer_for(job_of(one)) for one in kinds.issuers.values()}

    def prepare(self, now: datetime) -> None:
        """At each start: an issuer that was added to the file gets its seal."""
        for one in self._of.values():
            one.prepare(now)

    def seal(self, issuer: str, pdf: bytes) -> bytes:
        """The PDF under this issuer's seal, stamped where the clock is good enough for it. Raises
        Unavailable where no authority has certified the seal."""
        now = self._clock.now()
        by = self._of[issuer].standing(now)
        try:
            return seal_pdf(pdf, by, now, self._stamping.stamp_over)
        except TimeStampRefused:
            return seal_pdf(pdf, by, now)


def prepare(runtime: Runtime, kinds: Kinds) -> None:
    """Make the missing seals; idempotent. `civitas init` and upgrades."""
    for issuer in kinds.issuers.values():
        signer_for(runtime, job_of(issuer)).prepare(runtime.clock.now())
