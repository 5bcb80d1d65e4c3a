"""The reason that staff give for an act: one sentence, kept in the audit."""

from __future__ import annotations

from foundation.errors import BadRequest

LONGEST = 500


def checked_reason(written: str) -> str:
    """The reason with its spaces in order; raises BadRequest when it says nothing or too much."""
    reason = " ".join(written.split())
    if not reason or len(reason) > LONGEST:
        raise BadRequest(
            f"A reason of at most {LONGEST} characters is needed.",
            where="reason",
            next_step="Write, in a sentence, why. The person concerned will read it.",
        )
    return reason
