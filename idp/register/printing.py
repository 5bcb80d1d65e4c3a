"""The file for the printing house: CSV, JSON or HTML; encrypted by CMS — RFC 4180, RFC 5652 §6."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from foundation.audit import Actor
from foundation.errors import BadRequest
from foundation.marking import N_
from foundation.nearest import instead
from foundation.pages import Pages
from foundation.runtime import Runtime
from foundation.settings import Server, SettingsError
from idp.register.csv_files import csv_text
from idp.register.letters import Letters, Printed
from idp.register.settings import RegisterSettings

FORMATS = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
ENCRYPTED = "application/pkcs7-mime; smime-type=enveloped-data"
COLUMNS = (
    "number",
    "name",
    "street_address",
    "postal_code",
    "locality",
    "country",
    "language",
    "address_to_open",
    "code",
    "usable_until",
    "purpose",
)


@dataclass(frozen=True, slots=True)
class PrintFile:
    """What goes to the printing house, once."""

    name: str
    media_type: str
    content: bytes
    letters: int


class Printing:
    """Makes the file of the next letters, encrypted where a printing house has a certificate."""

    def __init__(self, runtime: Runtime, letters: Letters) -> None:
        self._runtime = runtime
        self._letters = letters
        self.url = f"{runtime.settings.of(Server).url}/activate"
        written = runtime.settings.of(RegisterSettings).printing_house_certificate
        self._certificate_path = runtime.settings.resolve(written) if written else None

    @property
    def encrypts(self) -> bool:
        return self._certificate_path is not None

    def file(self, file_format: str, by: Actor) -> PrintFile:
        """The next file; its codes exist nowhere else. Raises BadRequest, Conflict."""
        if file_format not in FORMATS:
            raise BadRequest(
                N_("There is no format %(file_format)s.", file_format=repr(file_format)),
                where="format",
                next_step=instead(file_format, FORMATS),
            )
        # Read first: what could fail fails before any code is made.
        house = certificate(self._certificate_path) if self._certificate_path else None
        now = self._runtime.clock.now()
        batch, made = self._letters.make(file_format, house is not None, by, now)
        content = self._rendered(file_format, batch, made)
        name, media_type = f"letters-{batch}.{file_format}", FORMATS[file_format]
        if house is not None:
            content, name, media_type = encrypted(content, house), f"{name}.p7m", ENCRYPTED
        return PrintFile(name, media_type, content, len(made))

    def _rendered(self, file_format: str, batch: str, made: Sequence[Printed]) -> bytes:
        if file_format == "html":
            return _html(self._runtime.pages, self.url, made)
        rows = [self._row(one) for one in made]
        if file_format == "csv":
            return csv_text(COLUMNS, rows).encode()
        return json.dumps({"batch": batch, "letters": rows}, ensure_ascii=False).encode()

    def _row(self, one: Printed) -> dict[str, Any]:
        profile = one.profile
        values = (
            one.number,
            profile.name,
            profile.street_address,
            profile.postal_code,
            profile.locality,
            profile.country,
            profile.locale,
            self.url,
            one.issued.code,
            one.issued.expires_at.date().isoformat(),
            "recovery" if one.recovers else "activation",
        )
        return dict(zip(COLUMNS, values, strict=True))


def certificate(path: Path) -> x509.Certificate:
    """The printing house's certificate; raises SettingsError that says what is wrong."""
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"[register] printing_house_certificate: {path} is no certificate in PEM ({error})."
        ) from None
    if not isinstance(found.public_key(), RSAPublicKey):
        raise SettingsError(
            "[register] printing_house_certificate holds no RSA key: ask the printing house for "
            "a certificate with one (RFC 5652 §6.2.1)."
        )
    return found


def encrypted(content: bytes, house: x509.Certificate) -> bytes:
    """EnvelopedData in DER: `openssl cms -decrypt -inform DER -inkey key.pem` opens it."""
    builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(house)
    builder = builder.set_content_encryption_algorithm(AES256)
    return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def _html(pages: Pages, url: str, made: Sequence[Printed]) -> bytes:
    letters = [
        pages.document(
            "register/printed_letter.html", [one.profile.locale], one=one, activation_url=url
        )
        for one in made
    ]
    return (_HEAD + "\n".join(letters) + "\n").encode()


# A file to print, never a page of ours: it brings its style along.
_HEAD = """<!doctype html>
<meta charset="utf-8">
<title>Letters</title>
<style>
@page { size: A4; margin: 25mm 20mm }
body { font: 12pt/1.5 sans-serif; max-width: 42em; margin: auto }
article { break-after: page }
address { font-style: normal; margin: 20mm 0 15mm }
.code { font: 16pt/2 monospace; letter-spacing: .05em }
</style>
"""
