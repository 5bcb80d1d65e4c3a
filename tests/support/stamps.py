"""Requests for time stamps, and what is in an answer, by a library that is not ours."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from asn1crypto import algos, cms, core, tsp

QUERY = {"Content-Type": "application/timestamp-query"}
DIGEST = hashlib.sha256(b"a document").digest()


class Response(core.Sequence):  # type: ignore[misc]
    """§2.4.2; the library's own wants a stamp in each."""

    _fields: ClassVar = [
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", tsp.ContentInfo, {"optional": True}),
    ]


def query(
    digest: bytes = DIGEST, algorithm: str = "sha256", *, certificate: bool = True, **more: Any
) -> bytes:
    """A TimeStampReq, DER."""
    imprint = tsp.MessageImprint(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}),
            "hashed_message": digest,
        }
    )
    asked = {"version": 1, "message_imprint": imprint, "cert_req": certificate, **more}
    return bytes(tsp.TimeStampReq(asked).dump())


def ask(http: Any, body: bytes) -> Response:
    answer = http.post("/pki/tsa", content=body, headers=QUERY)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/timestamp-reply"
    found: Response = Response.load(answer.content, strict=True)
    return found


def failure(found: Response) -> set[str]:
    """Why there is no stamp."""
    status = found["status"]
    assert status["status"].native == "rejection"
    assert isinstance(found["time_stamp_token"], core.Void)
    assert status["status_string"].native[0]
    return set(status["fail_info"].native)


def signed_data(found: Response) -> cms.SignedData:
    assert found["status"]["status"].native == "granted"
    return found["time_stamp_token"]["content"]


def info(found: Response) -> tsp.TSTInfo:
    return signed_data(found)["encap_content_info"]["content"].parsed
