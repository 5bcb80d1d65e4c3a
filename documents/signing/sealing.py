"""Seals of organisations at a distance: a standing key of each, and hashes — CSC API 2.x §8.4.

Who has a seal is the operator's word (`[signing] seals`). The service that holds it proves who it
is by its own token; what it authorises is bound to the hashes, so nothing else is signed by it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from documents.signing.settings import SigningSettings
from foundation.audit import Actor
from foundation.errors import NotFound
from foundation.runtime import Runtime
from pki import CertificateAuthority, CmsSigner, Job, bare_signature

GOOD_FOR = timedelta(minutes=5)
_PURPOSE = "signing.seal"


def job_of(service_id: str, name: str) -> Job:
    return Job(
        holder=f"service:{service_id}",
        use=f"seal-of-{hashlib.sha256(service_id.encode()).hexdigest()[:16]}",
        profile="seal",
        common_name=name,
        # Its certificate lasts for three years.
        signs_for=timedelta(days=366),
        algorithm="ES256",
    )


class Sealing:
    """Safe to share between threads."""

    def __init__(self, runtime: Runtime, authority: CertificateAuthority) -> None:
        self._runtime = runtime
        self._settings = runtime.settings.of(SigningSettings)
        self._of = {
            service: authority.signer_for(job_of(service, name))
            for service, name in self._settings.seals.items()
        }

    def ready(self, now: datetime) -> None:
        """At each start: a service that was added to the settings gets its seal."""
        for one in self._of.values():
            one.prepare(now)

    def has(self, service_id: str) -> bool:
        return service_id in self._of

    def standing(self, service_id: str, now: datetime) -> CmsSigner:
        """Raises NotFound, and Unavailable where no authority has certified the seal."""
        if service_id not in self._of:
            raise NotFound("This service has no seal.")
        return self._of[service_id].standing(now)

    def authorize(self, service_id: str, digests: Sequence[bytes], now: datetime) -> str:
        """Activation data for these hashes, for a few minutes."""
        until = int((now + GOOD_FOR).timestamp())
        return f"{until}.{self._proof(service_id, digests, until)}"

    def seal(
        self, service_id: str, sad: str, digests: Sequence[bytes], hash_name: str, now: datetime
    ) -> list[bytes] | None:
        """Bare signatures over the hashes; None for activation data that is not for them, or old.

        Raises NotFound, Unavailable, TooManyRequests.
        """
        written, _, proof = sad.partition(".")
        until = int(written) if written.isascii() and written.isdecimal() else 0
        good = hmac.compare_digest(proof.encode(), self._proof(service_id, digests, until).encode())
        if not good or now.timestamp() >= until:
            return None
        by = self.standing(service_id, now)
        with self._runtime.database.write() as uow:
            most = self._settings.asked_per_minute
            minute = timedelta(minutes=1)
            self._runtime.rates.attempt(uow, "signing.ask", service_id, most, minute, now)
            # Before it leaves: a seal without its entry does not exist.
            self._runtime.audit.record(
                uow,
                "seal.made",
                Actor("service", service_id),
                (),
                {"service": service_id, "hashes": [one.hex() for one in digests]},
            )
        return [bare_signature(by, one, hash_name) for one in digests]

    def _proof(self, service_id: str, digests: Sequence[bytes], until: int) -> str:
        bound = json.dumps([service_id, [one.hex() for one in digests], until]).encode()
        return self._runtime.keys.mac(_PURPOSE, bound).hex()
