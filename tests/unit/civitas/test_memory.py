"""What password hashes took is handed back, without a word from anybody."""

from __future__ import annotations

import subprocess
import sys

import pytest

RUSH = """
import asyncio, os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from argon2 import PasswordHasher
from civitas import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

memory.keep_together()
memory.GIVE_BACK_SECONDS = 0.05
hasher = PasswordHasher(time_cost=1, memory_cost=19_456, parallelism=1)
before = resident()
with ThreadPoolExecutor(1) as threads:
    list(threads.map(hasher.hash, ["correct horse battery"] * 12))
kept = resident() - before

async def serve_a_while():
    beside = asyncio.create_task(memory.give_back())
    await asyncio.sleep(0.5)
    beside.cancel()

asyncio.run(serve_a_while())
print(kept, resident() - before)
"""
HASH = 19_456 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="malloc_trim is glibc's")
def test_what_hashes_took_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUSH], capture_output=True, text=True, check=True, timeout=60
    )
    kept, left = map(int, done.stdout.split())
    assert kept > HASH / 2, "the allocator kept nothing: this test shows nothing any more"
    assert left < HASH / 2


def test_a_server_on_sqlite_loads_no_driver_of_postgresql_and_no_other_command() -> None:
    told = "import sys, civitas.commands.serve; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    ).stdout.split()
    others = {"psycopg", "httpx", "zxcvbn", "alembic", "pyhanko_certvalidator", "pkcs11"}
    assert not others & set(loaded)
    assert {name for name in loaded if name.startswith("civitas.commands.")} == {
        "civitas.commands.console",
        "civitas.commands.serve",
    }
