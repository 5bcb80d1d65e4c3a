"""The database goes away in the middle and comes back: 503 meanwhile, then all as before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from civitas.tour.deployments import City, Deployed
from tests.support import postgresql
from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgreSQL]:
    """A PostgreSQL that nobody else uses: it is stopped and started."""
    with postgresql.running() as server:
        yield server


@pytest.fixture(scope="module")
def url(own_server: PostgreSQL) -> Iterator[str]:
    with own_server.database() as made:
        yield made


@pytest.fixture(scope="module")
def provider(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder: Path = tmp_path_factory.mktemp("provider")
    city = City(folder, url)
    try:
        deployed = city.found("provider")
        deployed.start()
        yield deployed
    finally:
        city.close()


ROUTES = (("GET", "/sign-in"), ("GET", "/oauth/jwks"), ("POST", "/oauth/token"), ("GET", "/desk"))


def ask(provider: Deployed, method: str, path: str) -> httpx.Response:
    data = {"grant_type": "client_credentials"} if method == "POST" else None
    return httpx.request(
        method, provider.url + path, data=data, auth=("nobody", "secret"), timeout=30
    )


def until_ready(provider: Deployed, status: int = 200) -> httpx.Response:
    deadline = time.monotonic() + 90
    while (answer := httpx.get(f"{provider.url}/readyz", timeout=30)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.3)
    return answer


def until_it_works(provider: Deployed) -> None:
    """Ready, and past the last pooled connection that the outage had broken."""
    until_ready(provider)
    statuses = [ask(provider, "POST", "/oauth/token").status_code for _ in range(12)]
    # 429: whoever keeps asking as nobody is told to wait, which needs the database as well.
    assert set(statuses) <= {401, 429, 503}
    assert set(statuses[-6:]) <= {401, 429}


def test_connections_that_are_cut_cost_at_most_a_503(
    provider: Deployed, own_server: PostgreSQL, url: str
) -> None:
    until_ready(provider)
    name = url.split("?")[0].rsplit("/", 1)[1]
    for _ in range(5):
        with psycopg.connect(
            own_server.url("postgres").replace("+psycopg", ""), autocommit=True
        ) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
            )
        for method, path in ROUTES:
            assert ask(provider, method, path).status_code in (200, 303, 401, 404, 503), path
    until_it_works(provider)
    assert provider.process is not None
    assert provider.process.poll() is None


def test_a_database_that_is_away_is_a_503_and_then_all_works_again(
    provider: Deployed, own_server: PostgreSQL
) -> None:
    until_ready(provider)
    own_server.stop()
    try:
        refused = ask(provider, "POST", "/oauth/token")
        assert refused.status_code == 503, refused.text
        assert refused.headers["retry-after"]
        assert "psycopg" not in refused.text
        assert httpx.get(f"{provider.url}/healthz", timeout=30).status_code == 200
        ready = until_ready(provider, 503)  # what was found a moment before is told that long
        assert ready.json()["database"] == "unreachable"
        page = httpx.get(f"{provider.url}/sign-in", headers={"Accept": "text/html"}, timeout=30)
        assert page.status_code < 500 or "Try again in a few seconds" in page.text
    finally:
        own_server.start()
    until_it_works(provider)
    provider.civitas("audit", "verify")
