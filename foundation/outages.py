"""What a database's error means for a request — PostgreSQL appendix A (SQLSTATE), SQLite result
codes (https://sqlite.org/rescode.html).

Somebody's mistake, a defect of ours, or an outage: the last is a 503 that says when to come again.
A connection that cannot be used any more leaves its pool, with all that were opened like it, so
that the next one reaches whoever takes writes by then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout


@dataclass(frozen=True, slots=True)
class Outage:
    """What people and programs are told; `ends` says that the connection is of no use any more."""

    sentence: str
    retry_after: int
    ends: bool = False


AWAY = Outage("The database does not answer; nothing was changed.", 5, ends=True)
TAKES_NO_WRITES = Outage(
    "The database takes no changes at the moment; nothing was changed.", 5, ends=True
)
BUSY = Outage("The database has more to do than it can; nothing was changed.", 2)
FULL = Outage("The database has no room for more; nothing was changed.", 60)

# The longest beginning of the SQLSTATE that stands here decides.
_POSTGRESQL = {
    "08": AWAY,  # connection exception
    "25006": TAKES_NO_WRITES,  # read_only_sql_transaction: a standby, after a failover
    "25P03": AWAY,  # idle_in_transaction_session_timeout
    "40": BUSY,  # serialization_failure, deadlock_detected
    "53": BUSY,  # insufficient_resources: too_many_connections, out_of_memory
    "53100": FULL,  # disk_full
    "55006": BUSY,  # object_in_use
    "55P03": BUSY,  # lock_not_available: lock_timeout
    "57": AWAY,  # admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout
    "57014": BUSY,  # query_canceled: statement_timeout
    "58": AWAY,  # system_error: io_error
}
_SQLITE = {
    5: BUSY,  # SQLITE_BUSY: "database is locked"
    6: BUSY,  # SQLITE_LOCKED
    8: TAKES_NO_WRITES,  # SQLITE_READONLY: "attempt to write a readonly database"
    10: AWAY,  # SQLITE_IOERR: "disk I/O error"
    11: AWAY,  # SQLITE_CORRUPT, such as a file that was replaced below us
    13: FULL,  # SQLITE_FULL: "database or disk is full"
    14: AWAY,  # SQLITE_CANTOPEN
    15: AWAY,  # SQLITE_PROTOCOL
    26: AWAY,  # SQLITE_NOTADB
}


def outage(error: BaseException) -> Outage | None:
    """The outage that an error stands for; None for anything else."""
    if isinstance(error, PoolTimeout):
        return BUSY
    if not isinstance(error, DBAPIError):
        return None
    found = _of_driver(error.orig)
    if found is TAKES_NO_WRITES and not error.connection_invalidated:
        return None  # a write where we only read: a defect of ours
    if found is None and isinstance(error, OperationalError | InterfaceError):
        return AWAY
    return found


def _of_driver(error: BaseException | None) -> Outage | None:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return next((_POSTGRESQL[state[:n]] for n in (5, 2) if state[:n] in _POSTGRESQL), None)
    code = getattr(error, "sqlite_errorcode", None)
    return _SQLITE.get(code & 0xFF) if isinstance(code, int) else None


def let_go_of_what_ended(engine: Engine, *, writes: bool, also: Callable[[], object]) -> None:
    """Take connections that ended out of the engine's pool; `also` runs when one did.

    Whoever only reads may well be refused a write: that is a defect, and no reason to reconnect.
    """

    @event.listens_for(engine, "handle_error")
    def _ended(context: ExceptionContext) -> None:
        found = _of_driver(context.original_exception)
        if found is not None and found.ends and (writes or found is not TAKES_NO_WRITES):
            context.is_disconnect = True
        if context.is_disconnect:
            also()
