"""Files that are no civil-register file at all, told by how they begin; pure."""

from __future__ import annotations

from foundation.marking import N_
from idp.register.imports.rows import FileRefused

_AS_CSV = N_(
    "Open it in the program that made it, choose Save as, and the format CSV (UTF-8). Upload that."
)
_FROM_REGISTER = N_("Choose the CSV or JSON file that the civil register gave you.")
_SPREADSHEET = (
    N_("This is a spreadsheet of Excel or LibreOffice, and its rows cannot be read."),
    _AS_CSV,
)
_ARCHIVE = (
    N_("This is a compressed file."),
    N_("Unpack it, and choose the CSV or JSON file in it."),
)
_PICTURE = (N_("This is a picture, not a list of people."), _FROM_REGISTER)
# How files of other kinds begin, each with what it is and what to do.
_KINDS: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"PK\x03\x04", _ARCHIVE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _SPREADSHEET),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"7z\xbc\xaf", _ARCHIVE),
    (b"\xfd7zXZ", _ARCHIVE),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"RIFF", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"MM\0*", _PICTURE),
    (b"%PDF", (N_("This is a PDF document, not a list of people."), _FROM_REGISTER)),
    (b"{\\rtf", (N_("This is a text document, not a list of people."), _FROM_REGISTER)),
    (b"<", (N_("This is a web page or an XML file, not a list of people."), _FROM_REGISTER)),
)
# What lies in the archive that a spreadsheet is — ISO/IEC 29500-2, ISO/IEC 26300-3.
_IN_SPREADSHEETS = (b"xl/", b"[Content_Types].xml", b"application/vnd.oasis.opendocument")


def refuse_other_kinds(content: bytes) -> None:
    """Raises FileRefused for an empty file, a picture, a spreadsheet, an archive."""
    if not content.strip():
        raise FileRefused("The file is empty.", where="file", next_step=_FROM_REGISTER)
    for begins, kind in _KINDS:
        if content.startswith(begins):
            in_archive = kind is _ARCHIVE and any(p in content[:4096] for p in _IN_SPREADSHEETS)
            what, what_to_do = _SPREADSHEET if in_archive else kind
            raise FileRefused(what, where="file", next_step=what_to_do)
