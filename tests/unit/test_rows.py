"""Every requirement that is built has a test that is named after it, and can be found by it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from scripts.spec_index import collect

ROOT = Path(__file__).resolve().parents[2]
FAILURES = tuple(str(number) for number in (*range(1, 18), 19, 20, 21, 29))
"""Failures that really happened, elsewhere or here, each a statement that holds for ours."""
BUILT = {
    "assurance": (
        *("X.1253-9.1-5", "X.1253-9.1-6", "X.1253-9.2-3", "X.1253-9.2-4", "X.1253-9.2-5"),
        *("X.1253-9.2-6",),
        *("X.1253-9.3-1", "X.1253-9.3-2", "X.1253-9.3-3", "X.1253-9.3-4", "X.1253-9.3-5"),
        *("X.1253-9.4-1", "X.1253-9.4-3"),
    ),
    "devices": (
        *("5.1", "5.5", "5.8", "5.9", "5.10", "5.11", "5.12", "5.13"),
        *("802.1AR", "RFC 8705", "revocation", "transfer", "issuance", "serials", "renewal"),
    ),
    "governance": (
        *("accredit", "suspend", "withdraw", "publish", "key compromise", "audit"),
        *("chains", "policy", "constraints"),
        *("broker levels", "broker blindness", "broker choice"),
    ),
    "privacy": (
        *("G-1", "G-2", "G-3", "G-4", "G-5", "G-7", "G-8", "G-9", "G-10", "G-11"),
        *("P-1", "P-2", "P-3", "P-4", "P-6"),
    ),
}


@pytest.fixture(scope="module")
def rows() -> dict[str, set[str]]:
    """ "table row" → names of the tests that are marked with it."""
    _, found = collect(ROOT)
    return {row: {test.split()[-1] for test in tests} for row, tests in found.items()}


@pytest.mark.parametrize("number", FAILURES)
def test_every_failure_that_happened_elsewhere_is_a_named_test_here(
    rows: dict[str, set[str]], number: str
) -> None:
    named = [test for test in rows.get(f"failures {number}", ()) if test.startswith("test_")]
    assert named, f"mark a test with row('failures', '{number}')"


@pytest.mark.parametrize(("table", "row"), [(t, r) for t, listed in BUILT.items() for r in listed])
def test_every_row_that_is_built_is_a_named_test(
    rows: dict[str, set[str]], table: str, row: str
) -> None:
    assert rows.get(f"{table} {row}"), f"mark a test with row('{table}', '{row}')"


def test_every_control_that_names_a_test_names_one_that_is_marked_with_it(
    rows: dict[str, set[str]],
) -> None:
    controls = tomllib.loads((ROOT / "policies/data/controls.toml").read_text("utf-8"))["control"]
    astray = [
        f"{control['id']}: {control['test']}"
        for control in controls
        if control["test"] and control["test"] not in rows.get(f"assurance {control['id']}", ())
    ]
    assert not astray


def test_the_tests_of_rows_are_named_as_sentences(rows: dict[str, set[str]]) -> None:
    named = {test for tests in rows.values() for test in tests if test.startswith("test_")}
    assert not {test for test in named if test.count("_") < 4}
