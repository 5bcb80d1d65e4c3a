"""Signed files, spoiled; and what the judge says of them."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from documents.judging.judge import judge
from documents.signing.verifying import Verifying, verdict_of
from tests.support.signing import SigningCity

MIMETYPE = b"application/vnd.etsi.asic-e+zip"
XADES = "META-INF/signatures0.xml"


def question(city: SigningCity) -> dict[str, Any]:
    """All that a judge is told but for the file."""
    now = city.clock.now()
    return {"now": now.isoformat(), **Verifying(city.signing.authority)._known(now)}


def outcome(known: Mapping[str, Any], content: bytes, document: bytes = b"") -> str:
    """A refusal's word, or `good`, `bad`, `unsure` of the first signature that is not good."""
    told = judge(
        {
            **known,
            "file": base64.b64encode(content).decode(),
            "document": base64.b64encode(document).decode(),
        }
    )
    if "refused" in told:
        return str(told["refused"])
    if told.get("unreadable"):
        return "unreadable"
    from datetime import datetime

    now = datetime.fromisoformat(known["now"])
    verdicts = [verdict_of(one, now).verdict for one in told["signatures"]]
    return next((one for one in verdicts if one != "good"), "good" if verdicts else "none")


def zipped(files: Mapping[str, bytes], first: str = "mimetype", method: int = ZIP_STORED) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as made:
        entry = ZipInfo(first)
        entry.compress_type = method
        made.writestr(entry, MIMETYPE)
        for name, content in files.items():
            entry = ZipInfo(name)
            entry.compress_type = ZIP_DEFLATED
            made.writestr(entry, content)
    return out.getvalue()


def with_two_of_one_name(files: Mapping[str, bytes], name: str, other: bytes) -> bytes:
    import warnings

    out = BytesIO(zipped(files))
    with warnings.catch_warnings(), ZipFile(out, "a") as made:
        warnings.simplefilter("ignore")
        made.writestr(name, other)
    return out.getvalue()


def with_something_between(content: bytes) -> bytes:
    """Octets that no directory lists, before it."""
    at = content.rindex(b"PK\x05\x06")
    (start,) = struct.unpack("<I", content[at + 16 : at + 20])
    hidden = b"PK\x03\x04" + b"hidden"
    end = content[at : at + 16] + struct.pack("<I", start + len(hidden)) + content[at + 20 :]
    return content[:start] + hidden + content[start:at] + end


def bomb(files: Mapping[str, bytes]) -> bytes:
    return zipped({**files, "bomb.txt": b"\0" * (150 * 1024 * 1024)})


def changed_xml(files: Mapping[str, bytes], change: Callable[[bytes], bytes]) -> bytes:
    return zipped({**files, XADES: change(files[XADES])})
