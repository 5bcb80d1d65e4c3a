"""Remote signature: a key and a certificate for one act; seals of organisations."""

from pathlib import Path

from documents.signing.formats.asice import container
from documents.signing.pades import Prepared, prepare, seal_pdf, with_evidence
from documents.signing.ports import GoTo, Parties, Seen
from documents.signing.routes import routes_of
from documents.signing.settings import SigningSettings
from documents.signing.signing import Signing

SECTIONS = (SigningSettings,)
PAGES = Path(__file__).parent / "pages"

__all__ = [
    "PAGES",
    "SECTIONS",
    "GoTo",
    "Parties",
    "Prepared",
    "Seen",
    "Signing",
    "SigningSettings",
    "container",
    "prepare",
    "routes_of",
    "seal_pdf",
    "with_evidence",
]
