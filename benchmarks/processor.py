"""Processor time of a process and of all that it started, as Linux counts it — clock_gettime(2).

Of a living process its own clock is read, in nanoseconds; of one that has ended, what its parent
was told when it waited for it (`/proc/<pid>/stat`, in hundredths of a second). So the sum below a
PostgreSQL's first process is what the database used for everybody: backends that are there,
backends that left, and those that write the log and the checkpoints.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def seconds(pid: int) -> float:
    """Used so far by `pid` and all its descendants."""
    return sum(_own(each) + _ended(each) for each in family(pid))


def memory(pid: int) -> float:
    """Resident memory of `pid` and all its descendants, in MB (10^6 bytes)."""
    pages = 0
    for each in family(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * _PAGE / 1e6


def family(pid: int) -> list[int]:
    """`pid` and its descendants, as far as they live."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            children[parent(int(entry.name))].append(int(entry.name))
    found = [pid]
    for each in found:
        found += children[each]
    return found


def parent(pid: int) -> int:
    """0 of one that is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def of_postgresql(url: str) -> int | None:
    """The first process of the server at `url`; None where it is not on this machine."""
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        first = parent(connection.info.backend_pid)
    try:
        name = Path(f"/proc/{first}/comm").read_text().strip()
    except OSError:
        return None
    return first if name in ("postgres", "postmaster") else None


def _own(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | 2)  # CPUCLOCK_SCHED of all its threads
    except OSError:
        return 0.0


def _ended(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[13]) + int(fields[14])) / _TICKS if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields behind the name: state, parent, …"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
