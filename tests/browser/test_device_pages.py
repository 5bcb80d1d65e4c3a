"""The operator's device pages in a real browser: by clicking, at 320 px, and axe finds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from foundation.runtime import Runtime
from foundation.settings import Server
from foundation.web import Principal
from tests.support import deployments
from tests.support.devices import Town, build_town, csr, found_city, new_key
from tests.support.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Any, clock: Any) -> Iterator[tuple[Town, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    runtime: Runtime = deployments.build_runtime(
        deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}")), clock
    )
    town = build_town(found_city(runtime))
    town.who["caller"] = Principal("staff", "stf_olga", roles=frozenset({"operator"}))
    with serving(town.app, port, lifespan="off", log_level="warning"):
        yield town, url
    runtime.close()


def test_the_operator_clicks_through_a_devices_life(
    served: tuple[Town, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    town, url = served
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{url}/devices")
    accessible(page)
    page.get_by_role("link", name="Register a device").click()
    accessible(page)
    page.get_by_label("What it is and where").fill("Lamp 114")
    page.get_by_label("Name of the organisation").fill("Street Lighting")
    page.get_by_role("button", name="Register").click()
    accessible(page)
    device_id = page.locator("#device-id").inner_text()
    token = page.locator("#token").inner_text()
    town.https.post(
        "/.well-known/est/simpleenroll",
        content=csr(new_key(), device_id),
        headers={"Content-Type": "application/pkcs10"},
        auth=(device_id, token),
    ).raise_for_status()
    page.get_by_role("link", name="Go to the device").click()
    accessible(page)
    for button, state in (("Suspend", "suspended"), ("Reactivate", "active")):
        page.get_by_label("Reason").fill("a test")
        page.get_by_role("button", name=button).click()
        assert page.locator("#state").inner_text().lower() == state
        accessible(page)
    waiting = town.city.register("Gate 7", profile="device-approved")
    page.goto(f"{url}/devices/{waiting.device.id}")
    accessible(page)
    page.get_by_label("What you checked").fill("seen on its pole")
    page.get_by_role("button", name="Approve").click()
    accessible(page)
    assert page.locator("#waits").count() == 0
    page.goto(f"{url}/devices")
    page.get_by_role("link", name="Lamp 114").click()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 320, "nothing scrolls sideways"


def test_the_operator_sees_the_years_ahead(
    served: tuple[Town, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    town, url = served
    for _ in range(3):
        town.city.enrolled()
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{url}/pki/board")
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_role("img", name="The years ahead").is_visible()
    page.get_by_text("As a table").click()
    assert page.get_by_role("cell", name="device", exact=True).is_visible()
    page.get_by_role("rowheader", name="devices-1").wait_for()


def test_the_operator_plans_runs_watches_and_undoes_a_change_over(
    served: tuple[Town, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    town, url = served
    for _ in range(3):
        town.city.enrolled()
    page.set_viewport_size({"width": 320, "height": 900})
    page.goto(f"{url}/devices")
    page.get_by_role("link", name="Moving to new certificates").click()
    accessible(page)
    page.get_by_label("Takes how many days").fill("a month")
    page.get_by_role("button", name="Plan").click()
    page.get_by_role("alert").wait_for()
    accessible(page)
    page.get_by_label("Takes how many days").fill("0")
    page.get_by_role("button", name="Plan").click()
    for button, state in (("Run", "running"), ("Pause", "paused"), ("Run", "running")):
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("heading", name=f"device → device-mldsa {state}").wait_for()
        accessible(page)
    assert page.get_by_text("0 of 3 devices have it; 3 may fetch it now.").is_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    accessible(page)
    old = page.context.new_page()
    old.goto(page.url)
    page.get_by_role("button", name="Undo").click()
    accessible(page)
    page.get_by_role("button", name="Yes, undo it").click()
    page.get_by_role("heading", name="undone").wait_for()
    old.get_by_role("button", name="Undo").click()  # a page that is not of now is told, and shown
    old.get_by_role("alert").wait_for()
    old.get_by_role("heading", name="undone").wait_for()
    accessible(old)
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
