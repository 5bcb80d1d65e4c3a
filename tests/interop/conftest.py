"""What several of other people's programs need: listeners, and Bouncy Castle."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import Listening, listening_in

JAVA = Path(__file__).parent / "java"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    with listening_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def bouncy_castle(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path of Bouncy Castle."""
    return by_maven(JAVA / "pom.xml", tmp_path_factory.mktemp("jars"))


def by_maven(pom: Path, folder: Path) -> str:
    """A class path, which comes by Maven; nothing of it is kept in the repository."""
    fetched = subprocess.run(
        ["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies",
         f"-DoutputDirectory={folder}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    return str(folder / "*")
