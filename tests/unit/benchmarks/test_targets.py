"""The table of targets says what stands in the results, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import kinds, report, targets
from benchmarks.report import Crowd, Figure, Growth, Pair, Start, Taken

PYTHON = {"version": "3.11.2", "from": "/usr", "compiled": "-O2", "plain_loops_ms": 15.0}
ABOUT = {"at": "2026-01-01", "requests": 10, "python": PYTHON, "cores": 2, "machine": "x"}


def _taken(
    database: str, introspection_us: float = 300, database_us: float | None = None
) -> dict[str, Any]:
    def figure(what: str, server: str, us: float) -> Figure:
        return Figure(what, server, 100, us, database_us, 1, 15)

    figures = [
        figure(kinds.GRANTS, "civitas", 200),
        figure(kinds.GRANTS, "oidc-provider", 600),
        figure(kinds.INTROSPECTIONS, "civitas", introspection_us),
        figure(kinds.CROWDED_DECISIONS, "civitas", 700),
    ]
    return report.document(
        Taken(
            database,
            figures,
            report.beside(figures),
            [Start("civitas", 1.5, 120)],
            [Growth(0, 140), Growth(1000, 140), Growth(20000, 141)],
            Crowd(200, 10, 40),
            Pair(100, 110, 50, 55, 1000, 1500, "two ports") if database == "postgresql" else None,
            [],
        )
    )


@pytest.fixture
def document() -> dict[str, Any]:
    made: dict[str, Any] = {
        "about": ABOUT,
        "runs": [_taken("sqlite"), _taken("postgresql", 600, 100)],
        "growth": [],
    }
    made["targets"] = targets.dumped(targets.rows(made))
    return made


def _of(document: dict[str, Any], what: str, database: str) -> dict[str, Any]:
    [row] = [r for r in document["targets"] if r["what"] == what and r["database"] == database]
    return dict(row)


def test_each_row_has_figure_target_and_verdict(document: dict[str, Any]) -> None:
    introspections = _of(document, "introspections", "sqlite")
    assert (introspections["figure"], introspections["target"]) == (3333.3, "≥ 3,000")
    assert introspections["verdict"] == "met"
    assert _of(document, "introspections", "postgresql")["verdict"] == "not met"
    grants = _of(document, "client-credential grants, beside oidc-provider in memory", "sqlite")
    assert (grants["figure"], grants["verdict"]) == (3.0, "met")
    pair = _of(document, "two processes on two cores, beside one", "postgresql")
    assert (pair["figure"], pair["verdict"]) == (1.82, "met")


def test_what_was_not_measured_says_so(document: dict[str, Any]) -> None:
    assert _of(document, "code flows", "sqlite")["verdict"] == "not measured"
    grown = [row for row in document["targets"] if "1,000,000 persons" in row["what"]]
    assert [row["verdict"] for row in grown] == ["not measured", "not measured"]


def test_a_database_that_was_not_watched_does_not_flatter_us(document: dict[str, Any]) -> None:
    document["runs"][1] = _taken("postgresql", 100)
    found = {row.what: row for row in targets.rows(document) if row.database == "postgresql"}
    assert found["introspections"].verdict == "not measured"
    beside = "client-credential grants, beside oidc-provider in memory"
    assert found[beside].verdict == "not measured"
    assert found["decisions, 32 connections, p99"].figure == 15


def test_the_printed_table_is_made_from_the_results(
    document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document))
    kept = json.loads(file.read_text())
    # The rows follow from the figures beside them, and the table from the rows.
    assert targets.dumped(targets.rows(kept)) == kept["targets"]
    kept["targets"][2]["figure"] = 98_765.4
    printed = io.StringIO()
    targets.show(kept, Console(file=printed, width=200))
    lines = printed.getvalue().splitlines()
    for row in kept["targets"]:
        assert any(
            row["what"] in line
            and row["database"] in line
            and f"{targets.said(row['figure'], row['unit'])} {row['unit']}" in line
            and row["target"] in line
            and row["verdict"] in line
            for line in lines
        ), row
    assert targets.main([str(file), "--markdown"]) == 0
    assert "| introspections | 3,333 | **1,429** | ≥ 3,000, ≥ 1,500 a core-second |" in (
        capsys.readouterr().out
    )


def test_growth_is_judged_by_kind(document: dict[str, Any]) -> None:
    sizes = [{"persons": 10_000, "events": 100_000}, {"persons": 1_000_000, "events": 10_000_000}]
    grown = {"database": "sqlite", "sizes": sizes, "kinds": [{"what": "grants", "ratio": 1.4}]}
    [row] = [r for r in targets.rows({**document, "growth": [grown]}) if "grants, at" in r.what]
    assert (row.figure, row.target, row.verdict) == (1.4, "≤ 1.3", "not met")
    sizes[1]["persons"] = 100_000
    [row] = [r for r in targets.rows({**document, "growth": [grown]}) if "grants, at" in r.what]
    assert (row.figure, row.verdict) == (1.4, "not measured")
