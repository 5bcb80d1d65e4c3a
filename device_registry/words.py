"""States and acts as words for the pages: marked here, since templates look them up by value."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "extract, do not translate yet"
    return message


# Why a step was taken that nobody gave a reason for; histories and ledgers show it.
REGISTERED_WITH_OWNER = N_("registered with its owner")
CLAIMED = N_("claimed")
ENDS_SOON = N_("certificate ends soon")

STATES = (
    N_("registered"),
    N_("claimed"),
    N_("bootstrapped"),
    N_("active"),
    N_("renewal due"),
    N_("suspended"),
    N_("quarantined"),
    N_("transferred"),
    N_("revoked"),
    N_("decommissioned"),
)

CREDENTIAL_STATES = (N_("issued"), N_("in use"), N_("superseded"))

CHANGE_OVERS = (
    *(N_("planned"), N_("running"), N_("paused"), N_("done"), N_("undone")),
    *(N_("Run"), N_("Pause"), N_("Finish"), N_("Undo")),
)

BUTTONS = (
    N_("Suspend"),
    N_("Reactivate"),
    N_("Quarantine"),
    N_("Release"),
    N_("Transfer"),
    N_("Revoke"),
    N_("Decommission"),
)

STEPS = (
    N_("register"),
    N_("claim"),
    N_("bootstrap"),
    N_("activate"),
    N_("fall due"),
    N_("renew"),
    N_("come back"),
    N_("approve"),
    N_("suspend"),
    N_("reactivate"),
    N_("quarantine"),
    N_("release"),
    N_("transfer"),
    N_("revoke"),
    N_("decommission"),
)
