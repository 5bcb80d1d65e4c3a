"""Whose chip cards count, by which policies, and what their certificates say of the holder: data.

The operator names the authorities that issue the cards themselves, each with the policies under
which it issues cards that count, and how its certificates name their holder.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from foundation.settings import SettingsError

CARD, SOFT = "x509-card", "x509-soft"


@dataclass(frozen=True, slots=True)
class CardIssuer:
    """A row of the file. `certified`: the key is in a certified chip, which no software copies.
    `number`: what of the subject's serialNumber is the civil number (its first group); None where
    the issuer does not vouch for one. `responder`: where OCSP is asked, in place of what the
    certificate says; `responder_certificate`: whose answers count beside the issuer's own."""

    id: str
    label: str
    certificate: x509.Certificate
    policies: frozenset[str]
    certified: bool
    number: re.Pattern[str] | None = None
    responder: str = ""
    responder_certificate: x509.Certificate | None = None

    @property
    def authenticator(self) -> str:
        """The row of the ceilings table."""
        return CARD if self.certified else SOFT

    def issues(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate was signed by this authority's key."""
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True

    def number_of(self, serial_number: str) -> str:
        match = self.number.fullmatch(serial_number) if self.number else None
        return match[1] if match else ""


class CardIssuers:
    """Those of one deployment; none by default."""

    def __init__(self, issuers: Sequence[CardIssuer] = ()) -> None:
        self._issuers = tuple(issuers)

    @property
    def used(self) -> bool:
        """Whether cards open anything here."""
        return bool(self._issuers)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(issuer.label for issuer in self._issuers)

    def of(self, certificate: x509.Certificate) -> CardIssuer | None:
        """The one whose name the certificate has for its issuer, and whose key signed it."""
        named = [i for i in self._issuers if i.certificate.subject == certificate.issuer]
        return next((issuer for issuer in named if issuer.issues(certificate)), None)

    @classmethod
    def read(cls, path: Path) -> CardIssuers:
        """Raises SettingsError."""
        try:
            told = tomllib.loads(path.read_text(encoding="utf-8"))
            return cls([_issuer(row, path.parent) for row in told["issuer"]])
        except SettingsError:
            raise
        except (OSError, ValueError, KeyError, TypeError, re.error) as error:
            raise SettingsError(
                f"[login] card_issuers: {path} cannot be read ({error!r}); docs/operator.md shows "
                "what is in it."
            ) from None


def _issuer(row: Mapping[str, Any], folder: Path) -> CardIssuer:
    number = row.get("number", "")
    pattern = re.compile(number) if number else None
    if pattern is not None and pattern.groups != 1:
        raise SettingsError(f"{number!r} needs one group, which is the civil number.")
    certificate = _certificate(folder / row["certificate"])
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if not basic.ca:
        raise SettingsError(f"{row['certificate']} is not the certificate of an authority.")
    policies = frozenset(str(one) for one in row["policies"])
    if not policies:
        raise SettingsError(f"The card issuer {row['id']} needs at least one policy.")
    theirs = row.get("responder_certificate")
    return CardIssuer(
        str(row["id"]),
        str(row["label"]),
        certificate,
        policies,
        bool(row["certified"]),
        pattern,
        str(row.get("responder", "")),
        _certificate(folder / theirs) if theirs else None,
    )


def _certificate(path: Path) -> x509.Certificate:
    content = path.read_bytes()
    if content.startswith(b"-----"):
        return x509.load_pem_x509_certificate(content)
    return x509.load_der_x509_certificate(content)
