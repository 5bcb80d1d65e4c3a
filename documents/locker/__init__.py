"""The locker: issuers, their documents, what a person has, and what they share."""

from documents.locker.document import Content, Document
from documents.locker.importing import Imported, RefusedLine, import_lines
from documents.locker.kinds import Kind, Kinds, of_settings
from documents.locker.locker import Locker, SharesEndWithIdentity, prepare
from documents.locker.picture import as_picture
from documents.locker.ports import EndsWithDocument, People, Services
from documents.locker.routes import routes_of
from documents.locker.settings import DocumentsSettings

SECTIONS = (DocumentsSettings,)

__all__ = [
    "SECTIONS",
    "Content",
    "Document",
    "DocumentsSettings",
    "EndsWithDocument",
    "Imported",
    "Kind",
    "Kinds",
    "Locker",
    "People",
    "RefusedLine",
    "Services",
    "SharesEndWithIdentity",
    "as_picture",
    "import_lines",
    "of_settings",
    "prepare",
    "routes_of",
]
