"""A PDF asked for by a service, signed and checked in a browser, at 320 px and by keyboard."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from documents.signing import SigningSettings, container, prepare
from foundation.clock import FrozenClock, SystemClock
from foundation.settings import Server
from pki import TimeStampSettings
from tests.support import deployments
from tests.support.city import PASSWORD
from tests.support.pdfs import pdf
from tests.support.serving import serving
from tests.support.signing import FILES, NAME, SigningCity, in_container

pytestmark = pytest.mark.browser


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[SigningCity, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(
        tmp_path,
        Server(url=url, listen=f"127.0.0.1:{port}"),
        TimeStampSettings(clock="operator"),
        SigningSettings(least_level=2),
    )
    city = SigningCity(settings, FrozenClock(SystemClock().now()))
    with serving(city.app, port, lifespan="off"):
        yield city, url
    city.close()


def test_a_pdf_is_signed_and_checked_at_320_px_by_keyboard(
    served: tuple[SigningCity, str],
    page: Any,
    accessible: Callable[[Any], None],
    tmp_path: Path,
) -> None:
    city, url = served
    # A file is read by a process of its own, on a machine that has other things to do.
    page.set_default_timeout(60_000)
    page.set_viewport_size({"width": 320, "height": 640})
    city.citizen(city.persons[0], NAME)

    def look() -> None:
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url

    def reach(name: str) -> None:
        """By the keyboard alone: on from one to the next until it is this."""
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(f"{name} is not reached by the keyboard")

    prepared = prepare(pdf(), city.clock.now())
    digest = base64.b64encode(prepared.digest).decode()
    asked = city.service.ask(
        documents=[{"title": "Rental contract", "hash": digest}],
        form="pades",
        conformance_level="Ades-B-T",
        return_uri="",
    )
    path = f"{url}/sign/{asked['transaction']}"
    page.goto(path)
    sign_in(page)
    page.wait_for_url(path)
    page.get_by_role("heading", name="Rents asks you to sign").wait_for()
    look()
    # The number of a document stands inside of the card.
    card = page.locator("ol.card")
    padding = card.evaluate("e => parseFloat(getComputedStyle(e).paddingInlineStart)")
    assert padding >= 36
    assert page.get_by_text(" ".join(asked["words"][0])).is_visible()
    if page.get_by_role("button", name="Prove that it is you").count():
        reach("Prove that it is you")
        page.keyboard.press("Enter")
        sign_in(page)
        page.wait_for_url(path)
        look()
    # Closed between seeing and signing: nothing is signed, and nothing is half-signed.
    page.goto("about:blank")
    assert city.service.look(asked["transaction"])["state"] == "waiting"
    page.goto(path)
    reach("Sign")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="You have signed").wait_for()
    look()

    signed = prepared.with_signature(city.service.signature(asked["transaction"]))
    (tmp_path / "contract.pdf").write_bytes(signed)
    page.goto(f"{url}/verify")
    look()
    page.get_by_label("Signed file").set_input_files(tmp_path / "contract.pdf")
    reach("Check the signature")
    page.keyboard.press("Enter")
    page.get_by_text("It is good: nothing was changed").wait_for()
    assert page.get_by_text(city.signing.parties.name_of(city.persons[0])).is_visible()
    look()


def test_who_closes_the_page_has_signed_nothing_and_a_container_is_checked(
    served: tuple[SigningCity, str], page: Any, accessible: Callable[[Any], None], tmp_path: Path
) -> None:
    city, url = served
    # A file is read by a process of its own, on a machine that has other things to do.
    page.set_default_timeout(60_000)
    citizen = city.citizen(city.persons[0], NAME)
    whole = container(FILES, in_container(city, citizen))
    for name, content, said in (
        ("good.asice", whole, "It is good: nothing was changed"),
        ("bad.asice", whole[:-1], "This container is broken"),
    ):
        (tmp_path / name).write_bytes(content)
        page.goto(f"{url}/verify")
        page.get_by_label("Signed file").set_input_files(tmp_path / name)
        page.get_by_role("button", name="Check the signature").click()
        page.get_by_text(said).first.wait_for()
        accessible(page)
    asked = city.service.ask()
    page.goto(f"{url}/sign/{asked['transaction']}")
    sign_in(page)
    page.get_by_role("heading", name="Rents asks you to sign").wait_for()
    page.close()
    city.clock.advance(timedelta(minutes=16))
    assert city.service.look(asked["transaction"])["state"] == "expired"
    assert city.signing.settle(city.clock.now()) == 0
    assert city.kinds(citizen.id).count("signature.made") == 1


def sign_in(page: Any) -> None:
    page.get_by_label("Sign-in name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password", exact=True).press("Enter")
