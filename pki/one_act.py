"""A key for one act, and its certificate: made, used, gone — RFC 5280; CSC API 2.x, one-time keys.

The private key is in the memory of one request. It is written nowhere, and nobody can ask for it
again: `OneAct` gives it up when the act is over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import Gone
from pki import cms
from pki.cms import CmsSigner
from pki.issuing.issuance import Issuance
from pki.issuing.server_certificate import Console
from pki.ports import Admission
from pki.requests import request
from pki.x509.certificate import IssuedCertificate
from pki.x509.names import LONGEST_NAME

PROFILE = "citizen-signature-once"


class OneAct:
    """What can be signed while the act lasts. `certificate` is what others verify it with."""

    def __init__(self, by: CmsSigner, certificate: IssuedCertificate) -> None:
        self._by: CmsSigner | None = by
        self.certificate = certificate
        self.chain = by.chain

    @property
    def by(self) -> CmsSigner:
        """Raises Gone after the act."""
        if self._by is None:
            raise Gone("The key of this act was destroyed.")
        return self._by

    def destroy(self) -> None:
        self._by = None


@contextmanager
def one_act(
    issuance: Issuance,
    console: Console,
    chain: Sequence[x509.Certificate],
    reference: str,
    name: str,
    now: datetime,
) -> Iterator[OneAct]:
    """A key and a certificate for `name`, for as long as the block lasts.

    `reference` is unique: one certificate comes of it. Raises Conflict, Unavailable.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    proposed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )
    admission = Admission(
        reference=reference_of(reference),
        holder=holder_of(reference),
        profile=PROFILE,
        common_name=fitting(name),
    )
    issued = issuance.issue(admission, request.parse(proposed), console, now)
    act = OneAct(cms.signer(key, issued.der, [c.public_bytes(Encoding.DER) for c in chain]), issued)
    del key
    try:
        yield act
    finally:
        act.destroy()


def reference_of(reference: str) -> str:
    return f"act:{reference}"


def holder_of(reference: str) -> str:
    """Under which its certificate is on record: who the person is stays with whoever asked."""
    return f"act:{hashlib.sha256(reference.encode()).hexdigest()[:32]}"


def fitting(name: str) -> str:
    """A name as a common name, which has 64 characters at most; more is cut, and seen to be."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
