"""A revocation list that was published, read again: whose it is, and what it says — RFC 5280 §5.

Only a list that one of our own authorities signed is read, and only of the kinds that we write:
complete, of one partition, or a delta, as DER or PEM (RFC 7468 §6).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import CRLEntryExtensionOID

from foundation.errors import BadRequest
from pki.hierarchy.hierarchy import Authority
from pki.revocation.revocation import RELEASE

MOST_OCTETS = 256 * 1024 * 1024
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_UNDERSTOOD = frozenset(
    {x509.IssuingDistributionPoint.oid, x509.DeltaCRLIndicator.oid, x509.CRLNumber.oid}
)
_MOST = 2**63 - 1
_PLACE = re.compile(r"/([0-9]+)\.crl\Z")
_NEXT = "Fetch it anew from where relying parties do (cRLDistributionPoints), or from one of them."


@dataclass(frozen=True, slots=True)
class Statement:
    """What a list says of one serial; `reason` by its name in RFC 5280 §5.3.1, or RELEASE."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PublishedList:
    """A list whose signature is that of `authority`.

    `source` names where it came from. `base` makes it a delta that continues that list;
    `partition` is None where it speaks of all that the authority issued. `said` by serial, in hex.
    """

    source: str
    authority: Authority
    number: int
    base: int | None
    partition: int | None
    this_update: datetime
    next_update: datetime | None
    said: Mapping[str, Statement] = field(repr=False)
    der: bytes = field(repr=False)

    @property
    def is_complete(self) -> bool:
        return self.base is None

    def covers(self, serial: str) -> bool:
        """Whether the list would name this serial of its authority."""
        return (
            self.partition is None or int(serial, 16) % self.authority.partitions == self.partition
        )


def read(content: bytes, source: str, authorities: Collection[Authority]) -> list[PublishedList]:
    """Every list in a file. Raises BadRequest, with the source and what is wrong with it."""
    blocks = _PEM.findall(content)
    try:
        if blocks:
            lists = [x509.load_pem_x509_crl(block) for block in blocks]
        else:
            lists = [x509.load_der_x509_crl(content)]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unfit(source, f"it is no revocation list, DER or PEM ({error})") from None
    return [_read(each, source, authorities) for each in lists]


def _read(
    found: x509.CertificateRevocationList, source: str, authorities: Collection[Authority]
) -> PublishedList:
    authority = _signer(found, source, authorities)
    try:
        number, base = _numbers(found)
        said = {f"{entry.serial_number:x}": _statement(entry) for entry in found}
        partition = _partition(found)
    except _Unfit as unfit:
        raise _unfit(source, str(unfit)) from None
    except (ValueError, x509.DuplicateExtension) as error:
        raise _unfit(source, f"it cannot be read ({error})") from None
    if partition is None and authority.is_root:
        partition = 0 if authority.partitions == 1 else None
    return PublishedList(
        source,
        authority,
        number,
        base,
        None if authority.partitions == 1 else partition,
        found.last_update_utc,
        found.next_update_utc,
        said,
        found.public_bytes(Encoding.DER),
    )


def _signer(
    found: x509.CertificateRevocationList, source: str, authorities: Collection[Authority]
) -> Authority:
    named = [a for a in authorities if a.certificate.subject == found.issuer]
    if not named:
        raise _unfit(
            source,
            f"its issuer, {found.issuer.rfc4514_string()}, is none of our authorities: it is "
            "somebody else's, or its authority was founded after the backup",
        )
    for authority in named:
        try:
            if found.is_signature_valid(authority.certificate.public_key()):  # type: ignore[arg-type]
                return authority
        except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
            continue
    raise _unfit(source, f"its signature is not that of {' or '.join(a.slug for a in named)}")


class _Unfit(Exception):
    """Why a list is none of those that we write."""


def _numbers(found: x509.CertificateRevocationList) -> tuple[int, int | None]:
    number: int | None = None
    base: int | None = None
    for extension in found.extensions:
        if extension.critical and extension.oid not in _UNDERSTOOD:
            raise _Unfit(f"its critical extension {extension.oid.dotted_string} is unknown here")
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif isinstance(extension.value, x509.DeltaCRLIndicator):
            base = extension.value.crl_number
    if number is None or not 0 <= number <= _MOST:
        raise _Unfit("it has no number (cRLNumber) that is one of ours")
    return number, base


def _partition(found: x509.CertificateRevocationList) -> int | None:
    try:
        point = found.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None
    if point.indirect_crl or point.only_some_reasons or point.only_contains_attribute_certs:
        raise _Unfit("it is indirect, for some reasons only, or of attributes: we write none such")
    for name in point.full_name or ():
        place = isinstance(name, x509.UniformResourceIdentifier) and _PLACE.search(name.value)
        if place:
            return int(place[1])
    raise _Unfit("its distribution point (issuingDistributionPoint) is not of our form")


def _statement(entry: x509.RevokedCertificate) -> Statement:
    reason = "unspecified"
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            reason = extension.value.reason.value
        elif extension.critical and extension.oid != CRLEntryExtensionOID.INVALIDITY_DATE:
            raise _Unfit(
                f"the entry of {entry.serial_number:x} has the critical extension "
                f"{extension.oid.dotted_string}, which is unknown here"
            )
    return Statement(entry.revocation_date_utc, reason)


def _unfit(source: str, why: str) -> BadRequest:
    return BadRequest(f"{why}.", where=source, next_step=_NEXT)


__all__ = ["MOST_OCTETS", "RELEASE", "PublishedList", "Statement", "read"]
