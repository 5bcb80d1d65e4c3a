"""What a verdict on a signed file means, in words — ETSI EN 319 102-1 §5.

A signature is good now, or was good when a time stamp proves that it was made, or it is not; and
what cannot be known is said as such.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from documents import judging
from documents.signing import refusals
from foundation.errors import Unprocessable
from foundation.marking import N_
from pki import CertificateAuthority

MOST_OCTETS = 10 * 1024 * 1024
GOOD, BAD, UNSURE = "good", "bad", "unsure"
_AUTHORITIES = ("people", "services")
_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one signature. `why` and `next_step` are sentences, to be translated."""

    verdict: str
    who: str
    made_at: datetime | None
    proven: bool
    why: str
    next_step: str = ""


class Verifying:
    def __init__(self, authority: CertificateAuthority) -> None:
        self._authority = authority

    def verify(self, file: bytes, document: bytes, now: datetime) -> list[Verdict]:
        """What is to be said of each signature in a PDF or a container, or of the one in CMS over
        `document`.

        Raises Unprocessable for what holds no signature that can be read, or is built so that
        nobody should rely on it.
        """
        said = self._asked(file, document, now)
        if "refused" in said:
            raise Unprocessable(
                refusals.SENTENCES[said["refused"]],
                where="file",
                next_step=N_("Do not rely on it. Ask whoever gave you the file for the original."),
            )
        signatures = said.get("signatures") or []
        if said.get("unreadable") or not signatures:
            raise Unprocessable(
                N_("There is no signature in this file that can be read."),
                where="file",
                next_step=N_(
                    "Choose the signed PDF, the container (.asice), or the signature file (.p7s)."
                ),
            )
        if signatures[0].get("needs_document"):
            raise Unprocessable(
                N_("This signature stands beside its document."),
                where="document",
                next_step=N_("Choose the document as well, as it was signed."),
            )
        for one in signatures:
            # A list forgets who was revoked once the certificate has ended; the record does not.
            one["revoked"] |= one["trusted"] and self._authority.was_revoked(one["serial"])
        return [verdict_of(one, now) for one in signatures]

    def _asked(self, file: bytes, document: bytes, now: datetime) -> dict[str, Any]:
        question = json.dumps(
            {
                "file": _b64(file),
                "document": _b64(document) if document else "",
                "now": now.isoformat(),
                **self._known(now),
            }
        )
        try:
            answer = subprocess.run(
                [sys.executable, "-I", "-m", judging.MODULE],
                input=question.encode(),
                capture_output=True,
                timeout=_TIMEOUT,
                check=True,
                env={},
            )
            found: dict[str, Any] = json.loads(answer.stdout)
        except (subprocess.SubprocessError, ValueError):
            raise Unprocessable(
                N_("This file takes too much to read, so it was not looked at."),
                where="file",
                next_step=N_("Save it anew with an ordinary program, and try again."),
            ) from None
        return found

    def _known(self, now: datetime) -> dict[str, list[str]]:
        hierarchy = self._authority.hierarchy
        hierarchy.refresh()
        roots = [a for a in hierarchy.all() if a.is_root]
        others = [a for a in hierarchy.all() if not a.is_root and a.name in _AUTHORITIES]
        der = Encoding.DER
        return {
            "roots": [_b64(a.certificate.public_bytes(der)) for a in roots],
            "authorities": [_b64(a.certificate.public_bytes(der)) for a in others],
            "lists": [_b64(self._authority.crl(a.slug, now)) for a in others],
        }


def verdict_of(said: dict[str, Any], now: datetime) -> Verdict:
    """The first that is wrong decides."""
    claimed, stamped = said["claimed"], said["stamped"]
    at = stamped or claimed
    made_at = datetime.fromisoformat(at) if at else None
    proven = bool(said["proven"])
    ended = datetime.fromisoformat(said["profile_ends"]) <= now

    def told(verdict: str, why: str, next_step: str = "") -> Verdict:
        return Verdict(verdict, said["who"], made_at, proven, why, next_step)

    ask_again = N_("Do not rely on it. Ask whoever gave you the file for the original.")
    if not said["intact"]:
        return told(BAD, N_("The file was changed after it was signed."), ask_again)
    if said["changed"]:
        return told(BAD, N_("What the file shows was changed after it was signed."), ask_again)
    if stamped and not proven:
        return told(
            BAD, N_("Its time stamp is not good, so nobody knows when it was signed."), ask_again
        )
    if said["revoked"]:
        return told(BAD, N_("The certificate of whoever signed was revoked."), ask_again)
    if not said["trusted"] and ended and not proven:
        return told(
            UNSURE,
            N_("The certificate has ended, and no time stamp says that it was signed before."),
            N_("Ask for a signature with a time stamp."),
        )
    if not said["trusted"]:
        return told(
            BAD,
            N_("It was signed with a certificate that is none of ours."),
            N_("Whoever signed may be somebody else. Ask them how their signature is checked."),
        )
    if said["continued"]:
        return told(
            GOOD,
            N_("It is good. Something that changes nothing of what was signed was added later."),
        )
    return told(GOOD, N_("It is good: nothing was changed, and the certificate is ours."))


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
