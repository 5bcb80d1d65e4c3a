"""The parent of several workers: starts, watches and ends them; its workers here do little."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.deployments import ROOT, free_port

WORKER = """
    import asyncio, os, sys, threading, time
    from pathlib import Path
    from civitas import workers
    from civitas.addresses import Held, bound, listening
    from foundation.settings import Server, Settings

    folder, port, does = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    workers.STOP_SECONDS, workers.YOUNG = 2.0, float(sys.argv[4])
    if does == "stand still":
        workers.BEAT_SECONDS, workers.SILENT_SECONDS = 0.5, 2.0
    server = Server(listen=f"127.0.0.1:{port}")
    held = Held(server, Settings(folder / "civitas.toml", {}).with_sections(server))
    assert threading.active_count() == 1
    parent = workers.Parent(3, held, lambda: print("ready", flush=True))
    worker = parent.share()
    print("here", worker.number, os.getpid(), flush=True)
    if does == "fail" and worker.number == 2:
        sys.exit(7)
    if does == "never again" and (folder / "again").exists():
        sys.exit(78)

    async def main():
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        worker.attend(loop, stop.set)
        if does != "stubborn":
            loop.add_signal_handler(15, stop.set)
        else:
            loop.add_signal_handler(15, lambda: None)
        async def told(reader, writer):
            writer.write(b"%d" % os.getpid())
            writer.close()
        listener = listening(bound(server.listen, shared=True))
        serving = await asyncio.start_server(told, sock=listener)
        worker.ready()
        await stop.wait()
        print("ended", worker.number, flush=True)

    asyncio.run(main())
"""


class Crew:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.pids: dict[int, int] = {}

    def said(self, *, until: str) -> list[str]:
        """Lines up to one that begins so."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.strip())
            if line.startswith("here "):
                _, number, pid = line.split()
                self.pids[int(number)] = int(pid)
            if line.startswith(until):
                return lines
        raise AssertionError(f"never said {until!r}: {lines}")

    def who_answers(self) -> int:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as there:
            return int(there.recv(16))


@contextmanager
def crew(folder: Path, does: str = "answer", young: float = 0) -> Iterator[Crew]:
    (folder / "worker.py").write_text(textwrap.dedent(WORKER))
    port = free_port()
    command = [sys.executable, str(folder / "worker.py"), str(folder), str(port), does, str(young)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        yield Crew(process, port)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def is_there(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 20
    while any(is_there(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker is still there"
        time.sleep(0.02)


def test_one_goes_ahead_and_all_answer_when_it_is_said(tmp_path: Path) -> None:
    with crew(tmp_path) as found:
        said = found.said(until="ready")
        assert next(line for line in said if line.startswith("here")).split()[1] == "1"
        assert said.count("ready") == 1
        everybody = set(found.pids.values())
        assert len(everybody) == 3
        assert {found.who_answers() for _ in range(100)} == everybody
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(20) == 0
        assert not any(is_there(pid) for pid in everybody)


def test_who_dies_is_replaced_while_the_others_answer(tmp_path: Path) -> None:
    with crew(tmp_path) as found:
        found.said(until="ready")
        dead = found.pids[2]
        subprocess.run(["kill", "-9", str(dead)], check=True)
        found.said(until="here 2")
        assert found.pids[2] != dead
        assert dead not in {found.who_answers() for _ in range(50)}


def test_who_dies_young_again_and_again_is_waited_for_ever_longer(tmp_path: Path) -> None:
    with crew(tmp_path, young=60) as found:
        found.said(until="ready")
        waited = []
        for _ in range(2):
            began = time.monotonic()
            subprocess.run(["kill", "-9", str(found.pids[3])], check=True)
            found.said(until="here 3")
            waited.append(time.monotonic() - began)
        assert waited[0] >= 1
        assert waited[1] >= 2


def test_a_worker_that_cannot_start_ends_all_with_its_exit_code(tmp_path: Path) -> None:
    with crew(tmp_path, "fail") as found:
        assert found.process.wait(30) == 7
        said, _ = found.process.communicate()
        assert "ready" not in said.split()
        assert "worker 2 ended with exit code 7; without it nothing is started" in said


def test_a_worker_that_must_not_be_tried_again_is_not(tmp_path: Path) -> None:
    with crew(tmp_path, "never again") as found:
        found.said(until="ready")
        (tmp_path / "again").touch()
        subprocess.run(["kill", "-9", str(found.pids[1])], check=True)
        assert found.process.wait(30) == 78


def test_workers_end_when_their_parent_is_gone(tmp_path: Path) -> None:
    with crew(tmp_path) as found:
        found.said(until="ready")
        found.process.kill()
        wait_until_gone(*found.pids.values())


def test_who_stands_still_is_ended_for_another_and_nobody_else_is(tmp_path: Path) -> None:
    with crew(tmp_path, "stand still") as found:
        found.said(until="ready")
        before = dict(found.pids)
        os.kill(before[2], signal.SIGSTOP)
        said = found.said(until="here 2")
        assert "worker 2 has been silent for 2 s" in said
        wait_until_gone(before[2])
        time.sleep(3)
        assert found.pids == {**before, 2: found.pids[2]}
        assert all(is_there(pid) for pid in found.pids.values())


def test_a_parent_that_stood_still_itself_ends_nobody(tmp_path: Path) -> None:
    with crew(tmp_path, "stand still") as found:
        found.said(until="ready")
        for pid in (found.process.pid, *found.pids.values()):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)
        for pid in (found.process.pid, *found.pids.values()):
            os.kill(pid, signal.SIGCONT)
        time.sleep(2)
        assert all(is_there(pid) for pid in found.pids.values())
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(20) == 0


def test_who_does_not_end_is_ended(tmp_path: Path) -> None:
    with crew(tmp_path, "stubborn") as found:
        found.said(until="ready")
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(20) == 1
        wait_until_gone(*found.pids.values())


@pytest.mark.parametrize("another", ["alone", "a crew"])
def test_an_address_that_is_taken_is_told_once(tmp_path: Path, another: str) -> None:
    with crew(tmp_path) as found:
        found.said(until="ready")
        program = tmp_path / "worker.py"
        if another == "alone":
            program = tmp_path / "alone.py"
            program.write_text(
                "import sys\nfrom civitas.addresses import bound\n"
                "bound('127.0.0.1:' + sys.argv[2]).listen()\n"
            )
        second = subprocess.run(
            [sys.executable, str(program), str(tmp_path), str(found.port), "answer", "0"],
            cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert second.returncode == 1
        assert second.stderr.count("foundation.settings.SettingsError:") == 1
        assert f"cannot listen on 127.0.0.1:{found.port}" in second.stderr
