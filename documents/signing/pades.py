"""Signatures in PDF: a place is made for one, what has to be signed is hashed, the signature is put
in — ISO 32000-2 §12.8, ETSI EN 319 142-1.

pyHanko writes the PDF; the signature itself is made as everywhere here (`pki/cms.py`). Nothing is
changed but by an incremental update, so what was signed before stays as it was signed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from itertools import chain, count
from typing import Any

from foundation.errors import Unprocessable
from foundation.marking import N_
from pki import CmsSigner, signed_data

RESERVED = 24 * 1024
"""Octets for the signature: certificates, and a time stamp with its own."""
FIELD = "Signature"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A PDF with a place for a signature; `digest` is what is signed."""

    digest: bytes
    hash_name: str
    _pdf: BytesIO = field(repr=False)
    _place: Any = field(repr=False)

    def with_signature(self, signature: bytes) -> bytes:
        """The PDF with this CMS, DER, in its place. Raises ValueError when it does not fit."""
        whole = BytesIO(self._pdf.getvalue())
        self._place.fill_with_cms(whole, signature)
        return whole.getvalue()


def prepare(
    pdf: bytes, at: datetime, *, hash_name: str = "sha256", field_name: str = ""
) -> Prepared:
    """Make a place for a signature. Raises Unprocessable for what is no PDF, or is encrypted."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.fields import SigSeedSubFilter
    from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
    from pyhanko.sign.signers.pdf_byterange import SignatureObject

    try:
        writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=True)
        if writer.prev.encrypted:
            raise _unfit()
        named = field_name or _free(writer, FIELD)
        steps = PdfCMSEmbedder().write_cms(field_name=named, writer=writer)
        next(steps)
        place = SignatureObject(
            timestamp=at, subfilter=SigSeedSubFilter.PADES, bytes_reserved=2 * RESERVED
        )
        steps.send(SigObjSetup(sig_placeholder=place))
        digest, output = steps.send(SigIOSetup(md_algorithm=hash_name, in_place=False))
    except (PdfError, ValueError, RecursionError) as error:
        raise _unfit(error) from error
    return Prepared(digest.document_digest, hash_name, BytesIO(output.getvalue()), digest)


def seal_pdf(
    pdf: bytes,
    by: CmsSigner,
    now: datetime,
    stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """The PDF under an organisation's seal.

    `by`: its key, and the certificate of it (profile `seal`). `stamp` gives a time-stamp token for
    the signature's value (`TimeStamping.stamp_over`). Raises Unprocessable.
    """
    prepared = prepare(pdf, now)
    return prepared.with_signature(
        signed_data(by, prepared.digest, prepared.hash_name, stamp=stamp)
    )


def with_evidence(
    pdf: bytes,
    certificates: Sequence[bytes],
    answers: Sequence[bytes],
    lists: Sequence[bytes],
    stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """The signed PDF with what later verifiers need (B-LT); with a `stamp` over all of it, it can
    be proven for as long as stamps are added (B-LTA).

    `certificates`, OCSP `answers` and revocation `lists`: DER. `stamp` gives a time-stamp token for
    bytes. Raises Unprocessable.
    """
    from asn1crypto import crl, ocsp, x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.validation.dss import DocumentSecurityStore

    try:
        writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=True)
        signed = writer.prev.embedded_signatures
        DocumentSecurityStore.supply_dss_in_writer(
            writer,
            signed[-1].pkcs7_content.hex().encode() if signed else None,
            certs=[x509.Certificate.load(one) for one in certificates],
            ocsps=[ocsp.OCSPResponse.load(one) for one in answers],
            crls=[crl.CertificateList.load(one) for one in lists],
        )
        out = BytesIO()
        writer.write(out)  # type: ignore[no-untyped-call]
    except (PdfError, ValueError, RecursionError) as error:
        raise _unfit(error) from error
    return out.getvalue() if stamp is None else _stamped(out.getvalue(), stamp)


def _stamped(pdf: bytes, stamp: Callable[[bytes], bytes]) -> bytes:
    """With a document time stamp (EN 319 142-1 §5.5)."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
    from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp

    writer = IncrementalPdfFileWriter(BytesIO(pdf), strict=True)
    steps = PdfCMSEmbedder().write_cms(field_name=_free(writer, "Stamp"), writer=writer)
    next(steps)
    place_of_stamp = DocumentTimestamp(bytes_reserved=2 * RESERVED)  # type: ignore[no-untyped-call]
    steps.send(SigObjSetup(sig_placeholder=place_of_stamp))
    place, output = steps.send(SigIOSetup(md_algorithm="sha256", in_place=False))
    whole = BytesIO(output.getvalue())
    place.fill_with_cms(whole, stamp(_covered(whole.getvalue(), place)))
    return whole.getvalue()


def _covered(pdf: bytes, place: Any) -> bytes:
    """What a signature in this place vouches for: all but the place itself."""
    return pdf[: place.reserved_region_start] + pdf[place.reserved_region_end :]


def _free(writer: Any, name: str) -> str:
    """A name that no signature's field has yet."""
    from pyhanko.sign.fields import enumerate_sig_fields

    taken = {field_name for field_name, *_ in enumerate_sig_fields(writer)}
    numbered = (f"{name}{number}" for number in count(2))
    return next(one for one in chain((name,), numbered) if one not in taken)


def _unfit(error: Exception | None = None) -> Unprocessable:
    return Unprocessable(
        N_("This PDF cannot be signed."),
        where="pdf",
        next_step=N_("Save it anew, without a password, and try again."),
        detail=error,
    )
