"""Credentials that a person carries: issued into wallets, shown to services, ended."""

from pathlib import Path

from documents.credentials.configurations import extend
from documents.credentials.credentials import (
    Credentials,
    CredentialsEndWithConsent,
    CredentialsEndWithDocument,
    CredentialsEndWithIdentity,
    prepare,
)
from documents.credentials.ports import GoTo, Holder, Offered, Seen, Wallet, Wallets
from documents.credentials.routes import routes_of
from documents.credentials.settings import CredentialsSettings

SECTIONS = (CredentialsSettings,)
PAGES = Path(__file__).parent / "pages"

__all__ = [
    "PAGES",
    "SECTIONS",
    "Credentials",
    "CredentialsEndWithConsent",
    "CredentialsEndWithDocument",
    "CredentialsEndWithIdentity",
    "CredentialsSettings",
    "GoTo",
    "Holder",
    "Offered",
    "Seen",
    "Wallet",
    "Wallets",
    "extend",
    "prepare",
    "routes_of",
]
