"""PDFs to sign, and what others say of those that are signed."""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import asyncio
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.font.basic import SimpleFontEngineFactory
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from tests.support.city import City


def pdf(text: str = "I rent the flat.") -> bytes:
    """One page with a line of text."""
    writer = PdfFileWriter()
    stream = generic.StreamObject(
        stream_data=f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("latin-1")
    )
    fonts = generic.DictionaryObject(
        {
            generic.pdf_name("/F1"): SimpleFontEngineFactory.default_factory()
            .create_font_engine(writer)
            .as_resource()
        }
    )
    page = PageObject(
        contents=writer.add_object(stream),
        media_box=generic.ArrayObject(list(map(generic.NumberObject, (0, 0, 595, 842)))),
        resources=generic.DictionaryObject({generic.pdf_name("/Font"): fonts}),
    )
    writer.insert_page(page)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def pdfsig(folder: Path, signed: bytes) -> str:
    """What Debian's poppler says; it knows none of our roots."""
    file = folder / "signed.pdf"
    file.write_bytes(signed)
    answer = subprocess.run(["pdfsig", "-nocert", str(file)], capture_output=True, text=True)
    return answer.stdout + answer.stderr


def embedded(signed: bytes) -> Any:
    """The one signature in a PDF, as pyHanko reads it."""
    from pyhanko.pdf_utils.reader import PdfFileReader

    (found,) = PdfFileReader(BytesIO(signed)).embedded_regular_signatures
    return found


def root_of(city: City) -> Any:
    found = city.deployment.parts["pki"].hierarchy.named("root")[0].certificate
    return asn1_x509.Certificate.load(found.public_bytes(Encoding.DER))


def context(city: City, **more: Any) -> ValidationContext:
    """What a verifier knows: our root, and the lists that we publish."""
    authority, now = city.deployment.parts["pki"], city.clock.now()
    names = ("people", "services", "root")
    return ValidationContext(
        trust_roots=[root_of(city)],
        crls=[asn1_crl.CertificateList.load(authority.crl(name, now)) for name in names],
        moment=now,
        best_signature_time=now,
        allow_fetching=False,
        **{"revocation_mode": "soft-fail", **more},
    )


def verdict(city: City, signed: bytes) -> Any:
    """pyHanko's own."""
    return asyncio.run(
        async_validate_pdf_signature(
            embedded(signed),
            signer_validation_context=context(city),
            ts_validation_context=context(city),
        )
    )
