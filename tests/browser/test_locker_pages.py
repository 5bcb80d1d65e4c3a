"""Documents in a browser: found, shared at 320 px by keyboard, printed, checked, taken back."""

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
from tests.support.lockers import Lockers, lockers

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Lockers, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    with lockers(settings, FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))) as city:
        config = uvicorn.Config(
            city.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the listener did not start"
            threading.Event().wait(0.02)
        yield city, url
        server.should_exit = True
        thread.join()


def test_a_document_is_found_shared_and_taken_back(
    served: tuple[Lockers, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    city, url = served
    page.set_viewport_size({"width": 320, "height": 640})

    def look() -> None:
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url

    citizen = city.citizen(city.people()[0], "first.citizen")
    city.program(city.office).make_out(citizen.id)
    asked = city.program(city.library).ask(citizen.id, return_to=None).json()
    for cookie in citizen.http.cookies.jar:
        page.context.add_cookies([{"name": cookie.name, "value": cookie.value, "url": url}])

    page.goto(f"{url}/account/documents")
    look()
    page.get_by_role("link", name="Look at the request").press("Enter")
    page.get_by_role("heading", name="Library asks you for documents").wait_for()
    look()
    page.get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.get_by_label("until I withdraw it").check()
    page.get_by_role("button", name="Share what I ticked").press("Enter")
    page.get_by_text("You shared what you picked").wait_for()
    look()
    library = city.program(city.library)
    (given,) = library.get(f"/documents/v1/requests/{asked['id']}").json()["documents"]
    assert library.get(given["uri"]).status_code == 200

    page.get_by_role("link", name="Certificate of residence").click()
    look()
    page.get_by_role("button", name="Make an address").click()
    page.get_by_text("It is shown to you this once").wait_for()
    look()
    address = page.locator("code.code").first.inner_text()
    page.get_by_role("link", name="Print with a code to check").click()
    look()
    assert page.locator(".qr svg").is_visible()
    page.goto(address)
    look()
    page.get_by_role("button", name="Open it").click()
    page.get_by_text("Long Street 1").wait_for()
    look()
    original = page.locator("details code").text_content()
    page.goto(f"{url}/check")
    look()
    page.get_by_label("A signed original").fill(original)
    page.get_by_role("button", name="Check", exact=True).click()
    page.get_by_text("genuine, and valid now").wait_for()
    look()

    page.goto(f"{url}/account/consents")
    page.get_by_role("button", name="Withdraw").click()
    page.goto(f"{url}/account/ledger")
    page.get_by_text("Library received: “Certificate of residence”.").wait_for()
    assert library.get(given["uri"]).json()["where"] == "withdrawn"
