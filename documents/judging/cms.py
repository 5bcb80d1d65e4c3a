"""A signature in CMS over a document that stands beside it — RFC 5652, ETSI EN 319 122-1."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from documents.judging import facts


def judge(content: bytes, document: bytes | None, question: Mapping[str, Any]) -> dict[str, Any]:
    """`needs_document` where it stands beside one that is not here."""
    from asn1crypto import cms, pem
    from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

    if pem.detect(content):
        _, _, content = pem.unarmor(content)
    signed = cms.ContentInfo.load(content, strict=True)["content"]
    inside = signed["encap_content_info"]["content"].native
    if inside is None and document is None:
        return {"needs_document": True}
    at = facts.stamped(signed["signer_infos"][0])
    status = asyncio.run(
        async_validate_detached_cms(
            document if document is not None else inside,
            signed,
            signer_validation_context=facts.context(question, at),
            ts_validation_context=facts.context(question, None),
        )
    )
    return facts.told(question, status, at)
