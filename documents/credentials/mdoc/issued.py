"""What an issuer signs of an mdoc, and what a holder shows of it — ISO/IEC 18013-5 §8.3.2, §9.1.2.

An mdoc is elements, each with a random salt and a number, and a list of their digests that the
issuer signs (the mobile security object, MSO). Its holder shows elements one by one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from documents.credentials.malformed import Malformed
from documents.credentials.mdoc import cbor, cose
from documents.credentials.mdoc.cbor import Tag
from pki import CertifiedKey

VERSION = "1.0"
DIGESTS = {"SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_SALT = 32
_SHORTEST_SALT = 16
_TIME, _DAY = 0, 1004
"""Tags of a moment (RFC 8949 §3.4.1) and of a day (RFC 8943)."""


@dataclass(frozen=True, slots=True)
class Validity:
    """When it was signed, and from when until when it is good (§9.1.2.4)."""

    signed: datetime
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class SecurityObject:
    """What the issuer signed. `digests`: of each namespace, by their numbers."""

    doctype: str
    hash: str
    digests: Mapping[str, Mapping[int, bytes]]
    device_key: Any
    validity: Validity
    status: Any


# ── written ───────────────────────────────────────────────────────────────────────────


def issued(
    by: CertifiedKey,
    doctype: str,
    elements: Mapping[str, Any],
    places: int,
    device_key: Mapping[str, str],
    validity: Validity,
    status: Mapping[str, Any],
) -> bytes:
    """IssuerSigned: the elements of one namespace, which is called like the document type.

    `places`: how many digests there are at least; the rest leads to nothing, so that how many there
    are does not tell who has what. Numbers of digests are in no order that says anything.
    """
    places = max(places, len(elements))
    numbers = list(range(places))
    secrets.SystemRandom().shuffle(numbers)
    digests = {number: secrets.token_bytes(32) for number in sorted(numbers)}
    shown = []
    for number, (name, value) in zip(numbers, elements.items(), strict=False):
        item = cbor.embedded(
            {
                "digestID": number,
                "random": secrets.token_bytes(_SALT),
                "elementIdentifier": name,
                "elementValue": value,
            }
        )
        digests[number] = hashlib.sha256(cbor.encode(item)).digest()
        shown.append(item)
    security_object = {
        "version": VERSION,
        "digestAlgorithm": "SHA-256",
        "valueDigests": {doctype: digests},
        "deviceKeyInfo": {"deviceKey": cose.key_of_jwk(device_key)},
        "docType": doctype,
        "validityInfo": {
            "signed": _moment(validity.signed),
            "validFrom": _moment(validity.begins),
            "validUntil": _moment(validity.ends),
        },
        "status": status,
    }
    signature = cose.sign1(by, cbor.encode(cbor.embedded(security_object)))
    return cbor.encode({"nameSpaces": {doctype: shown}, "issuerAuth": signature})


def day(value: Any) -> Any:
    """A day as it stands in an mdoc (`full-date`); what is no whole day stays a text."""
    try:
        date.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return Tag(_DAY, value)


def _moment(when: datetime) -> Tag:
    """To the second, and in UTC (§9.1.2.4)."""
    return Tag(_TIME, when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


# ── read ──────────────────────────────────────────────────────────────────────────────


def security_object(payload: bytes | None) -> SecurityObject:
    """What the issuer signed, which is verified already. Raises Malformed."""
    found = cbor.inside(cbor.decode(payload or b""))
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise Malformed("malformed", "What was shown cannot be read.")
    algorithm, digests = found.get("digestAlgorithm"), found.get("valueDigests")
    if not isinstance(algorithm, str) or algorithm not in DIGESTS:
        raise Malformed("unknown_hash", "Its digests are of a kind that does not count here.")
    if not isinstance(digests, dict) or not all(isinstance(d, dict) for d in digests.values()):
        raise Malformed("malformed_digests", "Its digests cannot be read.")
    bound_to = found.get("deviceKeyInfo")
    times = found.get("validityInfo")
    if not isinstance(bound_to, dict) or not isinstance(times, dict):
        raise Malformed("malformed", "What was shown cannot be read.")
    return SecurityObject(
        str(found.get("docType")),
        DIGESTS[algorithm],
        digests,
        bound_to.get("deviceKey"),
        Validity(*(_read_moment(times.get(n)) for n in ("signed", "validFrom", "validUntil"))),
        found.get("status"),
    )


def disclosed(said: SecurityObject, namespaces: Any) -> dict[str, dict[str, Any]]:
    """The elements that are shown, by namespace and name, each as its issuer signed it (§9.3.1).

    Raises Malformed for one whose digest is another one, and for a number or a name that stands
    there twice.
    """
    if not isinstance(namespaces, dict):
        raise Malformed("malformed", "What was shown cannot be read.")
    return {
        str(namespace): _of_namespace(said, said.digests.get(namespace, {}), items)
        for namespace, items in namespaces.items()
    }


def _of_namespace(
    said: SecurityObject, digests: Mapping[int, bytes], items: Sequence[Any]
) -> dict[str, Any]:
    if not isinstance(items, list):
        raise Malformed("malformed", "What was shown cannot be read.")
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for item in items:
        read = cbor.inside(item)
        number, salt, name = (
            (read.get("digestID"), read.get("random"), read.get("elementIdentifier"))
            if isinstance(read, dict)
            else (None, None, None)
        )
        if type(number) is not int or type(salt) is not bytes or not isinstance(name, str):
            raise Malformed("malformed_disclosure", "An element that is shown cannot be read.")
        if len(salt) < _SHORTEST_SALT or read.keys() != _MEMBERS:
            raise Malformed("malformed_disclosure", "An element that is shown cannot be read.")
        if number in seen:
            raise Malformed("digest_twice", "The number of a digest stands there twice.")
        if name in found:
            raise Malformed("claim_twice", "An element is shown that stands there already.")
        signed, actual = digests.get(number), hashlib.new(said.hash, cbor.encode(item)).digest()
        if type(signed) is not bytes or not hmac.compare_digest(signed, actual):
            raise Malformed(
                "disclosure_not_signed", "Something that is shown is not what the issuer signed."
            )
        seen.add(number)
        found[name] = plain(read["elementValue"])
    return found


_MEMBERS = {"digestID", "random", "elementIdentifier", "elementValue"}


def plain(value: Any) -> Any:
    """A value as JSON has it: a day or a moment is a text. Raises Malformed."""
    match value:
        case Tag(number=number, value=str()) if number in (_TIME, _DAY):
            return value.value
        case list():
            return [plain(one) for one in value]
        case dict():
            return {str(name): plain(one) for name, one in value.items()}
        case Tag() | bytes():
            raise Malformed("malformed_disclosure", "A value that is shown is of another kind.")
        case _:
            return value


def _read_moment(found: Any) -> datetime:
    try:
        if isinstance(found, Tag) and found.number == _TIME:
            return datetime.strptime(found.value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except (TypeError, ValueError):
        pass
    raise Malformed("malformed", "A time in it cannot be read.")
