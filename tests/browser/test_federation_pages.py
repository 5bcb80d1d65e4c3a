"""The regulator's console, the public register and the choice of provider, in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.routing import Route

from foundation.clock import FrozenClock
from foundation.pages import routes_of as page_routes
from foundation.web import Principal
from tests.support.deployments import free_port
from tests.support.federation import (
    BROKER,
    OFFICER,
    PROVIDER,
    SECOND_PROVIDER,
    City,
    Member,
)
from tests.support.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@contextmanager
def listening(member: Member) -> Iterator[str]:
    """The member's application on a port of its own, with the style sheet."""
    app: Any = member.browser.app
    for route in page_routes(member.runtime.pages):
        app.router.routes.append(Route(route.path, route.endpoint, methods=list(route.methods)))
    port = free_port()
    with serving(app, port, lifespan="off"):
        yield f"http://localhost:{port}"


@pytest.fixture
def regulated(tmp_path: Path, clock: FrozenClock) -> Iterator[City]:
    city = City(tmp_path, clock)
    yield city
    city.close()


@pytest.mark.parametrize("width", [320, 1200])
def test_console_and_register_can_be_used_by_everybody(
    regulated: City, page: Page, accessible: Callable[[Page], None], width: int
) -> None:
    regulator = regulated.regulator()
    regulated.provider()
    regulated.provider(SECOND_PROVIDER)
    regulator.federation.accreditation.accredit(PROVIDER, 2, OFFICER, "audit 7 of 2026")
    regulator.sign_in(Principal("staff", OFFICER, frozenset({"regulator"})))
    page.set_viewport_size({"width": width, "height": 900})
    with listening(regulator) as url:
        for path in ("/register-of-providers", "/regulator/completion", "/regulator"):
            page.goto(url + path)
            accessible(page)
            assert not page.evaluate(OVERFLOWS)
        page.get_by_role("link", name="The provider 9201").click()
        accessible(page)
        assert not page.evaluate(OVERFLOWS)


@pytest.mark.parametrize("width", [320, 1200])
def test_the_choice_can_be_made_by_keyboard_alone(
    regulated: City, page: Page, accessible: Callable[[Page], None], width: int
) -> None:
    regulator = regulated.regulator()
    for address in (PROVIDER, SECOND_PROVIDER):
        provider = regulated.provider(address)
        regulator.federation.accreditation.accredit(address, 2, OFFICER)
        provider.member.federation.own_marks.renew()
    member, _ = regulated.broker()
    regulator.federation.accreditation.accredit(BROKER, None, OFFICER)
    page.set_viewport_size({"width": width, "height": 900})
    with listening(member) as url:
        page.goto(url + "/service?level=2")
        accessible(page)
        assert not page.evaluate(OVERFLOWS)
        reached = set()
        for _ in range(20):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.name || ''"))
        assert {"provider", "remember"} <= reached
        page.goto(url + "/")
        accessible(page)
