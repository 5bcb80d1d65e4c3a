"""The `[documents]` section."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from foundation.settings import Section, Settings, SettingsError


class DocumentsSettings(Section):
    """Issuers, their kinds of documents, and how documents are shared."""

    section: ClassVar[str] = "documents"
    kinds: str | None = None
    """A TOML file of issuers and the kinds of documents that they make out; absent: none."""
    fonts: tuple[str, ...] = ()
    """TrueType files, asked for letters that the font of our PDFs has not (it has Latin, Greek,
    Cyrillic, Arabic and others of Europe and its south)."""
    request_hours: int = Field(default=72, ge=1, le=24 * 60)
    """How long a service's request for documents waits for the person's answer."""
    link_days: int = Field(default=30, ge=1, le=366)
    """How long a link to a document works at most."""
    pulls_per_minute: int = Field(default=600, ge=1)
    """Documents that one service may fetch, and requests that it may make, in a minute."""
    openings_per_minute: int = Field(default=30, ge=1)
    """Links and printed codes that one address may open or check in a minute."""


def fonts_of(settings: Settings) -> tuple[Path, ...]:
    """Those of `[documents] fonts`. Raises SettingsError for one that is not there."""
    fonts = tuple(settings.resolve(font) for font in settings.of(DocumentsSettings).fonts)
    for font in fonts:
        if not font.is_file():
            raise SettingsError(f"[documents] fonts: {font} is no file; give paths of fonts.")
    return fonts
