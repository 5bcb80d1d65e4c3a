"""Figures say which Python made them, and a slow one is not measured unasked."""

from __future__ import annotations

import sys

import pytest

from benchmarks import __main__ as bench
from benchmarks import python


@pytest.mark.parametrize(("own", "slow"), [(1.3, True), (1.05, False), (0.9, False)])
def test_a_python_that_is_much_slower_than_another_is_told(
    monkeypatch: pytest.MonkeyPatch, own: float, slow: bool
) -> None:
    monkeypatch.setattr(python.setup, "SYSTEM_PYTHONS", ("/usr/bin/python3",))
    times = {sys.executable: own, "/usr/bin/python3": 1.0}
    monkeypatch.setattr(python.setup, "plain_loops", times.get)
    assert python.slower_than() == ("/usr/bin/python3" if slow else None)
    assert python.about()["plain_loops_ms"] == 1000 * own


def test_it_is_not_measured_unless_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(python, "slower_than", lambda: "/usr/bin/python3")
    assert bench.main([]) == 2
    said = capsys.readouterr().err
    assert "PYTHON=/usr/bin/python3" in said.replace("\n", "")
    assert "--this-python" in said
