"""A service that has an organisation's seal."""

from __future__ import annotations

from documents.signing.sealing import job_of
from tests.support.signing import SigningCity


def with_seal(city: SigningCity, service_id: str, name: str) -> None:
    """As `[signing] seals` does at a start."""
    authority = city.deployment.parts["pki"]
    city.signing.sealing._of[service_id] = authority.signer_for(job_of(service_id, name))
    city.signing.sealing.ready(city.clock.now())
