"""Credential requests and answers that travel encrypted — OpenID4VCI §8.2, §8.3, §10, §12.2.4.

TLS ends where a proxy stands; what is encrypted here is read by the wallet alone. Who asks for an
encrypted answer encrypts its request as well (§8.2), or somebody between could put their own key
in place of the wallet's. The keys for requests are a day's each and are kept nowhere: every
process makes the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from documents.credentials.errors import InvalidEncryption
from foundation.keys import Keys

ALGORITHM = "ECDH-ES"
ENCRYPTIONS = ("A128GCM", "A256GCM")
COMPRESSION = "DEF"
CURVES = ("P-256", "P-384")
MEDIA_TYPE = "application/jwt"
_PURPOSE = "credential-request-encryption"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class To:
    """A wallet's key, the algorithm of the content, and how that is compressed, if it is."""

    key: ECKey
    enc: str
    zip: str | None = None


class RequestKeys:
    """The keys that requests are encrypted to; safe to share between threads."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def metadata(self, now: datetime) -> dict[str, Any]:
        """What a wallet needs to know, beside that it may go without (§12.2.4)."""
        day = _day(now)
        public = {
            **self._key(day).as_dict(private=False),
            "kid": str(day),
            "use": "enc",
            "alg": ALGORITHM,
        }
        offered = {"enc_values_supported": list(ENCRYPTIONS), "encryption_required": False}
        return {
            "credential_request_encryption": {"jwks": {"keys": [public]}, **offered},
            "credential_response_encryption": {
                "alg_values_supported": [ALGORITHM],
                "zip_values_supported": [COMPRESSION],
                **offered,
            },
        }

    def opened(self, sealed: str, now: datetime) -> bytes:
        """What a wallet encrypted to the key of today, or to that of yesterday. Nothing is
        unpacked: it could be a bomb. Raises InvalidEncryption."""
        algorithms = [ALGORITHM, *ENCRYPTIONS]
        for day in (_day(now), _day(now) - 1):
            try:
                found = jwe.decrypt_compact(sealed, self._key(day), algorithms=algorithms)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            return found.plaintext or b""
        raise InvalidEncryption("The request cannot be decrypted with a key of today's metadata.")

    def _key(self, day: int) -> ECKey:
        halves = (self._keys.mac(_PURPOSE, f"{day}\0{half}".encode()) for half in range(2))
        secret = int.from_bytes(b"".join(halves), "big") % (_ORDER - 1) + 1
        return ECKey.import_key(ec.derive_private_key(secret, ec.SECP256R1()))


def wanted(body: Mapping[str, Any], *, encrypted: bool) -> To | None:
    """The key and the algorithm of the answer that a request asks for; None for one in clear.
    `encrypted`: whether the request was. Raises InvalidEncryption."""
    if "credential_response_encryption" not in body:
        return None
    said = body["credential_response_encryption"]
    if not encrypted:
        raise InvalidEncryption("Encrypt the request too: an answer's key must not be replaced.")
    if not isinstance(said, dict) or not isinstance(said.get("jwk"), dict):
        raise InvalidEncryption("Send jwk and enc.")
    if said.get("zip", COMPRESSION) != COMPRESSION:
        raise InvalidEncryption(f"zip must be {COMPRESSION}, or missing.")
    jwk, enc = said["jwk"], said.get("enc")
    if enc not in ENCRYPTIONS or jwk.get("alg", ALGORITHM) != ALGORITHM:
        raise InvalidEncryption(f"alg must be {ALGORITHM}; enc one of {', '.join(ENCRYPTIONS)}.")
    if jwk.get("crv") not in CURVES or "d" in jwk:
        raise InvalidEncryption(f"jwk must be a public key of {' or '.join(CURVES)}.")
    try:
        return To(ECKey.import_key(jwk), enc, said.get("zip"))
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidEncryption("jwk cannot be read.") from None


def sealed(said: Mapping[str, Any], to: To) -> str:
    """An answer as only the wallet reads it."""
    header = {"alg": ALGORITHM, "enc": to.enc, **({"zip": to.zip} if to.zip else {})}
    if isinstance(to.key.get("kid"), str):
        header["kid"] = str(to.key.get("kid"))
    raw, used = json.dumps(said).encode(), [ALGORITHM, to.enc, COMPRESSION]
    return jwe.encrypt_compact(header, raw, to.key, algorithms=used)


def _day(now: datetime) -> int:
    return int(now.timestamp()) // _DAY
