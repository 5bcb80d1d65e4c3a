"""Import of a civil-register file: strict, row by row, resumable — CSV (RFC 4180), JSON (8259)."""

from idp.register.imports.importer import Importer, ImportReport, Progress
from idp.register.imports.rows import FileRefused, RefusedRow, Remark

__all__ = ["FileRefused", "ImportReport", "Importer", "Progress", "RefusedRow", "Remark"]
