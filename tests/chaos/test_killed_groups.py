"""Killed in a group of acts: nothing that was answered is lost, nothing is half there."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.deployments import ROOT

ACTS = 200
DOOMED = """
import asyncio, os, signal, sys
from sqlalchemy import Column, Integer, MetaData, Table, event
from foundation import event_loop, groups
from foundation.database import Database

url, group, moment, nth = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
groups.LONGEST = 30.0
database = Database(url, group=group)
numbers = Table("numbers", MetaData(), Column("n", Integer, primary_key=True))
numbers.metadata.create_all(database.engine)
inside, commits = 0, 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def act(n):
    global inside
    with database.write() as uow:
        uow.execute(numbers.insert().values(n=n))
        inside += 1
        if moment == "in a later act" and commits >= nth and inside == min(group, 3):
            die()
    print(n, flush=True)

def committing(connection):
    global inside, commits
    commits += 1
    if moment == "between the first act and its commit" and commits > nth and inside >= 1:
        die()
    inside = 0

event.listen(database.engine, "commit", committing)
if moment == "after the commit, before an answer":
    written = database.engine.dialect.do_commit
    def do_commit(connection):
        written(connection)
        if commits > nth:
            die()
    database.engine.dialect.do_commit = do_commit

async def all_of_them():
    await asyncio.gather(*(event_loop.run(act, n) for n in range(int(sys.argv[5]))))

asyncio.run(all_of_them())
"""
MOMENTS = (
    "in a later act",
    "between the first act and its commit",
    "after the commit, before an answer",
)


@pytest.mark.parametrize("group", [1, 8, 64])
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_answered_is_there_and_what_was_not_is_whole_or_absent(
    tmp_path: Path, group: int, moment: str
) -> None:
    file = tmp_path / "groups.db"
    done = subprocess.run(
        [sys.executable, "-c", DOOMED, f"sqlite:///{file}", str(group), moment, "2", str(ACTS)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == -9, done.stderr.decode()
    answered = [json.loads(line) for line in done.stdout.split()]
    with sqlite3.connect(file) as database:
        there = [n for (n,) in database.execute("SELECT n FROM numbers ORDER BY n")]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(answered) <= set(there)
    if moment == "after the commit, before an answer":
        assert len(there) > len(answered)
    else:
        # Two groups were written; who is in one may be killed before they are told. Nobody of the
        # third is there.
        assert there == list(range(len(there)))
        assert len(there) <= 2 * group
    assert 0 < len(there) < ACTS
