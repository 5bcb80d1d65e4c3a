"""What a register file says of a death: a day in the column `date_of_death`; pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from foundation import birth
from foundation.birth import BirthDate
from foundation.marking import N_
from idp.register.imports.dates import Order, iso
from idp.register.imports.rows import DIED, Fault
from idp.register.profile import WrongField

WRITE = N_("Write the day as year-month-day, such as 2026-03-02, or leave it empty.")


def day_of(written: Any, today: date, order: Order | None) -> date | Fault | None:
    """The day that a row names, or what is wrong with it; None where nobody died."""
    if written is None or (isinstance(written, str) and not written.strip()):
        return None
    if not isinstance(written, str):
        return Fault(DIED, N_("is not text"), WRITE)
    try:
        day = date.fromisoformat(iso(written, order))
    except WrongField as wrong:
        return Fault(DIED, wrong.reason, wrong.what_to_do)
    except ValueError:
        return Fault(DIED, N_("is not a day"), WRITE)
    if day > today:
        return Fault(DIED, N_("is in the future"), WRITE)
    return day


def before_birth(died: date, born: BirthDate) -> Fault | None:
    if died >= birth.earliest(born):
        return None
    return Fault(DIED, N_("is before the birth date"), N_("Compare the two with the register."))
