"""SD-JWT: claims that their holder discloses one by one — RFC 9901.

An SD-JWT is a JWT of its issuer, then disclosures, then maybe a proof by the holder's key, with
tildes between. The payload has digests where a claim is hidden; a disclosure is a salt, a name and
a value. Nothing here is signed or verified: this reads and writes the form.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from documents.credentials.malformed import Malformed

ALGORITHM = "sha-256"
MOST_CHARACTERS = 100_000
MOST_DISCLOSURES = 200
DEEPEST = 16
_SALT = 16
_OWN = ("_sd", "...")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A claim's value that its holder may disclose or keep to themselves."""

    value: Any


# ── written ───────────────────────────────────────────────────────────────────────────


def concealed(claims: Mapping[str, Any], places: int = 0) -> tuple[dict[str, Any], list[str]]:
    """A payload with digests in the place of what is `Hidden`, and the disclosures (§4.2).

    `places`: how many digests the outermost object has at least; the rest leads to nothing
    (§4.2.5), so that how many there are does not tell who has what.
    """
    disclosures: list[str] = []
    payload = _concealed(claims, disclosures)
    found = payload.setdefault("_sd", [])
    found += [_digest(base64url(secrets.token_bytes(32))) for _ in range(places - len(found))]
    found.sort()  # in no order that says anything (§4.2.4.1)
    if not found:
        del payload["_sd"]
    if disclosures or places:
        payload["_sd_alg"] = ALGORITHM
    return payload, disclosures


def _concealed(claims: Mapping[str, Any], disclosures: list[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    digests: list[str] = []
    for name, value in claims.items():
        hidden = isinstance(value, Hidden)
        inner = value.value if isinstance(value, Hidden) else value
        if isinstance(inner, Mapping):
            inner = _concealed(inner, disclosures)
        if hidden:
            disclosure = _disclosure(name, inner)
            disclosures.append(disclosure)
            digests.append(_digest(disclosure))
        else:
            shown[name] = inner
    if digests:
        shown["_sd"] = sorted(digests)
    return shown


def _disclosure(name: str, value: Any) -> str:
    salt = base64url(secrets.token_bytes(_SALT))
    return base64url(json.dumps([salt, name, value], ensure_ascii=False).encode())


def joined(token: str, disclosures: Sequence[str], key_binding: str = "") -> str:
    """The whole of it as one text (§4)."""
    return "~".join((token, *disclosures, key_binding))


# ── read ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SdJwt:
    """An SD-JWT as it came, in its parts. `key_binding` is None where there is none."""

    token: str
    disclosures: tuple[str, ...]
    key_binding: str | None

    @property
    def digest(self) -> str:
        """`sd_hash`: of all that the proof of the holder's key is about (§4.3.1)."""
        return _digest(joined(self.token, self.disclosures))


def split(text: str) -> SdJwt:
    """The parts of an SD-JWT. Raises Malformed."""
    if len(text) > MOST_CHARACTERS:
        raise Malformed("too_long", "The credential is too long.")
    token, *rest = text.split("~")
    if not rest:
        raise Malformed("not_an_sd_jwt", "This is no SD-JWT: it has no tilde.")
    *disclosures, last = rest
    if len(disclosures) > MOST_DISCLOSURES:
        raise Malformed("too_many_disclosures", "The credential has too many disclosures.")
    return SdJwt(token, tuple(disclosures), last or None)


def disclosed(payload: Mapping[str, Any], disclosures: Sequence[str]) -> dict[str, Any]:
    """The claims that the issuer signed and the holder discloses — §7.1, steps 2c to 5.

    `payload` is verified already. Raises Malformed: for a disclosure that stands there twice, that
    no digest names, or that would change what stands there openly.
    """
    if payload.get("_sd_alg", ALGORITHM) != ALGORITHM:
        raise Malformed("unknown_hash", f"_sd_alg is not {ALGORITHM}.")
    by_digest: dict[str, list[Any]] = {}
    for one in disclosures:
        digest = _digest(one)
        if digest in by_digest:
            raise Malformed("disclosed_twice", "A disclosure stands there twice.")
        by_digest[digest] = _read(one)
    reading = _Reading(by_digest)
    claims = reading.of_object({k: v for k, v in payload.items() if k != "_sd_alg"}, 0)
    if unlisted := by_digest.keys() - reading.used:
        raise Malformed(
            "disclosure_not_signed",
            f"{len(unlisted)} of what is disclosed is not in what the issuer signed.",
        )
    return claims


class _Reading:
    """Puts what is disclosed in its place, each once."""

    def __init__(self, by_digest: Mapping[str, list[Any]]) -> None:
        self._by_digest = by_digest
        self._seen: set[str] = set()
        self.used: set[str] = set()

    def of_object(self, found: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > DEEPEST:
            raise Malformed("too_deep", "The credential is nested too deeply.")
        claims = {name: self._of(v, depth) for name, v in found.items() if name != "_sd"}
        if "..." in claims:
            raise Malformed("reserved_name", "A claim is called '...'.")
        digests = found.get("_sd", [])
        if not isinstance(digests, list):
            raise Malformed("malformed_digests", "_sd is not a list.")
        for digest in digests:
            disclosure = self._taken(digest)
            if disclosure is None:
                continue
            if len(disclosure) != 3 or not isinstance(disclosure[1], str):
                raise Malformed("malformed_disclosure", "A disclosure has no claim's name.")
            _, name, value = disclosure
            if name in _OWN:
                raise Malformed("reserved_name", f"A disclosed claim is called {name!r}.")
            if name in claims:
                raise Malformed("claim_twice", "A claim is disclosed that stands there already.")
            claims[name] = self._of(value, depth)
        return claims

    def _of(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return self.of_object(value, depth + 1)
        if isinstance(value, list):
            return self._of_list(value, depth + 1)
        return value

    def _of_list(self, listed: Sequence[Any], depth: int) -> list[Any]:
        if depth > DEEPEST:
            raise Malformed("too_deep", "The credential is nested too deeply.")
        found = []
        for one in listed:
            if not (isinstance(one, dict) and set(one) == {"..."}):
                found.append(self._of(one, depth))
                continue
            disclosure = self._taken(one["..."])
            if disclosure is None:
                continue
            if len(disclosure) != 2:
                raise Malformed("malformed_disclosure", "A disclosure of an element has a name.")
            found.append(self._of(disclosure[1], depth))
        return found

    def _taken(self, digest: Any) -> list[Any] | None:
        if not isinstance(digest, str):
            raise Malformed("malformed_digests", "A digest is not a text.")
        if digest in self._seen:
            raise Malformed("digest_twice", "A digest stands there twice.")
        self._seen.add(digest)
        disclosure = self._by_digest.get(digest)
        if disclosure is not None:
            self.used.add(digest)
        return disclosure


def _read(disclosure: str) -> list[Any]:
    try:
        read = json.loads(from_base64url(disclosure))
    except (ValueError, RecursionError):
        raise Malformed("malformed_disclosure", "A disclosure cannot be read.") from None
    if not isinstance(read, list) or len(read) not in (2, 3) or not isinstance(read[0], str):
        raise Malformed("malformed_disclosure", "A disclosure is no list of salt, name and value.")
    return read


def _digest(text: str) -> str:
    return base64url(hashlib.sha256(text.encode("ascii", "replace")).digest())


def base64url(raw: bytes) -> str:
    """Without padding — RFC 7515 §2."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises ValueError for what is not the one spelling of some bytes."""
    raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    if base64url(raw) != text:
        raise ValueError("not the one spelling")
    return raw
