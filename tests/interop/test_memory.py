"""Resident memory does not grow with the requests of strangers, whatever they invent."""

from __future__ import annotations

import http.client
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from civitas.tour.deployments import Deployed

WARM_UP, MORE, AT_ONCE = 4_000, 16_000, 4
NOISE = 12 * 1024
"""KiB; one remembered kilobyte a request would be more."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.row("failures", "15")
def test_memory_after_twenty_thousand_strange_requests_is_that_after_four_thousand(
    live_server: Deployed,
) -> None:
    assert live_server.process is not None
    status = Path(f"/proc/{live_server.process.pid}/status")
    ask(live_server, WARM_UP)
    before = resident(status)
    ask(live_server, MORE)
    assert resident(status) - before < NOISE


def ask(deployed: Deployed, requests: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for done in [
            threads.submit(strange, deployed, requests // AT_ONCE) for _ in range(AT_ONCE)
        ]:
            done.result()


def strange(deployed: Deployed, requests: int) -> None:
    """Requests of which no two have a client, a token, a cookie, a host or a path in common."""
    connection = http.client.HTTPConnection(urlsplit(deployed.url).netloc, timeout=60)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for number in range(requests):
        new = secrets.token_urlsafe(24)
        headers = {"Cookie": f"civitas-session={new}", "Host": f"{new}.example", "Origin": new}
        match number % 4:
            case 0:
                asked = urlencode({"client_id": new, "redirect_uri": f"https://{new}.example/"})
                connection.request("GET", f"/oauth/authorize?{asked}", headers=headers)
            case 1:
                body = urlencode({"grant_type": "client_credentials", "client_id": new})
                connection.request("POST", "/oauth/token", body, {**headers, **form})
            case 2:
                headers["Authorization"] = f"Bearer {new}"
                connection.request("GET", "/oauth/userinfo", headers=headers)
            case _:
                connection.request("GET", f"/{new}", headers={**headers, "Accept-Language": new})
        answer = connection.getresponse()
        answer.read()
        assert 400 <= answer.status < 500, answer.status


def resident(status: Path) -> int:
    """Resident memory in KiB."""
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS:"))
    return int(line.split()[1])
