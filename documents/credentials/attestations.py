"""Who vouches for a wallet's keys: where they are kept, and that they do not leave — OpenID4VCI
Annex D, F.1, F.3.

Whom to believe is the operator's choice: roots of certificates in a file. With one, no key is taken
that nobody vouches for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from documents.credentials.errors import InvalidProof
from documents.credentials.proofs import ALGORITHMS, OFF, Key, key_of
from documents.credentials.sd_jwt import from_base64url
from foundation import algorithms
from foundation.settings import SettingsError
from pki import PathRefused, PathRules, trust_in

TYPE = "key-attestation+jwt"
LONGEST = 30_000
MOST_CERTIFICATES = 5
_SIGNS = ("ES256", "ES384")
_ANY_PURPOSE = PathRules(extended_key_usage=None, revocation="elsewhere")


class Attesters:
    """`roots`: certificates (DER) that their paths end at; none: nobody is asked."""

    def __init__(self, roots: Sequence[bytes], most: int) -> None:
        self._roots = roots
        self._most = most

    @property
    def required(self) -> bool:
        return bool(self._roots)

    def metadata(self) -> dict[str, Any]:
        """How keys are proven (§12.2.4): `proof_types_supported`."""
        proven: dict[str, Any] = {"proof_signing_alg_values_supported": list(ALGORITHMS)}
        if not self.required:
            return {"jwt": proven}
        vouched: dict[str, Any] = {"key_attestations_required": {}}
        attested = {"proof_signing_alg_values_supported": list(_SIGNS), **vouched}
        return {"jwt": {**proven, **vouched}, "attestation": attested}

    def vouched(self, attestation: Any, now: datetime) -> tuple[Sequence[Key], str | None]:
        """The keys that are vouched for, and the nonce that says that it is of now, if one does.
        Raises InvalidProof."""
        if not isinstance(attestation, str) or len(attestation) > LONGEST:
            raise InvalidProof("A key attestation is no text, or too long.")
        signing_input, _, signature = attestation.rpartition(".")
        head, _, content = signing_input.partition(".")
        header, claims = _object(head), _object(content)
        if header.get("typ") != TYPE or header.get("alg") not in _SIGNS or "crit" in header:
            raise InvalidProof(f"A key attestation is a JWT of type {TYPE}, signed by ES256.")
        key = self._signer(header.get("x5c"), now)
        try:
            signed, raw = signing_input.encode("ascii"), from_base64url(signature)
            algorithms.verify(str(header["alg"]), key, raw, signed)
        except (InvalidSignature, ValueError):
            raise InvalidProof("The signature of a key attestation does not verify.") from None
        _check_times(claims, now)
        keys = claims.get("attested_keys")
        if not isinstance(keys, list) or not 1 <= len(keys) <= self._most:
            raise InvalidProof(f"attested_keys must be a list of 1 to {self._most} keys.")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str | None):
            raise InvalidProof("nonce of a key attestation is not a text.")
        return [key_of(one) for one in keys], nonce

    def _signer(self, chain: Any, now: datetime) -> Any:
        """The key of a certificate that leads to one of the roots."""
        if not isinstance(chain, list) or not 1 <= len(chain) <= MOST_CERTIFICATES:
            raise InvalidProof("A key attestation needs the certificates of who signed it, as x5c.")
        try:
            leaf, *between = (base64.b64decode(one, validate=True) for one in chain)
            trust_in(self._roots, between).validate(leaf, _ANY_PURPOSE, now)
            return x509.load_der_x509_certificate(leaf).public_key()
        except (PathRefused, TypeError, ValueError):
            raise InvalidProof("A key attestation is by nobody who is believed here.") from None


def attesters_in(file: Path | None, most: int) -> Attesters:
    """Those of a file of certificates (PEM). Raises SettingsError."""
    if file is None:
        return Attesters((), most)
    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as fault:
        raise SettingsError(f"[credentials] key_attesters: {fault}") from None
    return Attesters([one.public_bytes(Encoding.DER) for one in found], most)


def _object(part: str) -> Mapping[str, Any]:
    try:
        found = json.loads(from_base64url(part))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidProof("A key attestation is not a signed JWT.")
    return found


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or issued > now.timestamp() + OFF.total_seconds():
        raise InvalidProof("iat of a key attestation is missing, or still to come.")
    if expires is not None and (type(expires) is not int or expires <= now.timestamp()):
        raise InvalidProof("A key attestation has expired.")
