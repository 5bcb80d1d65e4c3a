"""The page where anybody sees whether a signed file is good — eIDAS Art. 32."""

from __future__ import annotations

import html
import zlib
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from documents import judging
from documents.signing.verifying import MOST_OCTETS
from foundation.clock import FrozenClock
from tests.protocol.csc.test_pdf import signed_pdf
from tests.support.city import Visitor
from tests.support.signing import DOCUMENT, SigningCity, sign


def verify(city: SigningCity, file: bytes, document: bytes = b"") -> Any:
    """What a stranger reads."""
    stranger = city.browser()
    files = {"file": ("contract.pdf", file)}
    if document:
        files["document"] = ("contract", document)
    token = stranger.token("/verify")
    return stranger.http.post("/verify", data={"csrf_token": token}, files=files)


def text(answer: Any) -> str:
    return html.unescape(answer.text)


def test_a_good_pdf_is_said_to_be_good_with_who_and_when(
    city: SigningCity, citizen: Visitor, clock: FrozenClock
) -> None:
    signed = signed_pdf(city, citizen, "Ades-B-T")
    for _ in range(2):
        told = text(verify(city, signed))
        assert "It is good: nothing was changed, and the certificate is ours." in told
        assert city.signing.parties.name_of(citizen.id) in told
        assert "proven by a time stamp" in told
        clock.advance(timedelta(days=3))  # the certificate has ended: the time stamp stands for it


def test_without_a_time_stamp_nobody_knows_once_the_certificate_ended(
    city: SigningCity, citizen: Visitor, clock: FrozenClock
) -> None:
    signed = signed_pdf(city, citizen)
    assert "It is good" in text(verify(city, signed))
    clock.advance(timedelta(days=3))
    told = text(verify(city, signed))
    assert "no time stamp says that it was signed before" in told
    assert "It is good" not in told


def test_one_changed_byte_is_told(city: SigningCity, citizen: Visitor) -> None:
    signed = signed_pdf(city, citizen)
    at = signed.index(b"I rent")
    told = text(verify(city, signed[:at] + b"U" + signed[at + 1 :]))
    assert "The file was changed after it was signed." in told
    assert "Ask whoever gave you the file for the original." in told


def test_what_was_put_over_the_page_is_told(city: SigningCity, citizen: Visitor) -> None:
    writer = IncrementalPdfFileWriter(BytesIO(signed_pdf(city, citizen)))
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 72 700 Td (More.) Tj ET")
    writer.add_stream_to_page(0, writer.add_object(stream))
    out = BytesIO()
    writer.write(out)
    told = text(verify(city, out.getvalue()))
    assert "What the file shows was changed after it was signed." in told


def test_a_signature_beside_its_document(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    sign(citizen, f"/sign/{asked['transaction']}")
    signature = city.service.signature(asked["transaction"])
    alone = verify(city, signature)
    assert alone.status_code == 422
    assert "Choose the document as well, as it was signed." in text(alone)
    assert "It is good" in text(verify(city, signature, DOCUMENT))
    assert "was changed after it was signed" in text(verify(city, signature, DOCUMENT + b" "))


def test_a_revoked_certificate_is_told(city: SigningCity, citizen: Visitor) -> None:
    asked = city.service.ask()
    sign(citizen, f"/sign/{asked['transaction']}")
    authority = city.deployment.parts["pki"]
    (entry, *_) = city.runtime.audit.ledger(citizen.id)
    with city.runtime.database.write() as uow:
        authority.revoke(uow, entry.details["serial"], "keyCompromise", city.clock.now())
    city.clock.advance(timedelta(minutes=5))
    told = text(verify(city, city.service.signature(asked["transaction"]), DOCUMENT))
    assert "The certificate of whoever signed was revoked." in told


@pytest.mark.parametrize(
    "file", [b"hello", b"%PDF-1.7 nothing", b"\x30\x80", b"%PDF-" + b"<<" * 5_000]
)
def test_what_holds_no_signature_is_said_to_hold_none(city: SigningCity, file: bytes) -> None:
    answer = verify(city, file)
    assert answer.status_code == 422
    assert "There is no signature in this file that can be read." in text(answer)


def test_a_file_that_bursts_is_not_read_to_its_end(city: SigningCity) -> None:
    packing, piece = zlib.compressobj(9), b"\0" * (1 << 20)
    pieces = [packing.compress(piece) for _ in range(3 * judging.MEMORY // 2 // len(piece))]
    bomb = b"".join((*pieces, packing.flush()))
    objects = (
        b"%PDF-1.7\n1 0 obj\n<< /Type /XRef /Size 2 /W [1 2 1] /Root 1 0 R /Filter /FlateDecode "
        b"/Length " + str(len(bomb)).encode() + b" >>\nstream\n" + bomb + b"\nendstream\nendobj\n"
        b"startxref\n9\n%%EOF\n"
    )
    answer = verify(city, objects)
    assert answer.status_code == 422
    told = text(answer)
    assert "takes too much to read" in told or "no signature in this file" in told


def test_nothing_is_kept_and_strangers_have_a_limit(city: SigningCity) -> None:
    marked = b"%PDF-1.7 a mark that nobody else writes"
    most = city.signing.settings.verified_per_minute
    folder = city.settings.path.parent
    verify(city, marked)
    assert not any(marked in f.read_bytes() for f in folder.rglob("*") if f.is_file())
    large = b"%PDF-" + b"0" * 100_000
    answers = [verify(city, large).status_code for _ in range(most + 1)]
    assert answers[-1] == 429


def test_a_file_that_is_too_large_is_refused(city: SigningCity) -> None:
    assert verify(city, b"0" * (2 * MOST_OCTETS + 100_000)).status_code == 413
