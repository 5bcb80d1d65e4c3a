"""Everybody at once: half requests, large bodies and guesses from a whole /40, and one who probes.

`python -m benchmarks.rush` runs them for a minute against a provider of its own, and says how long
the probe's sign-ins, enrolments and questions for health took before and meanwhile, and how much
memory the server took. The probe comes from a network of its own, as everybody but the attacker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks.certificates import PKCS10, Holder, tls
from benchmarks.product import ENROL, Founded, founded, serving
from benchmarks.servers import Measured
from civitas.tour.browser import Browser
from civitas.tour.world import PASSWORD

LARGE = 64 * 1024 * 1024
SPRAYING = 32
HALF, BODIES = 3000, 100
THREADS = 48
_FORM = "application/x-www-form-urlencoded"


def from_the_40() -> str:
    """Another address of 2001:db8:aa00::/40 each time."""
    low = random.getrandbits(88)
    groups = [0x2001, 0x0DB8, 0xAA00 | low >> 80] + [
        low >> (64 - 16 * n) & 0xFFFF for n in range(5)
    ]
    return ":".join(f"{group:x}" for group in groups)


@dataclass
class Attack:
    """What one attacker sends from a process of its own, so that it slows down nobody's clock."""

    port: int
    half: int
    bodies: int
    form: dict[str, str]
    cookies: str
    seen: dict[str, Counter[str]] = field(
        default_factory=lambda: {"half": Counter(), "large": Counter(), "spray": Counter()}
    )

    async def run(self, seconds: float) -> None:
        work = [self._again(self._half) for _ in range(self.half)]
        work += [self._again(self._large) for _ in range(self.bodies)]
        work += [self._again(self._guess) for _ in range(SPRAYING)]
        tasks = [asyncio.create_task(each) for each in work]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _again(self, one: Callable[[], Any]) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                await one()
            await asyncio.sleep(0.05)

    async def _ask(self, head: str, body: bytes = b"", *, endless: bool = False) -> str:
        """The status of the answer; "closed" where there is none."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(head.encode() + body)
            sending = asyncio.create_task(_endless(writer)) if endless else None
            try:
                line = await reader.readline()
            finally:
                if sending is not None:
                    sending.cancel()
            return line.split()[1].decode() if line else "closed"
        except ConnectionError:
            return "closed"
        finally:
            writer.transport.abort()

    async def _half(self) -> None:
        """Half of a head, or a head and half of its body."""
        head = f"POST /oauth/token HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {from_the_40()}\r\n"
        if random.random() < 0.5:
            head += f"Content-Type: {_FORM}\r\nContent-Length: 9000\r\n\r\ngrant_type="
        self.seen["half"][await self._ask(head)] += 1

    async def _large(self) -> None:
        head = (
            f"POST /desk/imports HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {from_the_40()}\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {LARGE}\r\n\r\n"
        )
        self.seen["large"][await self._ask(head, endless=True)] += 1

    async def _guess(self) -> None:
        typed = {**self.form, "name": f"name.{random.getrandbits(40)}", "password": "wrong guess"}
        body = urlencode(typed).encode()
        head = (
            f"POST /sign-in HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {from_the_40()}\r\n"
            f"Cookie: {self.cookies}\r\nContent-Type: {_FORM}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self.seen["spray"][await self._ask(head, body)] += 1


async def _endless(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while True:
            writer.write(b"a" * 65_536)
            await writer.drain()


def attacking(attack: Attack, seconds: float, told: Any) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(attack.run(seconds))
    told.put({kind: dict(counted) for kind, counted in attack.seen.items()})


class Probe:
    """Somebody with an account, a technician with devices, and a watchman."""

    def __init__(self, world: Founded) -> None:
        deployed = world.provider
        self._url, self._tls_url = deployed.url, deployed.tls_url
        anchors = deployed.folder / "ca.pem"
        anchors.write_bytes(httpx.get(f"{self._url}/pki/ca.pem").content)
        self._tls = tls(anchors)
        self.name = "olga.officer"
        invited = world.run_json(deployed, "staff", "invite", "--role", "officer", "--name", "Olga")
        browser = Browser()
        browser.get(invited["link"])
        chosen = {"name": self.name, "password": PASSWORD, "repeated": PASSWORD}
        browser.submit(browser.form("name", "password", "repeated"), typed=chosen)
        manager = world.run_json(
            deployed, "clients", "add", "--name", "Technician", "--scope", "devices:manage"
        )
        self._manager = (manager["client_id"], manager["client_secret"])
        page = Browser()
        page.get(f"{self._url}/sign-in")
        self.form = dict(page.form("name", "password").fields)
        self.cookies = "; ".join(f"{c.name}={c.value}" for c in page.client.cookies.jar)

    def register(self, count: int) -> list[tuple[str, str]]:
        grant = {"grant_type": "client_credentials"}
        answer = httpx.post(f"{self._url}/oauth/token", data=grant, auth=self._manager)
        token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        lamp = {"label": "Lamp", "owner": {"kind": "organisation", "name": "Street Lighting"}}
        made = [
            httpx.post(f"{self._url}/devices/v1", json=lamp, headers=token).json()
            for _ in range(count)
        ]
        return [(each["device"]["id"], each["enrolment_token"]) for each in made]

    def once(self, device: tuple[str, str]) -> dict[str, tuple[int, float]]:
        """What came of each thing, and how long it took (ms): sign-in and enrolment on fresh
        connections, health on the one of the sign-in."""
        headers = {"X-Forwarded-For": "198.51.100.7"}
        typed = {**self.form, "name": self.name, "password": PASSWORD}
        with httpx.Client(headers=headers, verify=self._tls, timeout=60) as client:
            return {
                "sign-in": _timed(
                    lambda: client.post(
                        f"{self._url}/sign-in", data=typed, headers={"Cookie": self.cookies}
                    )
                ),
                "enrolment": _timed(
                    lambda: client.post(
                        f"{self._tls_url}{ENROL}",
                        content=Holder.make(device[0]).request(),
                        headers=PKCS10,
                        auth=device,
                    )
                ),
                "health": _timed(lambda: client.get(f"{self._url}/healthz")),
            }


def _timed(ask: Callable[[], httpx.Response]) -> tuple[int, float]:
    began = time.perf_counter()
    status = ask().status_code
    return status, 1000 * (time.perf_counter() - began)


@dataclass
class Outcome:
    """`before` and `meanwhile`: what the probe saw; `attacked`: what the attacker got to see."""

    before: list[dict[str, tuple[int, float]]]
    meanwhile: list[dict[str, tuple[int, float]]]
    attacked: dict[str, dict[str, int]]
    memory_before: float
    memory_most: float
    threads_most: int

    def statuses(self) -> dict[str, set[int]]:
        """Of the probe, in both times."""
        seen: dict[str, set[int]] = {}
        for each in (*self.before, *self.meanwhile):
            for kind, (status, _) in each.items():
                seen.setdefault(kind, set()).add(status)
        return seen

    def told(self) -> dict[str, Any]:
        """For people: medians and the slowest, in milliseconds; memory in MB."""
        found: dict[str, Any] = {}
        for kind in self.before[0]:
            usual = [each[kind][1] for each in self.before]
            now = [each[kind][1] for each in self.meanwhile]
            found[kind] = {
                "usual_ms": round(median(usual), 1),
                "meanwhile_ms": round(median(now), 1),
                "slowest_ms": round(max(now), 1),
                "times": round(median(now) / median(usual), 2),
                "within_twice": round(sum(t <= 2 * median(usual) for t in now) / len(now), 2),
                "answers": len(now),
            }
        return {
            **found,
            "attacker_saw": self.attacked,
            "memory_mb": [round(self.memory_before), round(self.memory_most)],
            "threads": self.threads_most,
            "load_average": [round(each, 1) for each in os.getloadavg()],
        }


def warm(url: str) -> None:
    """All threads and their connections to the database are there: they stay, whoever asks."""
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: httpx.get(f"{url}/pki/board", timeout=60), range(4 * THREADS)))


def rush(
    folder: Path, seconds: float, half: int = HALF, bodies: int = BODIES, rounds: int = 20
) -> Outcome:
    with founded(folder, None) as world, serving(world) as process:
        probe = Probe(world)
        devices = iter(probe.register(rounds * 6))
        before = [probe.once(next(devices)) for _ in range(rounds)]
        warm(world.provider.url)
        memory = process.memory
        attack = Attack(process.port, half, bodies, probe.form, probe.cookies)
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        attacker = context.Process(target=attacking, args=(attack, seconds, told))
        attacker.start()
        meanwhile, most, threads = [], memory, 0
        time.sleep(min(3.0, seconds / 4))  # until it is under way
        while attacker.is_alive() and told.empty():
            if (device := next(devices, None)) is None:
                break
            meanwhile.append(probe.once(device))
            most, threads = max(most, process.memory), max(threads, _threads(process))
        attacked = told.get()
        attacker.join()
        return Outcome(before, meanwhile, attacked, memory, most, threads)


def _threads(process: Measured) -> int:
    return len(list(Path(f"/proc/{process.process.pid}/task").iterdir()))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--half", type=int, default=HALF)
    parser.add_argument("--bodies", type=int, default=BODIES)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rounds = max(20, int(3 * chosen.seconds))
        outcome = rush(Path(folder), chosen.seconds, chosen.half, chosen.bodies, rounds)
    json.dump(outcome.told(), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
