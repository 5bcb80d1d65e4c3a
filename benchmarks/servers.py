"""Processes that are measured: started, watched (memory, processor time), stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import processor

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "benchmarks" / "peer"


@dataclass
class Measured:
    """One running process that answers on `port`."""

    port: int
    process: subprocess.Popen[bytes]
    started_in: float

    @property
    def memory(self) -> float:
        """Resident memory in MB (10^6 bytes)."""
        return processor.memory(self.process.pid)

    @property
    def processor_seconds(self) -> float:
        """Processor time used so far, by all its processes."""
        return processor.seconds(self.process.pid)


@contextmanager
def started(
    command: Sequence[str],
    port: int,
    log: Path,
    path: str = "/",
    environment: Mapping[str, str] | None = None,
    patience: float = 60,
) -> Iterator[Measured]:
    """Run `command` until the block ends; it is ready when `path` gets any answer."""
    began = time.perf_counter()
    more = {**os.environ, **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, env=more)
    try:
        _wait(process, port, path, log, patience)
        yield Measured(port, process, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(
    process: subprocess.Popen[bytes], port: int, path: str, log: Path, patience: float
) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}: {log.read_text()[-2000:]}")


class Missing(Exception):
    """A part of this machine that a comparison needs; the sentence says which."""


def bare(port: int, tls_port: int, folder: Path, url: str, schema: str | None = None) -> list[str]:
    """The command of the bare equivalents."""
    more = [schema] if schema else []
    module = [sys.executable, "-m", "benchmarks.bare"]
    return [*module, str(port), str(tls_port), str(folder), url, *more]


def peer(port: int) -> list[str]:
    """The command of npm oidc-provider, installed on first use from its hashed lock."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("npm oidc-provider is left out: it needs Node.js (apt-get install npm).")
    if not (PEER / "node_modules" / "oidc-provider").exists():
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=PEER,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Missing(
                "npm oidc-provider is left out: `npm ci` in benchmarks/peer said "
                f"{done.stderr.strip()[-200:]!r}."
            )
    return ["node", str(PEER / "server.mjs"), str(port)]
