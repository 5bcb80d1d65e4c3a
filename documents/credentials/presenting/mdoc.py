"""Is an mdoc that was shown genuine, this person's wallet's, for us, for now, and what was asked?

OpenID4VP Annex B.2, ISO/IEC 18013-5 §9.1.3 and §9.3. Words of refusals are those of SD-JWT VC where
the fault is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509

from documents.credentials.configurations import MDOC
from documents.credentials.malformed import Malformed
from documents.credentials.mdoc import cbor, cose, issued
from documents.credentials.mdoc.issued import SecurityObject
from documents.credentials.presenting.verifying import (
    ISSUER_ALGORITHMS,
    SKEW,
    Expected,
    IssuerKey,
    Refused,
    Shown,
    StatusLists,
    asked_of,
    place_of,
)
from documents.credentials.presenting.wanted import Wanted, element
from documents.credentials.sd_jwt import from_base64url

VERSION, GOOD = "1.0", 0


def verify_mdoc(
    presented: str,
    wanted: Wanted,
    expected: Expected,
    issuer_key: IssuerKey,
    lists: StatusLists,
    now: datetime,
) -> Shown:
    """What was shown, once everything about it holds. Raises Refused."""
    try:
        document = _document(presented)
        said = _issued(document, issuer_key, now)
        if not document.get("docType") == said.doctype == wanted.types[MDOC]:
            raise Refused("wrong_type", "It is a credential of another kind than was asked for.")
        shown = issued.disclosed(said, _map(document.get("issuerSigned")).get("nameSpaces", {}))
        _check_holder(document, said, transcript(expected))
    except Malformed as fault:
        raise Refused(fault.code, str(fault)) from None
    uri, idx = place_of(said.status)
    lists.check(uri, idx, now)
    elements = shown.get(said.doctype, {})
    return Shown(asked_of(wanted, lambda path: elements[element(path)]), uri, idx)


def transcript(expected: Expected) -> list[Any]:
    """SessionTranscript, which the device signs: whom it answers, which request, and where (Annex
    B.2.6.1)."""
    info = [expected.audience, expected.nonce, expected.thumbprint, expected.response_uri]
    digest = hashlib.sha256(cbor.encode(info)).digest()
    return [None, None, ["OpenID4VPHandover", digest]]


# ── the form ──────────────────────────────────────────────────────────────────────────


def _document(presented: str) -> Mapping[str, Any]:
    """The one document of a DeviceResponse (§8.3.2.1.2.2)."""
    if len(presented) > cbor.MOST_BYTES * 4 // 3:
        raise Malformed("too_long", "The credential is too long.")
    try:
        raw = from_base64url(presented)
    except ValueError:
        raise _unreadable() from None
    response = _map(cbor.decode(raw))
    documents = response.get("documents")
    if response.get("version") != VERSION:
        raise Malformed("wrong_format", "This is no credential of the form that was asked for.")
    if response.get("status") != GOOD or not isinstance(documents, list) or len(documents) != 1:
        raise Malformed("other_credentials", "The wallet answered another question.")
    return _map(documents[0])


def _map(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise _unreadable()
    return found


def _unreadable() -> Malformed:
    return Malformed("malformed", "What was shown cannot be read.")


# ── the issuer's part ─────────────────────────────────────────────────────────────────


def _issued(document: Mapping[str, Any], issuer_key: IssuerKey, now: datetime) -> SecurityObject:
    signature = cose.read(_map(document.get("issuerSigned")).get("issuerAuth"))
    if signature.algorithm not in ISSUER_ALGORITHMS:
        raise Refused("wrong_algorithm", "It is signed in a way that does not count here.")
    chain = signature.chain()
    if not chain:
        raise Refused("no_certificate", "It does not say by which certificate it is signed.")
    key, payload = issuer_key(chain, now), signature.payload or b""
    try:
        signature.verify(key, str(signature.algorithm), payload)
    except cose.WrongSignature:
        raise Refused("wrong_signature", "It was changed after it was signed, or somebody else "
                      "signed it.") from None  # fmt: skip
    said = issued.security_object(payload)
    _check_times(said.validity, x509.load_der_x509_certificate(chain[0]), now)
    return said


def _check_times(times: issued.Validity, by: x509.Certificate, now: datetime) -> None:
    if times.ends <= now:
        raise Refused("expired", "The credential has expired; the wallet can get a new one.")
    if max(times.begins, times.signed) > now + SKEW:
        raise Refused("not_yet_valid", "The credential is not valid yet.")
    if not by.not_valid_before_utc <= times.signed <= by.not_valid_after_utc:
        raise Refused("issuer_expired", "It was signed when its certificate was not good.")


# ── the holder's part ─────────────────────────────────────────────────────────────────


def _check_holder(document: Mapping[str, Any], said: SecurityObject, transcript: Any) -> None:
    """The key of this copy signed for this request (§9.1.3.6). A MAC would need a key of ours that
    no request has."""
    signed = _map(document.get("deviceSigned"))
    signature = _map(signed.get("deviceAuth")).get("deviceSignature")
    if signature is None:
        raise Refused("no_key_binding", "The wallet did not prove that the credential is its.")
    proof, (key, algorithm) = cose.read(signature), cose.public_key(said.device_key)
    if proof.algorithm != algorithm or proof.payload is not None:
        raise Refused("wrong_key_binding", "The wallet's proof is of another form.")
    names = signed.get("nameSpaces")
    _map(cbor.inside(names))
    authentication = ["DeviceAuthentication", transcript, said.doctype, names]
    try:
        proof.verify(key, algorithm, cbor.encode(cbor.embedded(authentication)))
    except cose.WrongSignature:
        raise Refused("wrong_holder", "It was shown for another request, or its key was not there."
                      ) from None  # fmt: skip
