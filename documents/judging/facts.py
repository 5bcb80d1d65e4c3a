"""What we know, and what is told of a signature: whatever it is written in — EN 319 102-1 §5.2."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def context(question: Mapping[str, Any], at: datetime | None) -> Any:
    """What we know: our roots and authorities, and our lists; at the moment of the time stamp."""
    from asn1crypto import crl, x509
    from pyhanko_certvalidator import ValidationContext

    now = datetime.fromisoformat(question["now"])
    load = base64.b64decode
    return ValidationContext(
        trust_roots=[x509.Certificate.load(load(one)) for one in question["roots"]],
        other_certs=[x509.Certificate.load(load(one)) for one in question["authorities"]],
        # A list of today says nothing of an earlier moment: that is looked up by `revoked`.
        crls=[crl.CertificateList.load(load(one)) for one in question["lists"]]
        if at is None
        else [],
        moment=at or now,
        best_signature_time=at or now,
        revocation_mode="soft-fail",
        allow_fetching=False,
    )


def stamped(signer_info: Any) -> datetime | None:
    """The time in a time stamp, not verified yet: with a wrong one there is no good signature."""
    for attribute in (signer_info["unsigned_attrs"].native and signer_info["unsigned_attrs"]) or ():
        if attribute["type"].native == "signature_time_stamp_token":
            return time_in(attribute["values"][0]["content"])
    return None


def time_in(unverified_token: Any) -> datetime:
    """What a time stamp, a SignedData, says."""
    found: datetime = unverified_token["encap_content_info"]["content"].parsed["gen_time"].native
    return found


def revoked(question: Mapping[str, Any], certificate: Any) -> bool:
    """Whether a list of ours names it: whenever that was, its signature is not to be relied on."""
    from asn1crypto import crl

    for one in question["lists"]:
        listed = crl.CertificateList.load(base64.b64decode(one))["tbs_cert_list"]
        if listed["issuer"].dump() == certificate.issuer.dump():
            for entry in listed["revoked_certificates"] or ():
                if entry["user_certificate"].native == certificate.serial_number:
                    return True
    return False


def told(
    question: Mapping[str, Any],
    status: Any,
    at: datetime | None,
    *,
    changed: bool = False,
    continued: bool = False,
) -> dict[str, Any]:
    """Of a signature that pyHanko looked at."""
    stamp = getattr(status, "timestamp_validity", None)
    return said(
        question,
        status.signing_cert,
        at,
        getattr(status, "signer_reported_dt", None),
        intact=bool(status.intact and status.valid),
        trusted=bool(status.trusted),
        revoked_then=bool(getattr(status, "revoked", False)),
        proven=is_proof(stamp),
        changed=changed,
        continued=continued,
    )


def is_proof(stamp: Any) -> bool:
    return stamp is not None and bool(stamp.valid and stamp.intact and stamp.trusted)


def said(
    question: Mapping[str, Any],
    certificate: Any,
    at: datetime | None,
    claimed: datetime | None,
    *,
    intact: bool,
    trusted: bool,
    revoked_then: bool,
    proven: bool,
    changed: bool = False,
    continued: bool = False,
) -> dict[str, Any]:
    """`at`: the time in its stamp; `proven`: that the stamp is good."""
    return {
        "who": certificate.subject.native.get("common_name", ""),
        "serial": f"{certificate.serial_number:x}",
        "profile_ends": certificate["tbs_certificate"]["validity"]["not_after"].native.isoformat(),
        "intact": intact,
        "changed": changed,
        "continued": continued,
        "trusted": trusted,
        "revoked": revoked_then or revoked(question, certificate),
        "stamped": at.isoformat() if at is not None else None,
        "proven": proven,
        "claimed": claimed.isoformat() if claimed is not None else None,
    }
