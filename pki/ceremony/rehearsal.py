"""A whole ceremony with keys that are thrown away, so that on the day everybody knows the way."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation import algorithms
from foundation.settings import Jurisdiction
from pki.ceremony import conduct
from pki.ceremony.papers import AuthorityRequest, Requests
from pki.ceremony.transcript import Transcript
from pki.hierarchy import plan
from pki.issuing import drafting
from pki.issuing.authority_certificate import authority_name

_CITY = Jurisdiction(name="Rehearsal", country="XX")
_CUSTODIANS = ("First custodian", "Second custodian", "Third custodian")
_STATUS = "http://pki.example"


def rehearse(folder: Path, now: datetime) -> Transcript:
    """Begin with three custodians, sign with two, renew with two others; all steps on one page."""
    begun = conduct.begin(folder, _CITY, _CUSTODIANS, 2, "ES384", now)
    first, second, third = begun.words
    signed = conduct.sign(folder, [first, second], _requests(), _CUSTODIANS[:2], now)
    renewed = conduct.renew(folder, [second, third], "root", _CUSTODIANS[1:], now)
    acts = [*begun.transcript.acts, *signed.transcript.acts, *renewed.transcript.acts]
    return Transcript("Rehearsal of the key ceremony", _CITY.name, _CUSTODIANS, acts)


def _requests() -> Requests:
    """What a city's issuing authorities would ask."""
    asked = []
    for planned in plan.load().values():
        if not planned.is_root:
            key = algorithms.generate(planned.algorithm or "ES256")
            request = (
                x509.CertificateSigningRequestBuilder()
                .subject_name(authority_name(_CITY, planned, 1))
                .sign(key, drafting.hash_for(key))
            )
            pem = request.public_bytes(Encoding.PEM).decode()
            asked.append(AuthorityRequest(planned.name, 1, pem))
    return Requests(_CITY.name, _CITY.country, _STATUS, tuple(asked))
