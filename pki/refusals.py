"""Why a certificate is refused: one class per kind of no — RFC 7030 §4.2.3."""

from __future__ import annotations

from typing import Any, ClassVar

from foundation.errors import BadRequest, Forbidden, Problem, Unauthorized


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


class EnrolmentWaits(Problem):
    """Nothing is wrong and nothing was spent: a human has to say yes first (RFC 7030 §4.2.3)."""

    status: ClassVar[int] = 202
    code: ClassVar[str] = "enrolment_waits"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            "The request is in order, and waits for an operator to approve this device.",
            where="waits_for_approval",
            next_step="Send the same request again after the seconds that Retry-After names.",
            headers={"Retry-After": str(retry_after)},
        )


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
