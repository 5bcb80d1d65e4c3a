"""The table of mutants is true of the code as it stands; `make mutants` takes them one by one."""

from __future__ import annotations

import ast
import tomllib
from functools import cache

import pytest

from scripts.spec_index import markers
from tests.mutants.copies import Warm
from tests.mutants.table import HERE, ROOT, Mutant, last_red, mutants
from tests.unit.test_rows import BUILT, FAILURES

ALL = mutants()


@cache
def marked(path: str) -> frozenset[tuple[str, str]]:
    """(test, "table row") of every marker in a file; one of the whole file is each test's."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    tests = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return frozenset(
        (name, " ".join(row))
        for test, row in markers(tree, "row")
        for name in ([test] if test else tests)
    )


@pytest.mark.parametrize("mutant", ALL, ids=lambda m: f"{m.key}: {m.without}")
def test_each_control_can_be_taken_out_where_the_table_says(mutant: Mutant) -> None:
    source = (ROOT / mutant.file).read_text("utf-8")
    without = mutant.applied(source)
    assert without != source
    assert not mutant.file.startswith("tests/"), "what is taken out is never a test"
    if mutant.file.endswith(".py"):
        ast.parse(without)


@pytest.mark.parametrize("mutant", ALL, ids=lambda m: f"{m.key}: {m.without}")
def test_the_test_that_each_control_names_is_there_and_carries_its_row(mutant: Mutant) -> None:
    path = mutant.test.partition("::")[0]
    assert (mutant.test_name, mutant.key) in marked(path)


def test_every_row_that_is_built_can_be_taken_out() -> None:
    controls = tomllib.loads((ROOT / "policies/data/controls.toml").read_text("utf-8"))["control"]
    rows = {f"assurance {control['id']}" for control in controls if control["test"]}
    rows |= {f"{table} {row}" for table, listed in BUILT.items() for row in listed}
    rows |= {f"failures {number}" for number in FAILURES}
    assert rows - {mutant.key for mutant in ALL} == set()


def test_the_test_that_a_control_of_29115_names_is_one_that_was_seen_red() -> None:
    controls = tomllib.loads((ROOT / "policies/data/controls.toml").read_text("utf-8"))["control"]
    seen: dict[str, set[str]] = {}
    for mutant in ALL:
        seen.setdefault(mutant.key, set()).add(mutant.test_name)
    astray = {
        control["id"]: control["test"]
        for control in controls
        if control["test"] and control["test"] not in seen[f"assurance {control['id']}"]
    }
    assert not astray


def test_no_two_mutants_take_out_the_same_for_the_same_row() -> None:
    assert len({(m.key, m.without) for m in ALL}) == len(ALL)
    assert len({(m.key, m.file, m.text, m.test) for m in ALL}) == len(ALL)


def test_what_was_seen_red_are_rows_of_the_table() -> None:
    assert set(last_red()) <= {mutant.key for mutant in ALL}


SAMPLES = """
import pytest

def test_holds(): assert True
def test_notices(): assert 1 == 2, "the reason"
def test_misses_a_refusal():
    with pytest.raises(ValueError):
        pass
def test_falls_over(): {}["key"]
def test_is_skipped(): pytest.skip("not here")
@pytest.fixture
def broken(): assert False
def test_has_no_ground(broken): assert False
@pytest.mark.timeout(0.05)
def test_never_ends():
    while True:
        pass
@pytest.mark.parametrize("number", [1, 2])
def test_notices_one_case(number): assert number == 1
"""


VERDICTS = {
    "test_holds": "green",
    "test_notices": "red",
    "test_misses_a_refusal": "red",
    "test_notices_one_case": "red",
    "test_notices_one_case[1]": "green",
    "test_falls_over": "broken",
    "test_is_skipped": "broken",
    "test_has_no_ground": "broken",
    "test_never_ends": "broken",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What a warm process says of the samples, of a name that nobody wrote, and of a file that
    does not import."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_sample.py").write_text(SAMPLES)
    (folder / "test_torn.py").write_text("import nothing_of_that_name\ndef test_x(): pass\n")
    warm = Warm(folder, ROOT / HERE / "warm.py")
    said = warm.run([f"test_sample.py::{test}" for test in VERDICTS], 60, untouched=True)
    said |= warm.run(["test_sample.py::test_that_nobody_wrote"], 60)
    said |= warm.run(["test_torn.py::test_x"], 60)
    warm.close()
    return {test.partition("::")[2]: verdict for test, verdict in said.items()}


@pytest.mark.parametrize(("test", "verdict"), VERDICTS.items())
def test_only_a_failed_assertion_of_the_test_itself_is_red(
    judged: dict[str, tuple[str, str]], test: str, verdict: str
) -> None:
    assert judged[test][0] == verdict, judged[test][1]


def test_what_does_not_run_is_no_proof(judged: dict[str, tuple[str, str]]) -> None:
    assert judged["test_that_nobody_wrote"][0] == "broken"
    assert judged["test_x"][0] == "broken"
    assert "nothing_of_that_name" in judged["test_x"][1]
