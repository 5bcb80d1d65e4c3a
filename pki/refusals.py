"""Why a certificate is refused: one class per kind of no — RFC 7030 §4.2.3."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import BadRequest, Forbidden, Unauthorized


class RequestRefused(BadRequest):
    """A field of the certification request is not what the profile allows; `where` names it."""

    code: ClassVar[str] = "request_refused"

    def __init__(self, field: str, reason: str, next_step: str, **more: Any) -> None:
        super().__init__(reason, where=field, next_step=next_step, **more)


class EnrolmentRefused(Forbidden):
    """The caller is known, but may not enrol now; `reason` is for machines."""

    code: ClassVar[str] = "enrolment_refused"

    def __init__(self, reason: str, description: str, next_step: str, **more: Any) -> None:
        super().__init__(description, where=reason, next_step=next_step, **more)
        self.reason = reason


class EnrolmentUnauthorized(Unauthorized):
    """The caller did not prove who it is; `reason` is for machines."""

    code: ClassVar[str] = "enrolment_unauthorized"

    def __init__(self, reason: str, description: str, next_step: str, **more: Any) -> None:
        super().__init__(description, where=reason, next_step=next_step, **more)
        self.reason = reason


class CertificateRefused(Unauthorized):
    """A client certificate that we do not accept; `reason` is for machines."""

    code: ClassVar[str] = "certificate_refused"

    def __init__(self, reason: str, description: str, next_step: str, **more: Any) -> None:
        super().__init__(description, where=reason, next_step=next_step, **more)
        self.reason = reason


class CeremonyRefused(BadRequest):
    """A step of the key ceremony that cannot be taken; nothing was signed."""

    code: ClassVar[str] = "ceremony_refused"

    def __init__(self, description: str, next_step: str, **more: Any) -> None:
        super().__init__(description, next_step=next_step, **more)
