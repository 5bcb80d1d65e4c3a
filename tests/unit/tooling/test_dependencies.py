"""Every dependency is pinned, hashed and explained; no lock names an index."""

import re
import tomllib

import pytest

from tests.support.deployments import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = ("requirements/runtime.txt", "requirements/dev.txt")
INSTALLER = "requirements/installer.txt"


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[><=]", requirement)[0] for requirement in requirements}


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_every_dependency_has_its_row_of_reasons() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = {name for cell in rows for name in re.findall(r"`([^`]+)`", cell)}
    extras = PROJECT["optional-dependencies"]
    declared = names(PROJECT["dependencies"]) | names(extras["dev"]) | names(extras["demo"])
    assert explained == declared | set(pinned(INSTALLER))


def test_the_locks_pin_every_dependency() -> None:
    assert names(PROJECT["dependencies"]) - {"psycopg"} <= set(pinned("requirements/runtime.txt"))
    assert names(PROJECT["optional-dependencies"]["dev"]) <= set(pinned("requirements/dev.txt"))


def test_tests_run_with_the_versions_of_a_deployment() -> None:
    deployed, tested = (pinned(lock) for lock in LOCKS)
    assert deployed.items() <= tested.items()


@pytest.mark.parametrize("lock", [*LOCKS, INSTALLER])
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: str) -> None:
    line = re.compile(
        r"#.*|\s+#.*|[\w.-]+(\[[\w,-]+\])?==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|"
    )
    written = (ROOT / lock).read_text("utf-8").splitlines()
    assert [each for each in written if not line.fullmatch(each)] == []
    assert "://" not in "\n".join(written)
