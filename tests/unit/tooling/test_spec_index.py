"""The index of specifications is what the code and its tests say."""

import re
from pathlib import Path

import pytest

from scripts import spec_index
from scripts.spec_index import Reference, references

INDEX = spec_index.OUTPUT


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Token revocation — RFC 7009.", [("RFC 7009", "")]),
        ("Who calls — RFC 8705 §6, RFC 9440.", [("RFC 8705", "6"), ("RFC 9440", "")]),
        (
            "Keys — RFC 5869, 7517, 8725 §3.1.",
            [("RFC 5869", ""), ("RFC 7517", ""), ("RFC 8725", "3.1")],
        ),
        ("Fields — RFC 5280 §4.1, §4.2.", [("RFC 5280", "4.1"), ("RFC 5280", "4.2")]),
        ("Vault — GDPR Art. 17, 25, 32.", [("GDPR", "Art. 17, 25, 32")]),
        ("Claims — OpenID Connect Core 1.0 §5.", [("OpenID Connect Core 1.0", "5")]),
        ("The register — ISO/IEC 24760-1 §7.2.", [("ISO/IEC 24760-1", "7.2")]),
        ("The order of RFC 3339 dates, version 2.0.", [("RFC 3339", "")]),
        ("Nothing from elsewhere.", []),
    ],
)
def test_a_first_line_names_its_sources(line: str, expected: list[tuple[str, str]]) -> None:
    assert references(line) == [Reference(*pair) for pair in expected]


def test_markers_of_functions_classes_and_whole_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.slow, pytest.mark.rfc('6749')]\n"
        "@pytest.mark.rfc('7009', '2.1')\n"
        "@pytest.mark.row('privacy', '3')\n"
        "def test_a(): ...\n"
    )
    index, rows = spec_index.collect(tmp_path)
    assert set(index) == {Reference("RFC 6749", ""), Reference("RFC 7009", "2.1")}
    assert rows == {"privacy 3": {"[tests/test_it.py](../tests/test_it.py) test_a"}}


def test_the_index_is_the_one_that_the_code_gives() -> None:
    assert INDEX.read_text("utf-8") == spec_index.render(spec_index.ROOT), "run `make index`"


def test_every_file_that_the_index_names_exists() -> None:
    named = set(re.findall(r"\]\(\.\./([^)]+)\)", INDEX.read_text("utf-8")))
    assert {path for path in named if not (spec_index.ROOT / path).exists()} == set()
