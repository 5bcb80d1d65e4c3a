"""The fixtures themselves: own state for every test, a real PostgreSQL, a real browser."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from civitas.tour.deployments import Deployed
from foundation.database import Database
from foundation.runtime import Runtime
from tests.support.browser import VirtualAuthenticator


def test_the_runtime_stands_with_its_keys_bound_to_its_database(runtime: Runtime) -> None:
    runtime.keys.check()
    assert runtime.clock.now().isoformat() == "2026-03-02T09:00:00+00:00"


def test_a_database_of_either_kind_is_there_and_has_tables(any_database: Database) -> None:
    with any_database.read() as uow:
        assert uow.one(text("select count(*) from signing_keys")) == (0,)


def test_postgresql_is_a_real_server(any_database: Database) -> None:
    with any_database.read() as uow:
        asked = "select version()" if any_database.dialect == "postgresql" else "select 'SQLite'"
        found = uow.one(text(asked))
    assert found is not None
    assert found[0].startswith(("PostgreSQL", "SQLite"))


@pytest.mark.browser
def test_a_page_without_faults_passes_and_one_with_a_fault_does_not(
    page: Page, accessible: Callable[[Page], None]
) -> None:
    page.set_content(
        "<!doctype html><html lang=en><title>t</title><main><h1>Hello</h1></main></html>"
    )
    accessible(page)
    page.set_content(
        "<!doctype html><html lang=en><title>t</title><main><h1>H</h1><img src=x></main></html>"
    )
    with pytest.raises(AssertionError, match="image-alt"):
        accessible(page)


@pytest.mark.browser
def test_the_virtual_authenticator_begins_empty(authenticator: VirtualAuthenticator) -> None:
    assert authenticator.credentials() == []


def test_a_live_server_answers_over_http_and_tls(live_server: Deployed) -> None:
    assert httpx.get(f"{live_server.url}/healthz").json() == {"status": "alive"}
    # Its certificate is its own authority's, which only its devices trust.
    assert httpx.get(f"{live_server.tls_url}/healthz", verify=False).status_code == 200
