"""A copy of the tree with a warm process in it; an edit is applied there and taken back."""

from __future__ import annotations

import compileall
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.table import HERE, ROOT, Mutant

OURS = ("foundation", "policies", "pki", "device_registry", "documents", "idp", "civitas", "tests")
LEFT_OUT = (".*", "build", "dist", "*.egg-info", "demo-data", "htmlcov", "results")

Verdicts = dict[str, tuple[str, str]]
"""Test → ("red", "green" or "broken", why)."""


class Warm:
    """A process that has the libraries loaded, and forks for each run."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(program)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTEST_ADDOPTS": ""},
        )

    def run(self, tests: Sequence[str], seconds: float, untouched: bool = False) -> Verdicts:
        """What became of each test, on the tree as it stands in the folder."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"tests": list(tests), "seconds": seconds, "untouched": untouched}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return {test: (verdict, why) for test, (verdict, why) in answer.items()}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Copy:
    """One copy, one process, one edit at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        for package in OURS:
            compileall.compile_dir(folder / package, quiet=2)
        self._warm = Warm(folder, folder / HERE / "warm.py")
        self.run = self._warm.run

    @contextmanager
    def without(self, mutant: Mutant) -> Iterator[None]:
        """The copy without the control, for the length of the block."""
        path = self.folder / mutant.file
        source, stat = path.read_text("utf-8"), path.stat()
        path.write_text(mutant.applied(source), "utf-8")
        # Bytecode is matched by second and size, and an edit may keep both.
        if path.suffix == ".py":
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
        try:
            yield
        finally:
            path.write_text(source, "utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def close(self) -> None:
        self._warm.close()
        shutil.rmtree(self.folder)
