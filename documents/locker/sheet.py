"""A document as a sheet of paper: PDF/A-3 with its signed original inside — ISO 19005-3.

It is drawn from what the page to print says (`pages/facts.html`), so both say the same.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import segno

from foundation.errors import Unprocessable
from foundation.marking import N_

if TYPE_CHECKING:
    from fpdf import FPDF

ORIGINAL = "original.jws"
"""The name of the original among the files in the PDF."""
_FONT = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
_MARGIN, _LABEL, _CODE = 20.0, 50.0, 62.0
"""Millimetres."""
_GREY, _BLACK = (90, 90, 90), (0, 0, 0)

Facts = Sequence[tuple[str, str]]
"""Labels and values, in their order."""


def draw(
    title: str,
    facts: Facts,
    note: str,
    address: str,
    original: str,
    *,
    language: str,
    right_to_left: bool,
    made_at: datetime,
    fonts: Sequence[Path] = (),
) -> bytes:
    """The PDF, with no signature yet. `address` is what its code leads to; `fonts` are asked for
    letters that ours has not. Raises Unprocessable where none has one: no seal on empty boxes."""
    from fpdf import FPDF

    pdf = FPDF(enforce_compliance="PDF/A-3U")
    pdf.set_title(title)
    pdf.set_lang(language)
    pdf.set_creation_date(made_at)
    pdf.set_margin(_MARGIN)
    _use_fonts(pdf, fonts, "".join((title, note, *chain.from_iterable(facts))))
    side = "R" if right_to_left else "L"
    pdf.add_page()
    pdf.set_font("sheet", size=20)
    pdf.multi_cell(0, 10, title, align=side, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)
    _write(pdf, facts, side)
    _code(pdf, address, right_to_left)
    pdf.set_font("sheet", size=9)
    pdf.multi_cell(0, 5, note, align=side, new_x="LMARGIN", new_y="NEXT")
    pdf.embed_file(
        bytes=original.encode(),
        basename=ORIGINAL,
        mime_type="application/jose",
        modification_date=made_at,
        associated_file_relationship="SOURCE",
    )
    return bytes(pdf.output())


def _use_fonts(pdf: FPDF, more: Sequence[Path], text: str) -> None:
    for n, font in enumerate((_FONT, *more)):
        pdf.add_font(f"sheet{n or ''}", fname=font)
    pdf.set_fallback_fonts([f"sheet{n}" for n in range(1, len(more) + 1)])
    pdf.set_text_shaping(True)
    known = {letter for font in pdf.fonts.values() for letter in getattr(font, "cmap", ())}
    missing = sorted({c for c in text if ord(c) not in known and unicodedata.category(c)[0] != "C"})
    if missing:
        raise Unprocessable(
            N_("This document has letters that our PDFs cannot show."),
            next_step=N_("Download the signed original instead, or print the page."),
            detail=f"no font of [documents] fonts has {''.join(missing[:20])}",
        )


def _write(pdf: FPDF, facts: Facts, side: str) -> None:
    wide = pdf.epw - _LABEL
    for label, value in facts:
        top = pdf.get_y()
        if top > pdf.eph - _MARGIN:
            pdf.add_page()
            top = pdf.get_y()
        page, ends = pdf.page, []
        columns = [(label, 9, _GREY, _LABEL), (value, 11, _BLACK, wide)]
        left = _MARGIN
        for text, size, colour, width in reversed(columns) if side == "R" else columns:
            pdf.page = page
            pdf.set_xy(left, top)
            pdf.set_font("sheet", size=size)
            pdf.set_text_color(*colour)
            pdf.multi_cell(width, 6, text, align=side, new_x="LMARGIN", new_y="NEXT")
            ends.append((pdf.page, pdf.get_y()))
            left += width
        pdf.page, bottom = max(ends)
        pdf.set_text_color(*_BLACK)
        pdf.set_y(bottom + 1.5)


def _code(pdf: FPDF, text: str, right_to_left: bool) -> None:
    """The QR code, drawn of rectangles: sharp at any size."""
    modules = [list(row) for row in segno.make_qr(text, error="l", boost_error=True).matrix]
    if pdf.get_y() + _CODE > pdf.eph:
        pdf.add_page()
    one = _CODE / len(modules)
    left = pdf.w - _MARGIN - _CODE if right_to_left else _MARGIN
    top = pdf.get_y() + 6
    for y, row in enumerate(modules):
        x = 0
        while x < len(row):
            run = x
            while run < len(row) and row[run]:
                run += 1
            if run > x:
                # A hair more, so that no reader draws lines between them.
                pdf.rect(left + x * one, top + y * one, (run - x) * one, one + 0.02, style="F")
            x = run + 1
    pdf.set_y(top + _CODE + 4)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.facts: list[tuple[str, str]] = []
        self._in = ""
        self._said: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("dt", "dd"):
            self._in, self._said = tag, []

    def handle_data(self, data: str) -> None:
        if self._in:
            self._said.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag != self._in:
            return
        said = " ".join("".join(self._said).split())
        if tag == "dt":
            self.facts.append((said, ""))
        else:
            self.facts[-1] = (self.facts[-1][0], said)
        self._in = ""


def facts_in(page: str) -> Facts:
    """The terms and descriptions of a list in HTML."""
    reader = _Reader()
    reader.feed(page)
    return reader.facts
