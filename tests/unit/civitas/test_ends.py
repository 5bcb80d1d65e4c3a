"""No column says when something is over without somebody who reads it — X.1253 9.2-6."""

from __future__ import annotations

import importlib
import inspect

import pytest

import civitas.app  # noqa: F401 - every table of ours
from civitas.ends import ENDS, says_when_over
from foundation.database import metadata
from foundation.vault import vault_metadata


@pytest.mark.row("assurance", "X.1253-9.2-6")
def test_every_column_that_says_when_something_is_over_has_somebody_who_reads_it() -> None:
    found = {
        f"{table.name}.{column.name}"
        for tables in (metadata, vault_metadata)
        for table in tables.sorted_tables
        for column in table.columns
        if not table.name.startswith("test_") and says_when_over(column)
    }
    assert found == set(ENDS)


@pytest.mark.parametrize("column", sorted(ENDS))
def test_who_reads_an_end_and_who_deletes_by_it_do_so(column: str) -> None:
    end = ENDS[column]
    name = column.partition(".")[2]
    assert name in inspect.getsource(importlib.import_module(end.read_by))
    if end.deleted_by is None:
        assert end.why, "say why it is kept"
    else:
        source = inspect.getsource(importlib.import_module(end.deleted_by))
        assert "delete(" in source
