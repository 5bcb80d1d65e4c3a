"""A container that is broken anywhere is refused in a word of its own, or reads as it is."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from documents.judging.archive import KINDS, files_in
from documents.judging.bounds import Refused


def test_a_changed_byte_anywhere_is_refused_or_read_and_never_breaks_the_reader() -> None:
    file = BytesIO()
    with ZipFile(file, "w") as zipped:
        zipped.writestr(ZipInfo("mimetype"), min(KINDS))
        zipped.writestr("a.txt", b"hello world " * 100, ZIP_DEFLATED)
    whole, refused = file.getvalue(), 0
    for place in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            spoiled = bytearray(whole)
            spoiled[place] ^= change
            try:
                files_in(bytes(spoiled))
            except Refused:
                refused += 1
    assert refused > len(whole)
