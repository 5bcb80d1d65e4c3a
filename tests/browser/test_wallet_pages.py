"""The pages of wallets: into one, shown at a counter, ended; 320 px, keyboard, axe — WCAG 2.2."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from foundation.clock import FrozenClock
from foundation.settings import Server
from tests.support import deployments
from tests.support.holding import Counter, bind, choose
from tests.support.lockers import Lockers
from tests.support.wallets import Phone, citizen_of, wallets

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Lockers, Phone, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    with wallets(settings, FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))) as (city, wallet):
        config = uvicorn.Config(
            city.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the listener did not start"
            threading.Event().wait(0.02)
        yield city, Phone(city, wallet), url
        server.should_exit = True
        thread.join()


def test_a_person_takes_shows_and_ends_a_credential(
    served: tuple[Lockers, Phone, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    city, phone, url = served
    page.set_viewport_size({"width": 320, "height": 640})

    def look() -> None:
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url

    citizen = citizen_of(city)
    city.program(city.office).make_out(citizen.id)
    for cookie in citizen.http.cookies.jar:
        page.context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])

    page.goto(f"{url}/account/wallet")
    look()
    page.get_by_role("link", name="Put it into a wallet – Identity").press("Enter")
    look()
    for box in page.get_by_role("checkbox").all():
        box.focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Have it ready").press("Enter")
    page.get_by_role("heading", name="Ready for City Wallet").wait_for()
    look()
    assert page.locator(".qr svg").is_visible()
    assert phone.redeem(*phone.read(page.content())).status_code == 200
    copy = phone.ask().json()["credentials"][0]["credential"]

    pool = Counter(city)
    asked = pool.ask("age_over_18", return_to="https://pool.example/cb")
    page.goto(asked["url"])
    page.get_by_role("heading", name="Swimming pool asks to be shown something").wait_for()
    look()
    request = pool.request(asked)
    now = int(city.clock.now().timestamp())
    shown = bind(choose(copy, "age_over_18"), phone.keys[0], request, now)
    assert pool.post(request, {"c0": [shown]}).status_code == 200
    page.get_by_role("link", name="I have shown it: go on").press("Enter")
    page.get_by_text("It was shown.").wait_for()
    look()
    back = page.get_by_role("link", name="Go on to Swimming pool").get_attribute("href")
    assert pool.read(asked, back.rpartition("=")[2])["claims"] == {"c0": {"age_over_18": True}}

    page.goto(f"{url}/account/ledger")
    page.get_by_text("You showed Swimming pool of “Identity”: “Is over 18”.").wait_for()
    page.goto(f"{url}/account/wallet")
    look()
    page.get_by_role("button", name="End it").press("Enter")
    page.get_by_role("heading", name="Shall these copies end?").wait_for()
    look()
    page.get_by_role("button", name="End them").press("Enter")
    page.get_by_text("Nothing of yours.").wait_for()
