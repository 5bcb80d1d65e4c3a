"""The register's part of `civitas.toml`."""

from typing import ClassVar

from pydantic import Field, field_validator

from foundation.settings import Section


class RegisterSettings(Section):
    """Enrolment, letters and look-ups. Days and minutes are whole numbers."""

    section: ClassVar[str] = "register"
    proofing_policies: str | None = None
    """File of proofing policies, relative to this file; the packaged one if absent."""
    number_format: str = "twelve"
    """The form of the number that each resident gets with the activation, a row of
    `idp/register/numbers.toml`; empty for none."""
    activation_code_days: int = Field(default=30, ge=1, le=365)
    """How long a letter's code can be used."""
    invitation_hours: int = Field(default=72, ge=1, le=720)
    """How long a staff invitation can be used."""
    lookup_minutes: int = Field(default=30, ge=1, le=480)
    """How long a stated purpose opens one person's record to an officer."""
    recovery_days: int = Field(default=7, ge=1, le=90)
    """Days until a letter is made that somebody asked for who says to have lost every way to sign
    in; the person is told at once, and stops it with any of them. An officer who has just seen who
    the person is sends it without this delay."""
    archive_retention_days: int = Field(default=3650, ge=1)
    """How long an archived identity is kept before it is deleted."""
    printing_house_certificate: str | None = None
    """File (PEM) with the printing house's certificate, RSA: files of letters are encrypted for
    it (CMS, RFC 5652). Absent: an operator downloads them in clear, once."""
    import_encoding: str = "windows-1252"
    """The encoding of files that are neither UTF-8 nor UTF-16, by a name that Python knows, such as
    `windows-1250`, `windows-1251`, `shift_jis` or `gb18030`. The report says when it was used."""
    most_import_bytes: int = Field(default=67_108_864, ge=1024)
    """Size of the largest civil-register file."""
    refused_rows_days: int = Field(default=14, ge=1, le=365)
    """How long who sent a file can take its refused rows back, to mend them."""
    most_import_rows: int = Field(default=200_000, ge=1)
    """Rows of the largest civil-register file."""

    @field_validator("import_encoding")
    @classmethod
    def _is_an_encoding(cls, value: str) -> str:
        try:
            b"a".decode(value, "replace")  # `hex` is a codec, too, and reads no text
        except (LookupError, UnicodeError) as error:
            raise ValueError("write an encoding such as windows-1252 or shift_jis") from error
        return value
