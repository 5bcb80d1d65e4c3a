"""The `[time_stamps]` section."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from foundation.settings import Section

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


class TimeStampSettings(Section):
    """What time stamps promise here, and when none is given."""

    section: ClassVar[str] = "time_stamps"
    policy: str = "2.25.147398633658393506891823120191204000762"
    """Object identifier of the policy under which they are made. The built-in one promises what
    docs/operator.md says and no more; who is audited writes his own."""
    clock: Literal["kernel", "operator"] = "kernel"
    """Who vouches for the clock: the kernel, which knows whether and how well it is synchronised
    (Linux; NTP must run), or you. Unless somebody does, no stamp is given."""
    accuracy_ms: int = Field(default=1000, ge=1, le=60_000)
    """By how much a stamp's time may be wrong at most: when the clock may be wrong by more, none
    is given. Under `clock = "operator"` this is what each stamp says."""
    per_minute: int = Field(default=120, ge=1)
    """Stamps that one address may have in a minute."""

    @field_validator("policy")
    @classmethod
    def _is_an_oid(cls, value: str) -> str:
        if not _OID.fullmatch(value):
            raise ValueError("write an object identifier, such as 1.3.6.1.4.1.99999.1")
        return value
