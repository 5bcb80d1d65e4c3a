"""A container's files, read so that everybody who reads it sees the same — EN 319 162-1 §4.4.2.

What two programs could unpack differently is refused, before anything in it is looked at.
"""

from __future__ import annotations

import unicodedata
import zlib
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from documents.judging.bounds import MOST_FILES, MOST_UNPACKED, Refused

KINDS = frozenset((b"application/vnd.etsi.asic-e+zip",))
_HEAD = 30
_DESCRIPTORS = (12, 16)
_ENCRYPTED, _HAS_DESCRIPTOR = 0x1, 0x8


def files_in(content: bytes) -> dict[str, bytes]:
    """All files but `mimetype`, by name. Raises Refused."""
    try:
        with ZipFile(BytesIO(content)) as zipped:
            entries = zipped.infolist()
            _check(entries, content, zipped.start_dir)
            found, left = {}, MOST_UNPACKED
            for entry in entries:
                found[entry.filename] = _read(zipped, entry, left)
                left -= len(found[entry.filename])
    except (BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, ValueError) as broken:
        raise Refused("broken") from broken
    if found.pop("mimetype") not in KINDS:
        raise Refused("mimetype")
    return found


def _check(entries: list[ZipInfo], content: bytes, directory: int) -> None:
    if not entries or len(entries) > MOST_FILES:
        raise Refused("size")
    _mimetype_is_first(entries[0], content)
    names = set()
    for entry in entries:
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED) or entry.flag_bits & _ENCRYPTED:
            raise Refused("broken")
        if not _is_plain(entry.filename) or entry.orig_filename != entry.filename:
            raise Refused("path")
        # As file systems compare them.
        names.add(unicodedata.normalize("NFC", entry.filename).casefold())
    if len(names) < len(entries):
        raise Refused("names")
    _nothing_between(sorted(entries, key=lambda one: one.header_offset), content, directory)
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise Refused("size")


def _mimetype_is_first(entry: ZipInfo, content: bytes) -> None:
    """Annex A.1: programs tell by the first octets what it is."""
    extra = int.from_bytes(content[28:30], "little")
    plain = entry.compress_type == ZIP_STORED and not extra and not entry.flag_bits & _ENCRYPTED
    if entry.filename != "mimetype" or entry.header_offset != 0 or not plain:
        raise Refused("mimetype")


def _is_plain(name: str) -> bool:
    """A path inside of the container, and nowhere else."""
    parts = name.split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and ":" not in parts[0]
        and all(part not in ("", ".", "..") for part in parts)
    )


def _nothing_between(entries: list[ZipInfo], content: bytes, directory: int) -> None:
    """Each file ends where the next begins: nothing hides from who reads the directory."""
    ends = [entry.header_offset for entry in entries[1:]] + [directory]
    for entry, end in zip(entries, ends, strict=True):
        head = content[entry.header_offset : entry.header_offset + _HEAD]
        lengths = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        left = end - (entry.header_offset + _HEAD + lengths + entry.compress_size)
        if left != 0 and not (entry.flag_bits & _HAS_DESCRIPTOR and left in _DESCRIPTORS):
            raise Refused("broken")


def _read(zipped: ZipFile, entry: ZipInfo, most: int) -> bytes:
    with zipped.open(entry) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise Refused("size")
    if len(content) != entry.file_size:
        raise Refused("broken")
    return content
