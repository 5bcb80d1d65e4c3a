"""Signatures in a PDF, and whether it still shows what was signed — ETSI EN 319 142-1.

What incremental updates changed is compared by pyHanko: what one may add is listed, and all else
counts as a change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from documents.judging import facts
from documents.judging.bounds import MOST_SIGNATURES


def judge(content: bytes, question: Mapping[str, Any]) -> list[dict[str, Any]]:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import async_validate_pdf_signature

    found = PdfFileReader(BytesIO(content), strict=False).embedded_regular_signatures
    told = []
    for one in found[:MOST_SIGNATURES]:
        at = facts.stamped(one.signer_info)
        status = asyncio.run(
            async_validate_pdf_signature(
                one,
                signer_validation_context=facts.context(question, at),
                ts_validation_context=facts.context(question, None),
            )
        )
        coverage = status.coverage.name if status.coverage is not None else ""
        whole = coverage == "ENTIRE_FILE"
        # A signature that leaves out a part of its own revision vouches for nothing that is shown.
        changed = not whole and not (coverage == "ENTIRE_REVISION" and status.docmdp_ok)
        told.append(
            facts.told(question, status, at, changed=changed, continued=not whole and not changed)
        )
    return told
