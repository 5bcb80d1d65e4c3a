"""The reason that staff give for an act: one sentence, kept in the audit."""

from __future__ import annotations

from foundation.errors import BadRequest
from foundation.marking import N_

LONGEST = 500


def checked_reason(written: str) -> str:
    """The reason with its spaces in order; raises BadRequest when it says nothing or too much."""
    reason = " ".join(written.split())
    if not reason or len(reason) > LONGEST:
        raise BadRequest(
            N_("A reason of at most %(longest)s characters is needed.", longest=LONGEST),
            where="reason",
            next_step="Write, in a sentence, why. The person concerned will read it.",
        )
    return reason
