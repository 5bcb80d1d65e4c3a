"""The story, told by nodes whose clocks differ, and where the clock was a year ahead."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from civitas.tour.deployments import Deployed
from civitas.tour.steps import STEPS
from civitas.tour.story import tell
from civitas.tour.world import World
from tests.support.clocks import relay, wrong_clock
from tests.support.deployments import ROOT, free_port
from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NONSENSE = {"grant_type": "client_credentials"}


def serve(deployed: Deployed, stack: ExitStack, environment: dict[str, str]) -> None:
    """One more `civitas serve` of a deployment, until the stack closes."""
    log = stack.enter_context((deployed.folder / "node.log").open("ab"))
    process = subprocess.Popen(
        [sys.executable, "-m", "civitas", "serve", "--config", str(deployed.config)],
        env={**os.environ, **environment}, stdout=log, stderr=log, cwd=ROOT,
    )  # fmt: skip
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)


def eventually(what: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.5)


def ready(url: str) -> Any:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).json()
    except httpx.TransportError:
        return {}


@pytest.fixture
def apart(postgresql_server: PostgreSQL, tmp_path: Path) -> Iterator[World]:
    """A provider of two nodes, one ten minutes ahead of the other; requests go to them in turn."""
    with ExitStack() as stack:
        world = World(tmp_path, stack.enter_context(postgresql_server.database()))
        stack.callback(world.close)
        deployed = world.city.found("provider", title="Tallinn", city="Tallinn", country="EE")
        plain, secure = [], []
        for offset in ("+0", "+10m"):
            port, tls_port = free_port(), free_port()
            environment = {
                **wrong_clock(offset),
                "CIVITAS_SERVER__LISTEN": f"127.0.0.1:{port}",
                "CIVITAS_SERVER__TLS_LISTEN": f"127.0.0.1:{tls_port}",
            }
            serve(deployed, stack, environment)
            eventually(lambda at=port: ready(f"http://localhost:{at}") != {}, 60)  # type: ignore[misc]
            plain.append(port)
            secure.append(tls_port)
        for url, nodes in ((deployed.url, plain), (deployed.tls_url, secure)):
            stack.enter_context(relay(httpx.URL(url).port or 0, nodes))
        world.__dict__["provider"] = deployed
        world.__dict__["nodes"] = plain
        yield world


def test_two_nodes_whose_clocks_are_ten_minutes_apart_tell_the_whole_story(apart: World) -> None:
    outcomes = list(tell(apart, STEPS))
    assert [outcome for outcome in outcomes if not outcome.ok] == []
    # Both are ready, and the one whose clock is wrong says so.
    ahead = [ready(f"http://localhost:{port}") for port in apart.__dict__["nodes"]]
    assert [said["status"] for said in ahead] == ["ready", "ready"]
    assert abs(ahead[0]["clock_ahead_seconds"]) < 5
    assert abs(ahead[1]["clock_ahead_seconds"] - 600) < 5


def test_a_deployment_whose_clock_was_a_year_ahead_is_well_within_a_minute_of_the_right_time(
    tmp_path: Path,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    with ExitStack() as stack:
        # The operator's commands run on the same machine, so by the same clock.
        machine = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in wrong_clock(clock).items():
            machine.setenv(name, value)
        world = World(tmp_path / "city")
        stack.callback(world.close)
        deployed = world.provider
        right = served_certificate(deployed)

        clock.write_text("+365d")
        then = served_certificate(deployed, unlike=right)
        assert then.not_valid_before_utc > datetime.now(UTC) + timedelta(days=300)
        World.staff(world, deployed, "officer")
        for _ in range(30):
            httpx.post(f"{deployed.url}/oauth/token", auth=("nobody", "x"), data=NONSENSE)
        assert httpx.get(f"{deployed.url}/pki/crl/devices").status_code == 200

        clock.write_text("+0")
        eventually(lambda: is_well(deployed), 60)
        outcomes = list(tell(world, STEPS[:-1]))
        assert [outcome for outcome in outcomes if not outcome.ok] == []


def served_certificate(
    deployed: Deployed, unlike: x509.Certificate | None = None
) -> x509.Certificate:
    """What the TLS listener shows; with `unlike`, as soon as it is another one."""
    address = httpx.URL(deployed.tls_url)

    def shown() -> x509.Certificate:
        pem = ssl.get_server_certificate((address.host, address.port or 0))
        return x509.load_pem_x509_certificate(pem.encode())

    if unlike is not None:
        eventually(lambda: shown() != unlike, 60)
    return shown()


def is_well(deployed: Deployed) -> bool:
    now = datetime.now(UTC)
    shown = served_certificate(deployed)
    crl = x509.load_der_x509_crl(httpx.get(f"{deployed.url}/pki/crl/devices").content)
    return (
        ready(deployed.url).get("status") == "ready"
        and shown.not_valid_before_utc <= now < shown.not_valid_after_utc
        and crl.last_update_utc <= now
    )
