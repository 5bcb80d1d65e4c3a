"""Token Status List: one bit a credential, for a million at once, read by anybody — IETF Token
Status List (draft-ietf-oauth-status-list), §4 to §8.

Who reads a list learns nothing of whom they look up, and the issuer does not learn who was looked
up: a list is for everybody's credentials, and places in it are at random.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from documents.credentials.mdoc import cbor, cose
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.sd_jwt import base64url, from_base64url
from pki import CertifiedKey

TYPE = "statuslist+jwt"
MEDIA_TYPE = f"application/{TYPE}"
IN_CBOR = "application/statuslist+cwt"
VALID, INVALID = 0, 1
BITS = (1, 2, 4, 8)
_TYPE, _SIGN1 = 16, 18
"""The header of a type (RFC 9596), and the tag of COSE_Sign1."""
MOST_BYTES = 4 * 2**20
"""Of a list that somebody else made, once it is unpacked: more is a bomb."""


class Unreadable(ValueError):
    """A list that is none, as the end of a sentence."""


def packed(ended: Iterable[int], places: int) -> dict[str, Any]:
    """The member `status_list`: a bit for each place, 1 for those that ended (§4.1)."""
    bits = bytearray(places // 8)
    for idx in ended:
        bits[idx >> 3] |= 1 << (idx & 7)
    return {"bits": 1, "lst": base64url(zlib.compress(bytes(bits), 9))}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A list as it is looked up in: so many bits a place."""

    size: int
    bits: bytes

    def status_at(self, idx: int) -> int:
        """The status at a place (§4.1). Raises Unreadable."""
        byte, shift = divmod(idx * self.size, 8)
        if idx < 0 or byte >= len(self.bits):
            raise Unreadable("does not reach to that place")
        return self.bits[byte] >> shift & (1 << self.size) - 1


def unpacked(status_list: Any) -> Unpacked:
    """What the member `status_list` says (§4.2). Raises Unreadable."""
    if not isinstance(status_list, Mapping):
        raise Unreadable("has no status_list")
    size, text = status_list.get("bits"), status_list.get("lst")
    if size not in BITS or isinstance(size, bool) or not isinstance(text, str):
        raise Unreadable("has bits or lst of another kind")
    return Unpacked(int(size), _unpacked(text))


def status_at(status_list: Any, idx: int) -> int:
    """The status at a place of a list that is looked up in once. Raises Unreadable."""
    return unpacked(status_list).status_at(idx)


def in_cbor(by: CertifiedKey, claims: Mapping[str, Any]) -> bytes:
    """The claims of a list as a CWT (§5.2; numbers of RFC 8392 §4 and of §14.2), signed."""
    said = claims["status_list"]
    numbered = {
        2: claims["sub"],
        6: claims["iat"],
        4: claims["exp"],
        65534: claims["ttl"],
        65533: {"bits": said["bits"], "lst": from_base64url(said["lst"])},
    }
    typed = {_TYPE: IN_CBOR}
    return cbor.encode(Tag(_SIGN1, cose.sign1(by, cbor.encode(numbered), typed)))


def _unpacked(text: str) -> bytes:
    unpack = zlib.decompressobj()
    try:
        found = unpack.decompress(from_base64url(text), MOST_BYTES)
    except (ValueError, zlib.error):
        raise Unreadable("cannot be unpacked") from None
    if unpack.unconsumed_tail or not unpack.eof:
        raise Unreadable("is too long, or has no end")
    return found
