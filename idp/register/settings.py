"""The register's part of `civitas.toml`."""

from typing import ClassVar

from pydantic import Field

from foundation.settings import Section


class RegisterSettings(Section):
    """Enrolment, letters and look-ups. Days and minutes are whole numbers."""

    section: ClassVar[str] = "register"
    proofing_policies: str | None = None
    activation_code_days: int = Field(default=30, ge=1, le=365)
    invitation_hours: int = Field(default=72, ge=1, le=720)
    lookup_minutes: int = Field(default=30, ge=1, le=480)
    archive_retention_days: int = Field(default=3650, ge=1)
    most_import_bytes: int = Field(default=67_108_864, ge=1024)
    most_import_rows: int = Field(default=200_000, ge=1)
