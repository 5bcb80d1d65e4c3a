"""How far the machine's clock may be wrong, as the kernel knows it: adjtimex(2) — RFC 5905 §11.3.

Whoever sets the clock (chrony, ntpd, systemd-timesyncd) tells the kernel how wrong it may be, and
the kernel lets that bound grow until it is set again. A clock that nobody sets promises nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from datetime import timedelta

Bound = Callable[[], timedelta | None]
"""By how much the clock may be wrong at most; None where nobody can say."""
_UNSYNCHRONISED = 0x0040
_CLOCK_ERROR = 5


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),  # more than any kernel writes
    )


def said_by_kernel() -> timedelta | None:
    """The kernel's bound on the clock's error; None while it is not synchronised, or not Linux."""
    asked = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(asked))
    except (AttributeError, OSError):
        return None
    return bound(state, asked.status, asked.maxerror)


def bound(state: int, status: int, most_microseconds: int) -> timedelta | None:
    """What an answer of adjtimex promises."""
    if state < 0 or state == _CLOCK_ERROR or status & _UNSYNCHRONISED:
        return None
    return timedelta(microseconds=most_microseconds)
