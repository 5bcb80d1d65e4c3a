"""litewitness, a witness in Go that we did not write, cosigns our log — C2SP tlog-witness."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import delete

from foundation.audit.checkpoint import COSIGNATURE, VerifierKey
from foundation.audit.settings import AuditSettings
from foundation.audit.tables import cosignatures
from foundation.audit.verify_public import verify_from_outside
from foundation.audit.witnesses import NotCosigned
from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from foundation.settings import Settings
from tests.support import deployments
from tests.support.audits import history, outside, record, sequence

pytestmark = pytest.mark.slow

WITNESS = "filippo.io/torchwood/cmd/litewitness"
NAME = "witness.example/lite"
NEEDS = (1, 24)


def _go() -> tuple[int, int]:
    told = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True)
    major, minor = told.stdout.strip().removeprefix("go").split(".")[:2]
    return int(major), int(re.match(r"\d+", minor)[0])  # type: ignore[index]


@pytest.fixture(scope="module")
def litewitness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from its module by Go; nothing of it is kept here."""
    if _go() < NEEDS:
        pytest.skip("litewitness needs Go {}.{}".format(*NEEDS) + ", and this one is older")
    program: Path = tmp_path_factory.mktemp("go") / "litewitness"
    built = subprocess.run(
        ["go", "build", "-o", program, WITNESS],
        cwd=Path(__file__).parent / "witness", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return program


@dataclass
class Running:
    url: str
    key: str
    database: Path


@pytest.fixture
def running(litewitness: Path, tmp_path: Path, any_settings: Settings) -> Iterator[Running]:
    """A witness in a process of its own, its key in an ssh-agent, which knows our log."""
    first = deployments.build_runtime(any_settings, FrozenClock(deployments.START))
    log_key = str(first.audit.tree.verifier_keys()[0])
    first.close()
    with tempfile.TemporaryDirectory(prefix="civitas-agent-", dir="/tmp") as short:
        agent = Path(short) / "s"  # the path of a Unix socket may have 107 characters
        key, database = tmp_path / "key", tmp_path / "witness.db"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        holding = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
        try:
            wait_for(agent.exists)
            subprocess.run(
                ["ssh-add", "-q", key], check=True, env={**os.environ, "SSH_AUTH_SOCK": str(agent)}
            )
            yield from serving(litewitness, agent, key, database, log_key)
        finally:
            holding.terminate()
            holding.wait()


def serving(
    program: Path, agent: Path, key: Path, database: Path, log_key: str
) -> Iterator[Running]:
    shown = subprocess.run(
        ["ssh-keygen", "-lf", f"{key}.pub"], capture_output=True, text=True, check=True
    )
    port = deployments.free_port()
    said = database.with_suffix(".log")
    with said.open("w") as output:
        process = subprocess.Popen(
            [program, "-name", NAME, "-db", database, "-ssh-agent", agent,
             "-key", shown.stdout.split()[1], "-listen", f"127.0.0.1:{port}"],
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_for(lambda: answers(port))
        known(database, log_key)
        vkey = said.read_text().partition("vkey=")[2].split()[0].strip('"')
        yield Running(f"http://127.0.0.1:{port}", vkey, database)
    finally:
        process.terminate()
        process.wait()


def known(database: Path, log_key: str) -> None:
    """What `witnessctl add-log` writes: an empty tree of this origin, and its key."""
    origin = log_key.partition("+")[0]
    with sqlite3.connect(database) as connection:
        empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        connection.execute("INSERT INTO log VALUES (?, 0, ?)", (origin, empty))
        connection.execute("INSERT INTO key VALUES (?, ?)", (origin, log_key))


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def watched(running: Running, any_settings: Settings, clock: FrozenClock) -> Iterator[Runtime]:
    chosen = AuditSettings(witnesses={running.url: running.key})
    laid = deployments.build_runtime(any_settings.with_sections(chosen), clock)
    yield laid
    laid.close()


def test_litewitness_cosigns_our_log_as_it_grows_and_nothing_else(
    watched: Runtime, running: Running
) -> None:
    (witness,) = watched.audit.tree.witnesses.chosen
    history(watched)
    for _ in range(3):
        assert watched.audit.tree.witnesses.ask(witness)
        record(watched)
        record(watched)
        sequence(watched)
    assert watched.audit.tree.witnesses.ask(witness)
    key = VerifierKey.parse(running.key, COSIGNATURE)
    with outside(watched.audit) as client:
        report = verify_from_outside("http://localhost:8000", client, witnesses=[key])
    assert (report.problems, report.tree_size) == ((), 17)
    assert watched.audit.tree.verify().problems == ()
    # A database that forgot what was cosigned asks from the size that the witness knows.
    with watched.database.write() as uow:
        uow.execute(delete(cosignatures))
    record(watched)
    sequence(watched)
    assert watched.audit.tree.witnesses.ask(witness)
    # And one that is another tree, or shorter, is told by the witness.
    with sqlite3.connect(running.database) as connection:
        connection.execute("UPDATE log SET tree_hash = ?", ("A" * 43 + "=",))
    record(watched)
    sequence(watched)
    with pytest.raises(NotCosigned, match="not those that it has seen"):
        watched.audit.tree.witnesses.ask(witness)
    with sqlite3.connect(running.database) as connection:
        connection.execute("UPDATE log SET tree_size = 1000")
    with pytest.raises(NotCosigned, match="has seen 1000 leaves"):
        watched.audit.tree.witnesses.ask(witness)
