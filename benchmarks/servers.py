"""Processes that are measured: started, watched (memory, processor time), stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "benchmarks" / "peer"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measured:
    """One running process that answers on `port`."""

    port: int
    process: subprocess.Popen[bytes]
    started_in: float

    @property
    def memory(self) -> float:
        """Resident memory in MB (10^6 bytes)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    @property
    def processor_seconds(self) -> float:
        """Processor time used so far: what turns requests a second into requests a core."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def started(command: Sequence[str], port: int, log: Path, path: str = "/") -> Iterator[Measured]:
    """Run `command` until the block ends; it is ready when `path` gets any answer."""
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        _wait(process, port, path, log)
        yield Measured(port, process, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + 60
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
