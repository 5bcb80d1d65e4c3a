"""Which log lines are written: ours, and of libraries only that something was said — X.1253 9.1.

A library knows nothing of people, so it logs what it holds: an identifier of a passkey, a statement
with its values, an address. Ours are written so that they name nobody, and a test walks through
all flows and looks. What a library warns of is therefore shown as its place in the source, and the
stack of a defect without the words of the exception, which may repeat what somebody sent.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from pathlib import PurePath

OURS = "civitas"
# Whatever level the root has: these say at INFO or DEBUG what nobody may read.
_QUIET = (
    "alembic",
    "asyncio",
    "fido2",
    "httpcore",
    "httpx",
    "multipart",
    "psycopg",
    "python_multipart",
    "sqlalchemy",
    "uvicorn.access",
)


def quieten_libraries() -> None:
    """Every deployment does it, wherever it runs: a host may have set logging up its own way."""
    for name in _QUIET:
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


def is_ours(record: logging.LogRecord) -> bool:
    return record.name == OURS or record.name.startswith(f"{OURS}.")


def worth_a_line(record: logging.LogRecord) -> bool:
    """A filter: all that we say, and what libraries warn of."""
    return is_ours(record) or record.levelno >= logging.WARNING


def impersonal(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it may be written: of a library, where it comes from and nothing it says."""
    if is_ours(record):
        return record
    told = copy(record)
    told.msg = "a message that is not shown, for it may name a person: see %s, line %d"
    told.args = (PurePath(record.pathname).name, record.lineno)
    return told


def stack(error: BaseException) -> str:
    """Where it happened, and of which kind each exception was; never its words."""
    return "\n".join(_stack(error))


def _stack(error: BaseException) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _stack(before)
        yield ""
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield f"{type(error).__module__}.{type(error).__qualname__}"


class TextLines(logging.Formatter):
    """A line for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        told = copy(impersonal(record))
        told.exc_text = stack(record.exc_info[1]) if record.exc_info and record.exc_info[1] else ""
        told.exc_info = None
        return super().format(told)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the stack of a defect."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": impersonal(record).getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            line["stack"] = stack(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def configure_logging(log_format: str) -> None:
    """Send logs to standard error, as text for people or as JSON lines for machines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    handler.addFilter(worth_a_line)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    quieten_libraries()
