"""What is to be said of each signature in a file — ETSI EN 319 102-1 §5."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from documents.judging import cms, container, pdf
from documents.judging.bounds import Refused


def judge(question: Mapping[str, Any]) -> dict[str, Any]:
    """`signatures`: what is to be said of each; `refused`: why the file, as it is built, is not to
    be relied on; or `unreadable`: there is none to be read."""
    try:
        content = base64.b64decode(question["file"])
        if b"%PDF-" in content[:1024]:
            return {"kind": "pdf", "signatures": pdf.judge(content, question)}
        if content.startswith(b"PK"):
            return {"kind": "container", "signatures": container.judge(content, question)}
        document = question.get("document")
        beside = base64.b64decode(document) if document else None
        return {"kind": "cms", "signatures": [cms.judge(content, beside, question)]}
    except MemoryError:
        raise
    except Refused as refused:
        return {"refused": refused.reason}
    except Exception:  # noqa: BLE001
        # A file that is broken in a way that nobody thought of is no signed file.
        return {"unreadable": True}
