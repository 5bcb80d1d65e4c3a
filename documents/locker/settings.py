"""The `[documents]` section."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class DocumentsSettings(Section):
    """Issuers, their kinds of documents, and how documents are shared."""

    section: ClassVar[str] = "documents"
    kinds: str | None = None
    """A TOML file of issuers and the kinds of documents that they make out; absent: none."""
    request_hours: int = Field(default=72, ge=1, le=24 * 60)
    """How long a service's request for documents waits for the person's answer."""
    link_days: int = Field(default=30, ge=1, le=366)
    """How long a link to a document works at most."""
    pulls_per_minute: int = Field(default=600, ge=1)
    """Documents that one service may fetch, and requests that it may make, in a minute."""
    openings_per_minute: int = Field(default=30, ge=1)
    """Links and printed codes that one address may open or check in a minute."""
