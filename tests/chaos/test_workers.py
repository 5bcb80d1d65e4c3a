"""Two workers on one database: what works once works once, and a worker that dies takes nothing."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from civitas.tour.service import Service
from civitas.tour.steps.device import PKCS10, Device
from idp.oauth.tables import codes, grants, refresh_tokens
from pki.tables import certificates
from tests.chaos.acts import Revoking
from tests.chaos.conftest import Founded
from tests.chaos.doomed import Doomed
from tests.chaos.test_killed_processes import count

pytestmark = [pytest.mark.slow(minutes=2), pytest.mark.timeout(600)]
THREADS = 8


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def doomed(request: pytest.FixtureRequest, founded: Founded) -> Iterator[Doomed]:
    """One deployment with two workers, for the whole module."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CIVITAS_SERVER__WORKERS", "2")
        found = founded(request.param)
        wait_for(lambda: set(up(found)) == {"1", "2"} and all(up(found).values()))
        yield found


def wait_for(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def metrics(doomed: Doomed, name: str) -> list[tuple[dict[str, str], float]]:
    try:
        text = httpx.get(f"{doomed.server.url}/metrics", timeout=10).text
    except httpx.TransportError:
        return []
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def up(doomed: Doomed) -> dict[str, bool]:
    return {labels["worker"]: value == 1 for labels, value in metrics(doomed, "civitas_worker_up")}


def answered(doomed: Doomed, route: str) -> dict[str, float]:
    """How many requests each worker answered there."""
    found: dict[str, float] = {}
    for labels, value in metrics(doomed, "http_server_request_duration_seconds_count"):
        if labels["http_route"] == route:
            found[labels["worker"]] = found.get(labels["worker"], 0) + value
    return found


def workers_of(doomed: Doomed) -> list[int]:
    assert doomed.server.process is not None
    pid = doomed.server.process.pid
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def at_once(doomed: Doomed, act: Callable[[int], Any]) -> list[Any]:
    """What eight threads got that did the same at the same moment, on connections of their own."""
    begin = Barrier(THREADS)

    def one(number: int) -> Any:
        begin.wait()
        return act(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, range(THREADS)))


def again(service: Service) -> Service:
    """The same client on another machine: connections of its own."""
    issuer = service.metadata["issuer"]
    return Service(issuer, service.client_id, service.secret)


def test_both_workers_answer_and_their_metrics_are_told_apart(doomed: Doomed) -> None:
    for _ in range(40):  # each on a new connection
        assert httpx.get(f"{doomed.server.url}/healthz").status_code == 200
    told = answered(doomed, "/healthz")
    assert set(told) == {"1", "2"}
    assert sum(told.values()) >= 40
    assert min(told.values()) >= 5


def test_one_code_redeemed_by_eight_at_once_is_redeemed_once(doomed: Doomed) -> None:
    browser, _ = doomed.citizen()
    before = answered(doomed, "/oauth/token")
    each = [again(doomed.service) for _ in range(THREADS)]

    def redeem(number: int) -> dict[str, Any]:
        return each[number].redeem(kept["code"], kept["verifier"])

    for _ in range(5):
        kept = doomed.signed_in_to(browser)
        told = at_once(doomed, redeem)
        assert sum("access_token" in one for one in told) == 1, told
        assert {one["error"] for one in told if "error" in one} == {"invalid_grant"}
        with doomed.database.read() as uow:
            row = uow.one(select(codes).order_by(codes.c.issued_at.desc()).limit(1))
        assert row is not None
        assert (
            count(doomed.database, refresh_tokens, refresh_tokens.c.grant_id == row.grant_id) == 1
        )
        mine = grants.c.id == row.grant_id
        assert count(doomed.database, grants, mine, grants.c.state == "ended") == 1
    after = answered(doomed, "/oauth/token")
    assert all(after[worker] > before.get(worker, 0) for worker in ("1", "2"))
    doomed.verify_audit()


def test_one_token_of_a_device_used_by_eight_at_once_gives_one_certificate(doomed: Doomed) -> None:
    server = doomed.server
    added = doomed.world.run_json(
        server, "devices", "add", "--label", "Lamp", "--owner", "Street Lighting"
    )
    lamp = Device(server.folder, server, added["device_id"])
    (lamp.folder / "ca.pem").write_bytes(httpx.get(f"{server.url}/pki/ca.pem").content)
    requests = [lamp.request(f"{lamp.id}-{n}") for n in range(THREADS)]

    def enrol(number: int) -> httpx.Response:
        with lamp.client() as client:
            return client.post(
                "/.well-known/est/simpleenroll",
                content=requests[number], headers=PKCS10, auth=(lamp.id, added["token"]),
            )  # fmt: skip

    told = at_once(doomed, enrol)
    assert sum(one.status_code == 200 for one in told) == 1
    # Who came while another's was being signed may come again; none of them gets one either.
    assert all(one.status_code == 403 or "under way" in one.text for one in told if one.is_error)
    mine = certificates.c.holder == lamp.id
    assert count(doomed.database, certificates, mine) == 1
    doomed.verify_audit()


def test_a_killed_worker_takes_nothing_that_was_answered(doomed: Doomed) -> None:
    acts = Revoking(doomed.service)
    with acts.by(THREADS):
        acts.wait_for(40)
        dead, other = workers_of(doomed)
        os.kill(dead, signal.SIGKILL)
        began = time.monotonic()
        first = acts.wait_for(20)
        wait_for(lambda: len(workers_of(doomed)) == 2 and all(up(doomed).values()))
        whole = time.monotonic() - began
        acts.wait_for(20)
    said = f"twenty more answers {first:.1f} s after the kill, two workers after {whole:.1f} s\n"
    sys.stderr.write(said)
    assert acts.refused == []
    assert acts.not_found(doomed.database) == set()
    assert other in workers_of(doomed)
    assert dead not in workers_of(doomed)
    doomed.verify_audit()


def test_sigterm_ends_all_and_what_is_under_way_is_answered(doomed: Doomed) -> None:
    process, pids = doomed.server.process, workers_of(doomed)
    assert process is not None
    at = urlsplit(doomed.server.url)
    body = b"grant_type=client_credentials&scope=access:evaluate"
    with socket.create_connection((at.hostname, at.port), timeout=20) as there:
        head = (
            f"POST /oauth/token HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        there.sendall(head.encode() + body[:10])
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        there.sendall(body[10:])
        assert there.recv(12).startswith(b"HTTP/1.1 40")  # it names no client; but it is answered
    assert process.wait(20) == 0
    for pid in pids:
        assert not Path(f"/proc/{pid}").exists()
    doomed.server.start()
    doomed.verify_audit()
