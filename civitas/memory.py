"""What glibc keeps of the memory that we freed: little — mallopt(3), malloc_trim(3).

A password's hash takes 19 MiB for a moment. With forty threads that each have an arena, every one
of them would keep that much; mapping it anew for each hash would cost half of the hash again. So
all share one arena (threads that hold Python's lock in turn do not get into each other's way), and
what is free there goes back to the system now and then: only of the first arena all of it can.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

_M_ARENA_MAX = -8
GIVE_BACK_SECONDS = 3


def keep_together() -> None:
    """One arena instead of eight a core."""
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def settle() -> None:
    """Once all is loaded: what is here now stays, so the collector need not walk it again, and
    need not look after every 700 new objects, which is thrice a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 10)


async def give_back() -> None:
    """Hand what is free to the system again, every few seconds; a call takes half a millisecond."""
    trim = _of_glibc("malloc_trim")
    while trim is not None:
        await asyncio.sleep(GIVE_BACK_SECONDS)
        trim(0)


def _of_glibc(name: str) -> Callable[..., Any] | None:
    """A function of the C library, where that is glibc: musl and macOS have none of these."""
    if sys.platform != "linux":
        return None
    found: Callable[..., Any] | None = getattr(ctypes.CDLL(None), name, None)
    return found
