"""Import of a civil-register file: strict, row by row, resumable — CSV (RFC 4180), JSON (8259)."""

from idp.register.imports.importer import Importer, Progress
from idp.register.imports.reports import ImportReport
from idp.register.imports.rows import FileRefused, RefusedRow, Remark
from idp.register.imports.updating import Foreseen

__all__ = [
    "FileRefused",
    "Foreseen",
    "ImportReport",
    "Importer",
    "Progress",
    "RefusedRow",
    "Remark",
]
