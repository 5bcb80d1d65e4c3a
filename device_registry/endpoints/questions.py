"""What follows from acts on devices that cannot be undone: for the page and the command."""

from __future__ import annotations

from collections.abc import Mapping

from foundation.marking import N_
from foundation.pages import Question

_CERTIFICATES = N_("Its certificates end now: it cannot connect any more.")

QUESTIONS: Mapping[str, Question] = {
    "transfer": Question(
        N_("Take this device from its owner?"),
        (
            _CERTIFICATES,
            N_("It has no owner until somebody claims it; then it needs a new token."),
        ),
        N_("Yes, take it from its owner"),
    ),
    "revoke": Question(
        N_("Revoke this device?"),
        (
            _CERTIFICATES,
            N_("It never comes back under this number: to use it again, register it anew."),
        ),
        N_("Yes, revoke it"),
    ),
    "decommission": Question(
        N_("End this device for good?"),
        (
            _CERTIFICATES,
            N_("Its name, its owner and its identifiers are erased. The history stays."),
        ),
        N_("Yes, end it for good"),
    ),
}
UNDO = Question(
    N_("Undo this change-over?"),
    (
        N_("Every second certificate that it gave out is revoked."),
        N_("The devices go on with their first certificate."),
    ),
    N_("Yes, undo it"),
)
