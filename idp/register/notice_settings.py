"""The section `[notices]`: how people are told of changes outside of their sessions."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from foundation.settings import Section

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NoticeSettings(Section):
    """Without `smtp_host` and without `letters`, notices stand in the account alone."""

    section: ClassVar[str] = "notices"

    smtp_host: str | None = None
    """Host of the mail server that takes notices for people; absent: none leave by e-mail."""
    smtp_port: int = Field(default=587, ge=1, le=65_535)
    """Its port for submission."""
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    """How the way to it is encrypted; `none` for a server on this machine only."""
    smtp_user: str | None = None
    """Whom we are to it; absent: nobody."""
    smtp_password_file: str | None = None
    """File with the password of `smtp_user`, mode 0600."""
    sender: str | None = None
    """Address that notices come from."""
    staff_mailbox: str = ""
    """Where notices about accounts of staff go, such as the mailbox of the operators."""
    letters: bool = False
    """Whether the operator posts what `civitas notices letters` writes."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.smtp_host and not self.sender:
            raise ValueError("write sender, the address that notices come from, beside smtp_host")
        if self.smtp_user and not self.smtp_password_file:
            raise ValueError("write smtp_password_file beside smtp_user")
        if self.smtp_host and self.smtp_security == "none" and self.smtp_host not in _LOOPBACK:
            raise ValueError(
                'smtp_security = "none" is for a mail server on this machine: write "starttls"'
            )
        return self
