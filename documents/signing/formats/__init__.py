"""What a signature is written as — ETSI EN 319 122, 132, 142, 162, TS 119 182.

Only hashes come here. Persons' keys of one act and organisations' standing ones sign the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from documents.signing.formats import asice, jades
from documents.signing.transaction import (
    ASIC_CADES,
    ASIC_XADES,
    CADES,
    JADES,
    RAW,
    Asked,
    Document,
    Made,
)
from pki import CmsSigner, Evidence, bare_signature, signed_data, signing_time

Stamp = Callable[[bytes], bytes]


def sign(
    asked: Asked, by: CmsSigner, at: datetime, stamp: Stamp, evidence: Evidence | None = None
) -> Made:
    """All that was asked for, signed by `by`; `stamp` gives a time-stamp token for bytes,
    `evidence` is there for what is verified later.

    Raises TimeStampRefused, Unavailable.
    """
    stamped = stamp if asked.is_stamped else None
    files: Mapping[str, bytes] = {}
    if asked.form == ASIC_XADES:
        files = asice.with_xades(
            by,
            asked.documents,
            asked.hash_name,
            at,
            number=asked.number,
            stamp=stamped,
            evidence=evidence,
        )
    elif asked.form == ASIC_CADES:
        files = asice.with_cades(
            by, asked.documents, asked.hash_name, at, number=asked.number, stamp=stamped
        )
    signatures: tuple[bytes, ...]
    if files:
        signatures = (files[asice.signature_in(files)],)
    elif asked.form == JADES:
        signatures = (jades.signature(by, asked.documents, asked.hash_name, at, stamp=stamped),)
    else:
        signatures = tuple(_over(one, asked, by, at, stamped) for one in asked.documents)
    certificates, found = (by.certificate, *by.chain), evidence
    if found is None:
        return Made(signatures, certificates, files)
    return Made(
        signatures,
        tuple(dict.fromkeys((*certificates, *found.certificates))),
        files,
        found.lists,
        found.answers,
    )


def _over(
    document: Document, asked: Asked, by: CmsSigner, at: datetime, stamp: Stamp | None
) -> bytes:
    if asked.form == RAW:
        return bare_signature(by, document.digest, asked.hash_name)
    # In a PDF the time that the signer claims stands outside (EN 319 142-1 §5.3).
    claimed = (signing_time(at),) if asked.form == CADES else ()
    return signed_data(by, document.digest, asked.hash_name, attributes=claimed, stamp=stamp)
