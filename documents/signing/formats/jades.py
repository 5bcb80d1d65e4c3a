"""JAdES over files that lie beside it: a JWS that names them by hash — ETSI TS 119 182-1.

B-B is compact; with a time stamp (B-T) it is flattened JSON, since that stands outside of what is
signed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from documents.signing.formats.values import is_ecdsa, plain
from documents.signing.formats.xades import uri_of
from documents.signing.transaction import Document
from pki import CmsSigner

BY_HASH = "http://uri.etsi.org/19182/ObjectIdByURIHash"
HASHES = {"sha256": "S256", "sha384": "S384", "sha512": "S512"}


def signature(
    by: CmsSigner,
    documents: Sequence[Document],
    hash_name: str,
    at: datetime,
    *,
    stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """One signature over all files."""
    # RFC 7518 §3.4: a curve has one hash; the files' may be another.
    size = by.private_key.curve.key_size if is_ecdsa(by) else 256
    own_hash = {256: "sha256", 384: "sha384", 521: "sha512"}[size]
    header: dict[str, Any] = {
        "alg": ("ES" if is_ecdsa(by) else "RS") + own_hash[3:],
        "x5c": [base64.b64encode(one).decode() for one in (by.certificate, *by.chain)],
        "x5t#S256": _b64u(hashlib.sha256(by.certificate).digest()),
        "iat": int(at.timestamp()),
        # §5.2.8.3.3: the payload is empty, the hashes stand here; with `b64` false they are
        # those of the files, not of their base64.
        "b64": False,
        "sigD": {
            "mId": BY_HASH,
            "pars": [uri_of(one.name) for one in documents],
            "hashM": HASHES[hash_name],
            "hashV": [_b64u(one.digest) for one in documents],
            "ctys": [one.media_type for one in documents],
        },
        "crit": ["b64", "sigD"],
    }
    protected = _b64u(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
    digest = hashlib.new(own_hash, f"{protected}.".encode()).digest()
    value = _b64u(plain(by, digest, own_hash))
    if stamp is None:
        return f"{protected}..{value}".encode()
    # §5.3.4: the stamp is over the value as it is written.
    token = base64.b64encode(stamp(value.encode())).decode()
    stamped = _b64u(json.dumps({"sigTst": {"tstTokens": [{"val": token}]}}).encode())
    return json.dumps(
        {"protected": protected, "header": {"etsiU": [stamped]}, "signature": value}
    ).encode()


def _b64u(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
