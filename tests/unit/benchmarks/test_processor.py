"""Processor time is that of a whole family of processes, also of those that have ended."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks import processor

# A child that works and ends, one that works and stays; then a line, and a wait for the test.
_FAMILY = """
import subprocess, sys, time
busy = "import time\\nend = time.process_time() + 0.2\\nwhile time.process_time() < end: pass\\n"
subprocess.run([sys.executable, "-c", busy])
stays = subprocess.Popen([sys.executable, "-c", busy + "print(flush=True)\\ninput()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
stays.stdout.readline()
print(stays.pid, flush=True)
input()
stays.kill()
"""


def test_children_count_whether_they_live_or_not() -> None:
    command = [sys.executable, "-c", _FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert set(processor.family(process.pid)) == {process.pid, child}
        assert processor.parent(child) == process.pid
        used = processor.seconds(process.pid)
        held = processor.memory(process.pid)
        process.communicate(b"\n")
    assert used >= 0.39  # twice 0.2, in hundredths of a second
    assert held > 5


def test_one_that_is_gone_used_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert processor.seconds(process.pid) == 0
    assert processor.seconds(os.getpid()) > 0
