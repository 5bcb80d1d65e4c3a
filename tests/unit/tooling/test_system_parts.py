"""What set-up installs of a Debian system is all that the tests call — by its package lists.

A bare image would need gigabytes for each run; dpkg and apt tell the same from what they know.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.deployments import ROOT
from tests.unit.tooling.test_setup import loaded

SYSTEM_PARTS, found = loaded().SYSTEM_PARTS, loaded().found

_STARTERS = {"run", "Popen", "check_output", "check_call", "call"}
# Without one of these there is no clone, or nothing that runs `make`.
_BEFORE = {"git", "make", "python3"}

pytestmark = pytest.mark.skipif(
    shutil.which("dpkg-query") is None or not Path("/etc/debian_version").exists(),
    reason="the packages of another system have other names",
)


def said_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@cache
def installed_by_setup() -> frozenset[str]:
    """The packages of the list and all that they bring along, without what they recommend."""
    kinds = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    without = [f"--no-{kind}" for kind in kinds]
    named = sorted(set(SYSTEM_PARTS.values()))
    told = said_by("apt-cache", "depends", "--recurse", "--installed", *without, *named)
    found = re.findall(r"^([a-z0-9][a-z0-9+.-]+)$", told, re.MULTILINE)
    return frozenset(found) | frozenset(named)


@cache
def owners(path: Path) -> frozenset[str]:
    """The packages that brought a file, whatever links lead to it."""
    named = [path, path.resolve(), Path("/usr", *path.parts[1:])]
    if path.is_relative_to("/usr"):  # where /bin is a link to it, packages still say /bin
        named.append(Path("/", *path.parts[2:]))
    told = "".join(said_by("dpkg-query", "--search", str(name)) for name in dict.fromkeys(named))
    return frozenset(
        package.split(":")[0]
        for line in told.splitlines()
        if not line.startswith("diversion")
        for package in line.rpartition(": ")[0].split(", ")
    )


@cache
def of_every_debian() -> frozenset[str]:
    """What is on each system, be it ever so small."""
    told = said_by("dpkg-query", "--show", "--showformat", "${Package} ${Essential} ${Priority}\n")
    lines = [line.split() for line in told.splitlines()]
    return frozenset(p for p, *more in lines if "yes" in more or "required" in more)


def programs() -> Iterator[tuple[str, str]]:
    """Every program that a test starts by its name, and where."""
    for file in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called, first = node.func, node.args[0]
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in _STARTERS and isinstance(first, ast.List) and first.elts:
                program = first.elts[0]
                if isinstance(program, ast.Constant) and isinstance(program.value, str):
                    yield program.value, f"{file.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize("name", SYSTEM_PARTS)
def test_each_part_comes_with_a_package_of_the_list(name: str) -> None:
    assert found(name), f"run `make setup`: {name} is not here"
    path = Path(name if name.startswith("/") else shutil.which(name) or f"/usr/sbin/{name}")
    brought = owners(path)
    # What somebody put here by hand is in no package: then there is one of that name at least.
    by_hand = not brought and said_by("apt-cache", "show", SYSTEM_PARTS[name])
    assert by_hand or brought & installed_by_setup(), f"{path} is of {sorted(brought)}"


def test_every_program_that_a_test_starts_comes_with_set_up() -> None:
    ours = of_every_debian() | installed_by_setup()
    strange = [
        (program, where)
        for program, where in programs()
        if program not in _BEFORE | SYSTEM_PARTS.keys()
        and (path := shutil.which(program)) is not None
        and not Path(path).is_relative_to(ROOT)
        and not owners(Path(path)) & ours
    ]
    assert strange == []
    assert {"openssl", "go"} <= {program for program, _ in programs()}
