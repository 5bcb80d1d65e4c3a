"""Is a signed file what was signed, by whom, and when? In a process of its own — ETSI EN 319 102-1.

    python -m documents.signing.judge < question.json > verdict.json

The file comes from a stranger. It is read here with little memory and little time, so that a file
made to burst on reading takes this process along and nothing else. Nothing is fetched or stored.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import resource
import sys
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from typing import Any

MEMORY = 1024 * 1024 * 1024
SECONDS = 10
MOST_SIGNATURES = 20


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    logging.disable(logging.CRITICAL)
    question = json.load(sys.stdin)
    sys.stdout.write(json.dumps(judge(question)))
    return 0


def judge(question: Mapping[str, Any]) -> dict[str, Any]:
    """`signatures`: what is to be said of each; or `unreadable`: there is none to be read."""
    try:
        content = base64.b64decode(question["file"])
        if b"%PDF-" in content[:1024]:
            return {"kind": "pdf", "signatures": _in_pdf(content, question)}
        return {"kind": "cms", "signatures": [_in_cms(content, question)]}
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001
        # A file that is broken in a way that nobody thought of is no signed file.
        return {"unreadable": True}


def _in_pdf(content: bytes, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature

    found = PdfFileReader(BytesIO(content), strict=False).embedded_regular_signatures
    told = []
    for one in found[:MOST_SIGNATURES]:
        at = _stamped(one.signer_info)
        status = asyncio.run(
            async_validate_pdf_signature(
                one,
                signer_validation_context=_context(question, at),
                ts_validation_context=_context(question, None),
            )
        )
        coverage = status.coverage.name if status.coverage is not None else ""
        whole = coverage == "ENTIRE_FILE"
        # A signature that leaves out a part of its own revision vouches for nothing that is shown.
        changed = not whole and not (coverage == "ENTIRE_REVISION" and status.docmdp_ok)
        told.append(
            _told(question, status, at, changed=changed, continued=not whole and not changed)
        )
    return told


def _in_cms(content: bytes, question: Mapping[str, Any]) -> dict[str, Any]:
    from asn1crypto import cms, pem
    from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

    if pem.detect(content):
        _, _, content = pem.unarmor(content)
    signed = cms.ContentInfo.load(content, strict=True)["content"]
    inside = signed["encap_content_info"]["content"].native
    document = question.get("document")
    if inside is None and not document:
        return {"needs_document": True}
    given = base64.b64decode(document) if document else inside
    at = _stamped(signed["signer_infos"][0])
    status = asyncio.run(
        async_validate_detached_cms(
            given,
            signed,
            signer_validation_context=_context(question, at),
            ts_validation_context=_context(question, None),
        )
    )
    return _told(question, status, at)


def _context(question: Mapping[str, Any], at: datetime | None) -> Any:
    """What we know: our roots and authorities, and our lists; at the moment of the time stamp."""
    from asn1crypto import crl, x509
    from pyhanko_certvalidator import ValidationContext

    now = datetime.fromisoformat(question["now"])
    load = base64.b64decode
    return ValidationContext(
        trust_roots=[x509.Certificate.load(load(one)) for one in question["roots"]],
        other_certs=[x509.Certificate.load(load(one)) for one in question["authorities"]],
        # A list of today says nothing of an earlier moment: that is looked up by `_revoked`.
        crls=[crl.CertificateList.load(load(one)) for one in question["lists"]]
        if at is None
        else [],
        moment=at or now,
        best_signature_time=at or now,
        revocation_mode="soft-fail",
        allow_fetching=False,
    )


def _stamped(signer_info: Any) -> datetime | None:
    """The time in a time stamp, not verified yet: with a wrong one there is no good signature."""
    for attribute in (signer_info["unsigned_attrs"].native and signer_info["unsigned_attrs"]) or ():
        if attribute["type"].native == "signature_time_stamp_token":
            content = attribute["values"][0]["content"]["encap_content_info"]["content"]
            found: datetime = content.parsed["gen_time"].native
            return found
    return None


def _revoked(question: Mapping[str, Any], certificate: Any) -> bool:
    """Whether a list of ours names it: whenever that was, its signature is not to be relied on."""
    from asn1crypto import crl

    for one in question["lists"]:
        listed = crl.CertificateList.load(base64.b64decode(one))["tbs_cert_list"]
        if listed["issuer"].dump() == certificate.issuer.dump():
            for entry in listed["revoked_certificates"] or ():
                if entry["user_certificate"].native == certificate.serial_number:
                    return True
    return False


def _told(
    question: Mapping[str, Any],
    status: Any,
    at: datetime | None,
    *,
    changed: bool = False,
    continued: bool = False,
) -> dict[str, Any]:
    stamp = getattr(status, "timestamp_validity", None)
    proven = stamp is not None and stamp.valid and stamp.intact and stamp.trusted
    certificate = status.signing_cert
    claimed = getattr(status, "signer_reported_dt", None)
    return {
        "who": certificate.subject.native.get("common_name", ""),
        "issuer": certificate.issuer.native.get("common_name", ""),
        "serial": f"{certificate.serial_number:x}",
        "profile_ends": certificate["tbs_certificate"]["validity"]["not_after"].native.isoformat(),
        "intact": bool(status.intact and status.valid),
        "changed": changed,
        "continued": continued,
        "trusted": bool(status.trusted),
        "revoked": bool(getattr(status, "revoked", False)) or _revoked(question, certificate),
        "stamped": at.isoformat() if at is not None else None,
        "proven": bool(proven),
        "claimed": claimed.isoformat() if claimed is not None else None,
        "why": status.trust_problem_indic.standard_name
        if status.trust_problem_indic is not None
        else "",
    }


if __name__ == "__main__":
    sys.exit(main())
