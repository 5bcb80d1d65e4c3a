"""The locker: issuers, their documents, what a person has, and what they share."""

from documents.locker.importing import Imported, RefusedLine, import_lines
from documents.locker.kinds import Kinds, of_settings
from documents.locker.locker import Locker, SharesEndWithIdentity, prepare
from documents.locker.ports import People, Services
from documents.locker.routes import routes_of
from documents.locker.settings import DocumentsSettings

SECTIONS = (DocumentsSettings,)

__all__ = [
    "SECTIONS",
    "DocumentsSettings",
    "Imported",
    "Kinds",
    "Locker",
    "People",
    "RefusedLine",
    "Services",
    "SharesEndWithIdentity",
    "import_lines",
    "of_settings",
    "prepare",
    "routes_of",
]
