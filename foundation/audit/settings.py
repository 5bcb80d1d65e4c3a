"""What an operator chooses of the audit: where its mark is kept, and who cosigns it."""

from typing import ClassVar

from pydantic import Field, field_validator

from foundation.audit.checkpoint import COSIGNATURE, InvalidCheckpoint, VerifierKey
from foundation.settings import Section, is_loopback


class AuditSettings(Section):
    """Where the audit's high-water mark is kept, beside the store of person keys, and who
    cosigns checkpoints."""

    section: ClassVar[str] = "audit"
    mark_file: str | None = None
    """File with the newest checkpoint, raised after each; best on another volume than the
    database."""
    mark_log: bool = False
    """Write size and root of each checkpoint to the log, which a collector or journald keeps."""
    witnesses: dict[str, str] = Field(default_factory=dict)
    """URL of a witness (its submission prefix, C2SP tlog-witness) → its verifier key."""

    @field_validator("witnesses")
    @classmethod
    def _are_witnesses(cls, value: dict[str, str]) -> dict[str, str]:
        for url, key in value.items():
            if not url.startswith("https://") and not is_loopback(url):
                raise ValueError(f"{url} is not an https URL")
            try:
                VerifierKey.parse(key, COSIGNATURE)
            except InvalidCheckpoint as error:
                raise ValueError(f"the key of {url}: {error}") from error
        return value
