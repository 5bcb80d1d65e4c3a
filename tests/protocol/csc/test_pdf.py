"""A PDF signed at a distance: only the hash of its byte ranges leaves it — ETSI EN 319 142-1."""

from __future__ import annotations

import asyncio
import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.validation.dss import DocumentSecurityStore, async_add_validation_info

from documents.signing import Prepared, prepare, seal_pdf
from foundation.clock import FrozenClock
from foundation.errors import Unprocessable
from pki import CmsSigner, cms_signer
from tests.support.city import Visitor
from tests.support.pdfs import context, embedded, pdf, pdfsig, verdict
from tests.support.signing import SigningCity, sign


def signed_pdf(city: SigningCity, citizen: Visitor, conformance: str = "Ades-B-B") -> bytes:
    """What an integrator does: see docs/integrator.md."""
    prepared = prepare(pdf(), city.clock.now())
    asked = city.service.ask(
        documents=[{"title": "Contract", "hash": base64.b64encode(prepared.digest).decode()}],
        form="pades",
        conformance_level=conformance,
    )
    sign(citizen, f"/sign/{asked['transaction']}")
    return prepared.with_signature(city.service.signature(asked["transaction"]))


@pytest.mark.parametrize("conformance", ["Ades-B-B", "Ades-B-T"])
def test_pyhanko_accepts_a_pdf_up_to_our_root(
    city: SigningCity, citizen: Visitor, conformance: str
) -> None:
    signed = signed_pdf(city, citizen, conformance)
    found = verdict(city, signed)
    assert found.bottom_line, found.pretty_print_details()
    assert found.coverage.name == "ENTIRE_FILE"
    stamped = found.timestamp_validity
    assert (stamped is not None and stamped.valid) == (conformance == "Ades-B-T")


def test_poppler_accepts_a_pdf_and_tells_one_changed_byte(
    city: SigningCity, citizen: Visitor, tmp_path: Path
) -> None:
    signed = signed_pdf(city, citizen)
    assert "Signature Validation: Signature is Valid." in pdfsig(tmp_path, signed)
    assert "Total document signed" in pdfsig(tmp_path, signed)
    at = signed.index(b"I rent")
    spoiled = signed[:at] + b"U" + signed[at + 1 :]
    assert "Signature is Valid." not in pdfsig(tmp_path, spoiled)
    assert not verdict(city, spoiled).intact


def test_a_page_that_was_put_in_afterwards_is_noticed(city: SigningCity, citizen: Visitor) -> None:
    signed = signed_pdf(city, citizen)
    writer = IncrementalPdfFileWriter(BytesIO(signed))
    page, _ = writer.find_page_for_modification(0)
    writer.add_stream_to_page(
        0, writer.add_object(_text(b"BT /F1 24 Tf 72 700 Td (And the garden.) Tj ET"))
    )
    out = BytesIO()
    writer.write(out)
    assert page is not None
    found = verdict(city, out.getvalue())
    assert found.intact  # what was signed is as it was
    assert not found.bottom_line  # what is shown is not


def _text(content: bytes) -> Any:
    from pyhanko.pdf_utils import generic

    return generic.StreamObject(stream_data=content)


def test_a_pdf_gets_what_later_verifiers_need(city: SigningCity, citizen: Visitor) -> None:
    """B-LT: lists and certificates go into the file, on the integrator's side."""
    signed = signed_pdf(city, citizen, "Ades-B-T")
    out = BytesIO()
    asyncio.run(
        async_add_validation_info(
            embedded(signed), context(city, revocation_mode="soft-fail"), output=out
        )
    )
    whole = out.getvalue()
    assert whole.startswith(signed)
    store = DocumentSecurityStore.read_dss(embedded(whole).reader)
    assert len(store.certs) >= 3
    assert store.crls
    assert verdict(city, whole).bottom_line


# ── the seal of an organisation ───────────────────────────────────────────────────────────


def seal(city: SigningCity) -> CmsSigner:
    """A key of an office, certified for sealing."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Registry Office")])
    request = x509.CertificateSigningRequestBuilder().subject_name(named).sign(key, hashes.SHA256())
    authority = city.deployment.parts["pki"]
    issued = authority.issue_by_hand(
        "seal", request.public_bytes(Encoding.DER), "Registry Office", (), city.clock.now()
    )
    issuer, _ = authority.hierarchy.signing("services")
    above = [c.public_bytes(Encoding.DER) for c in authority.hierarchy.chain(issuer)[:-1]]
    return cms_signer(key, issued.der, above)


def test_an_office_seals_a_pdf(city: SigningCity, tmp_path: Path) -> None:
    stamp = city.signing.authority.time_stamping.stamp_over
    sealed = seal_pdf(pdf(), seal(city), city.clock.now(), stamp)
    found = verdict(city, sealed)
    assert found.bottom_line, found.pretty_print_details()
    assert found.signing_cert.subject.native == {"common_name": "Registry Office"}
    assert "Signature is Valid." in pdfsig(tmp_path, sealed)


@pytest.mark.parametrize("what", [b"", b"%PDF-1.7 and no more", b"<html>", b"\0" * 100])
def test_what_is_no_pdf_is_not_signed(clock: FrozenClock, what: bytes) -> None:
    with pytest.raises(Unprocessable):
        prepare(what, clock.now())


def test_a_signature_that_does_not_fit_is_refused(clock: FrozenClock) -> None:
    prepared: Prepared = prepare(pdf(), clock.now())
    with pytest.raises(ValueError):
        prepared.with_signature(b"0" * 100_000)
