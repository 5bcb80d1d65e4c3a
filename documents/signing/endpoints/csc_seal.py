"""The seal of the service that calls, as a credential — CSC API 2.x §11.5, §11.6, §11.9.

Its key stands, so programs find the certificate first, as those do that put it into what they sign.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from documents.signing.endpoints.model import HASH_SIZES, MOST_DOCUMENTS, Body, hash_name_of
from documents.signing.errors import CscInvalidRequest, InvalidOtpOrSad
from documents.signing.sealing import GOOD_FOR, Sealing

CREDENTIAL = "seal"


def info(sealing: Sealing, caller: str, wanted: str, now: datetime) -> dict[str, Any]:
    by = sealing.standing(caller, now)
    shown = {"none": (), "single": (by.certificate,), "chain": (by.certificate, *by.chain)}[wanted]
    return {
        "cert": {"status": "valid", "certificates": [_b64(one) for one in shown]},
        "auth": {"mode": "implicit"},
        "SCAL": "2",
        "multisign": MOST_DOCUMENTS,
    }


def authorize(sealing: Sealing, caller: str, body: Body, now: datetime) -> dict[str, Any]:
    digests = body.hashes()
    if body.integer("numSignatures") != len(digests):
        raise CscInvalidRequest("Numbers of hashes and of signatures differ")
    sad = sealing.authorize(caller, digests, now)
    return {"SAD": sad, "expiresIn": int(GOOD_FOR.total_seconds())}


def sign_hash(sealing: Sealing, caller: str, body: Body, now: datetime) -> dict[str, Any]:
    digests, sad = body.hashes(), body.text("SAD")
    hash_name = hash_name_of(body.hash_algorithm())
    if any(len(one) != HASH_SIZES[hash_name] for one in digests):
        raise CscInvalidRequest("Hashes are not of this algorithm")
    made = sealing.seal(caller, sad, digests, hash_name, now)
    if made is None:
        raise InvalidOtpOrSad("The SAD is not for these hashes, or is too old")
    return {"signatures": [_b64(one) for one in made]}


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
