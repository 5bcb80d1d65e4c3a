"""Fixtures for every kind of test: each test has its own clock, folder, database and ports."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, filterfalse, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foundation import algorithms
from foundation.clock import FrozenClock
from foundation.database import Database, DatabaseSettings
from foundation.runtime import Runtime, open_database
from foundation.settings import Settings
from tests.support import deployments
from tests.support.rsa_keys import DRAWER

if TYPE_CHECKING:
    # Imported by the fixtures that need them: most tests start without a browser's library.
    from playwright.sync_api import Browser, Page

    from civitas.tour.deployments import City, Deployed
    from tests.support.authorization_server import AuthorizationServer
    from tests.support.browser import VirtualAuthenticator
    from tests.support.postgresql import PostgreSQL


LONG = ("interop", "chaos", "browser")
"""Kinds of test that start processes and wait for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, dealt out: what is left for the end is short, and no worker waits for
    another. A worker begins with its part of the list, in one piece; a file stays in one."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = sorted(filter(_minutes, items), key=_minutes, reverse=True)
    parts = [slow[number::workers] for number in range(workers)]
    rest = [item for item in items if not _minutes(item)]
    files = groupby(filter(_is_long, rest), lambda item: item.path)
    for number, (_, file) in enumerate(files):
        parts[number % workers] += file
    short = filterfalse(_is_long, rest)
    for part in parts:
        part += islice(short, max(0, -(-len(items) // workers) - len(part)))
    items[:] = [*chain.from_iterable(parts), *short]


def _is_long(item: pytest.Item) -> bool:
    return item.path.relative_to(deployments.ROOT / "tests").parts[0] in LONG


def pytest_collection_finish() -> None:
    """7,500 tests stay until the end: nobody walks them again in search of garbage."""
    gc.collect()
    gc.freeze()


def _minutes(item: pytest.Item) -> float:
    slow = item.get_closest_marker("slow")
    return 0 if slow is None else slow.kwargs.get("minutes", 0.5)


@pytest.fixture(scope="session", autouse=True)
def _rsa_keys() -> None:
    setattr(algorithms, "rsa", DRAWER)  # noqa: B010 - a name that the module keeps to itself


@pytest.fixture
def clock() -> FrozenClock:
    """Stands at 2026-03-02T09:00Z until the test advances it."""
    return FrozenClock(deployments.START)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A provider on loopback, its state in the test's own folder."""
    return deployments.settings_in(tmp_path)


@pytest.fixture
def prepares() -> Sequence[deployments.Prepare]:
    """What is founded with the runtime; a folder whose tests all found the same says so here."""
    return ()


@pytest.fixture
def runtime(
    settings: Settings, clock: FrozenClock, prepares: Sequence[deployments.Prepare]
) -> Iterator[Runtime]:
    """The runtime on SQLite, with the tables of the packages that the test imports."""
    laid = deployments.ready_runtime(settings, clock, prepares)
    yield laid
    laid.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Gives another free port of 127.0.0.1 at each call."""
    return deployments.free_port


@pytest.fixture(autouse=deployments.in_token() is not None)
def _emptied_token() -> Iterator[None]:
    """One token for all tests of a process, empty for each: it gets slower with every object."""
    yield
    from tests.support import softhsm

    uri = deployments.in_token()
    assert uri is not None
    softhsm.empty(uri)


# --- databases -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    from tests.support import postgresql

    with postgresql.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgresql_server: PostgreSQL) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of the test's own."""
    with postgresql_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def any_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings on SQLite, then on PostgreSQL: what holds on one must hold on the other."""
    if request.param == "sqlite":
        return deployments.settings_in(tmp_path)
    url: str = request.getfixturevalue("postgres_url")
    return deployments.settings_in(tmp_path, DatabaseSettings(url=url))


@pytest.fixture
def any_database(any_settings: Settings) -> Iterator[Database]:
    """A database of either kind, with the tables of the packages that the test imports."""
    database = open_database(any_settings)
    deployments.make_tables(database)
    yield database
    database.close()


@pytest.fixture
def any_runtime(
    any_settings: Settings, clock: FrozenClock, prepares: Sequence[deployments.Prepare]
) -> Iterator[Runtime]:
    """The runtime on either kind of database."""
    laid = deployments.ready_runtime(any_settings, clock, prepares)
    yield laid
    laid.close()


@pytest.fixture
def authorization_server(runtime: Runtime) -> AuthorizationServer:
    """OAuth and OpenID Connect behind the real gate; who is there is a fake."""
    from tests.support.authorization_server import AuthorizationServer

    return AuthorizationServer(runtime)


@pytest.fixture
def any_authorization_server(any_runtime: Runtime) -> AuthorizationServer:
    """The same on either kind of database."""
    from tests.support.authorization_server import AuthorizationServer

    return AuthorizationServer(any_runtime)


# --- running deployments ---------------------------------------------------------------------


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """Makes deployments with `city.found(name, …)`; each runs from `.start()` to the test's end."""
    from civitas.tour.deployments import City

    made = City(tmp_path / "city")
    yield made
    made.close()


@pytest.fixture
def live_server(city: City) -> Deployed:
    """A provider in a process of its own, on free ports, over HTTP and TLS: `.url`, `.tls_url`."""
    deployed = city.found("provider")
    deployed.start()
    return deployed


# --- browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; one a module, for its event loop would bar others from theirs."""
    from tests.support.browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh profile; it waits ten seconds at most for anything."""
    context = browser.new_context(locale="en-GB", ignore_https_errors=True)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def authenticator(page: Page) -> VirtualAuthenticator:
    """A passkey authenticator inside the page's browser, its user present and verified."""
    from tests.support.browser import VirtualAuthenticator

    return VirtualAuthenticator(page)


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    """Fails when axe finds anything on the page."""
    from tests.support.browser import assert_accessible

    return assert_accessible
