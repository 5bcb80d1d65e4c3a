"""Published attacks on signed PDFs: what is shown is not what was signed — ETSI EN 319 142-1.

Universal signature forgery, incremental saving, signature wrapping (Mladenov et al., 2019), shadow
attacks (2021): each is built from a good signature of ours.
"""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.protocol.csc.test_pdf import signed_pdf
from tests.support.city import Visitor
from tests.support.signing import SigningCity
from tests.support.spoiling import outcome, question

OVER = b"BT /F1 24 Tf 72 700 Td (I rent nothing.) Tj ET"
_name = generic.pdf_name


def updated(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    """By an incremental update: all that was signed stays as it is."""

    def spoil(signed: bytes) -> bytes:
        writer = IncrementalPdfFileWriter(BytesIO(signed))
        change(writer)
        out = BytesIO()
        writer.write(out)
        assert out.getvalue().startswith(signed)
        return out.getvalue()

    return spoil


def page_of(writer: Any) -> Any:
    reference, _ = writer.find_page_for_modification(0)
    writer.mark_update(reference)
    return reference.get_object()


def signature_of(writer: Any) -> Any:
    """The signature's dictionary, to be written anew."""
    fields = writer.root["/AcroForm"]["/Fields"]
    reference = fields[0].raw_get("/V")
    writer.mark_update(reference)
    return reference.get_object()


def page_replaced(writer: Any) -> None:
    stream = writer.add_object(generic.StreamObject(stream_data=OVER))
    page_of(writer)[_name("/Contents")] = stream


def page_covered(writer: Any) -> None:
    writer.add_stream_to_page(0, writer.add_object(generic.StreamObject(stream_data=OVER)))


def annotated(writer: Any) -> None:
    note = generic.DictionaryObject(
        {
            _name("/Type"): _name("/Annot"),
            _name("/Subtype"): _name("/FreeText"),
            _name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
            _name("/Contents"): generic.TextStringObject("I rent nothing."),
        }
    )
    page = page_of(writer)
    given = list(page["/Annots"]) if "/Annots" in page else []
    page[_name("/Annots")] = generic.ArrayObject([*given, writer.add_object(note)])


def font_replaced(writer: Any) -> None:
    page_of(writer)["/Resources"]["/Font"]["/F1"][_name("/BaseFont")] = _name("/ZapfDingbats")


def pages_replaced(writer: Any) -> None:
    """Hide and replace: the catalogue leads to other pages."""
    pages = writer.root["/Pages"]
    writer.root[_name("/Pages")] = writer.add_object(generic.DictionaryObject(dict(pages)))
    writer.update_root()


def without(key: str) -> Callable[[Any], None]:
    """Universal forgery: nothing is there that could be found wrong."""
    return lambda writer: signature_of(writer).pop(_name(key))


def null(key: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        signature_of(writer)[_name(key)] = generic.NullObject()

    return change


def other_range(writer: Any) -> None:
    """Wrapping: the same signature, over a range that leaves a gap for something else."""
    signature = signature_of(writer)
    begin, length, second, rest = (int(one) for one in signature["/ByteRange"])
    ranges = (begin, length, second + 100, rest - 100)
    signature[_name("/ByteRange")] = generic.ArrayObject(map(generic.NumberObject, ranges))


def range_in_place(signed: bytes) -> bytes:
    """The range itself is written over: it covers less than it did."""
    found = re.search(rb"/ByteRange \[(\d+) (\d+) (\d+) (\d+)", signed)
    assert found is not None
    less = str(int(found[4]) - 1).encode().rjust(len(found[4]), b"0")
    return signed[: found.start(4)] + less + signed[found.end(4) :]


def body_appended(signed: bytes) -> bytes:
    """Incremental saving without a table: some readers build one themselves."""
    return signed + b"\n4 0 obj\n<< /Length 3 >>\nstream\n" + OVER + b"\nendstream\nendobj\n%%EOF\n"


ATTACKS: dict[str, Callable[[bytes], bytes]] = {
    "ISA: a page's content replaced": updated(page_replaced),
    "ISA: something over the page": updated(page_covered),
    "ISA: objects without a table": body_appended,
    "ISA: an annotation over the page": updated(annotated),
    "shadow: other letters": updated(font_replaced),
    "shadow: other pages": updated(pages_replaced),
    "USF: no content of the signature": updated(without("/Contents")),
    "USF: no range": updated(without("/ByteRange")),
    "USF: a null as content": updated(null("/Contents")),
    "USF: a null as range": updated(null("/ByteRange")),
    "SWA: another range": updated(other_range),
    "SWA: the range written over": range_in_place,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_published_attack_is_refused(city: SigningCity, citizen: Visitor, attack: str) -> None:
    signed = signed_pdf(city, citizen)
    known = question(city)
    assert outcome(known, signed) == "good"
    assert outcome(known, ATTACKS[attack](signed)) in ("bad", "unreadable", "none")
