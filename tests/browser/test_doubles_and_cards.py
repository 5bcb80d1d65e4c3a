"""Records that look alike, and chip cards, in a real browser: 320 px, axe, a card's script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Server
from idp.login.authenticators.card_issuers import CardIssuers
from tests.support import deployments
from tests.support.cards import card_for, issuer_of, token_of
from tests.support.city import City, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PEOPLE = list(residents(3, 5, city="Tallinn", country="EE"))
ONE = PEOPLE[0]

# What the extension of Web eID does in a page: it hears, asks for the PIN, and answers.
EXTENSION = """
window.addEventListener("message", async (event) => {
  if (event.data?.action !== "web-eid:authenticate") return;
  window.postMessage({ action: "web-eid:authenticate-ack" }, "*");
  const token = await window.sign(event.data.challengeNonce);
  window.postMessage({ action: "web-eid:authenticate-success", ...token }, "*");
});
"""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[City, str]]:
    port = deployments.free_port()
    url = f"http://localhost:{port}"
    settings = deployments.settings_in(tmp_path, Server(url=url, listen=f"127.0.0.1:{port}"))
    city = City(settings, FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC)))
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
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
    city.close()


def as_visitor(page: Any, visitor: Visitor, url: str) -> None:
    """This browser has the cookies of somebody who is signed in."""
    page.context.clear_cookies()
    found = [{"name": c.name, "value": str(c.value), "url": url} for c in visitor.http.cookies.jar]
    page.context.add_cookies(found)


def fits(page: Any) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url


def test_two_officers_compare_two_records_on_a_narrow_screen(
    served: tuple[City, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    city, url = served
    first, second = city.staff(), city.staff(name="Sven Second")
    first.post(
        "/desk/enrol",
        "/desk/enrol",
        civil_number="48712030022",
        given_name=ONE["family_name"],
        family_name=ONE["given_name"],
        birthdate=ONE["birthdate"],
        locality="Tallinn",
        country="EE",
        evidence="passport:passport-authority",
        method="presented-in-person",
    )

    def look() -> None:
        fits(page)
        accessible(page)

    for officer, answer in ((first, "The same person"), (second, "I agree")):
        as_visitor(page, officer, url)
        page.goto(f"{url}/desk")
        look()
        page.get_by_role("link", name="Case of").first.click()
        look()
        page.get_by_role("button", name="Open both records").click()
        page.get_by_role("heading", name="The two records").wait_for()
        look()
        if officer is first:
            page.get_by_label("Reason").fill("One photograph, one signature.")
        page.get_by_role("button", name=answer).click()
        if officer is second:
            look()
            page.get_by_role("button", name="Yes, close the second record").click()
        page.wait_for_url("**/desk/persons/**")
        look()
    assert page.get_by_text("closed, as the second one").is_visible()


def test_a_card_is_added_and_signs_in_by_the_script_of_the_page(
    served: tuple[City, str], page: Any, accessible: Callable[[Any], None]
) -> None:
    city, url = served
    login, authority = city.deployment.parts["login"], city.deployment.parts["pki"]
    login.cards.issuers = CardIssuers([issuer_of(authority)])
    outside = city.browser()
    sent = {"Content-Type": "application/ocsp-request"}
    login.cards.ask_responder = lambda _, asked: bytes(
        outside.http.post("/pki/ocsp", content=asked, headers=sent).content
    )
    with city.runtime.database.read() as uow:
        person_id = str(city.register.by_civil_number(uow, ONE["civil_number"]))
    citizen = city.citizen(person_id, "some.citizen")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = card_for(authority, key, ONE["civil_number"])

    as_visitor(page, citizen, url)
    page.goto(f"{url}/account/credentials")
    fits(page)
    accessible(page)
    page.get_by_role("button", name="Add a chip card").click()
    page.get_by_text("This browser does not know chip cards").wait_for()

    page.expose_function("sign", lambda nonce: token_of(certificate, key, url, nonce))
    page.add_init_script(EXTENSION)
    page.goto(f"{url}/account/credentials")
    page.get_by_label("A name for this card").fill("Blue card")
    with page.expect_navigation():
        page.get_by_role("button", name="Add a chip card").click()
    page.goto(f"{url}/account/credentials")
    page.get_by_text("Blue card").first.wait_for()

    page.context.clear_cookies()
    page.goto(f"{url}/sign-in")
    fits(page)
    accessible(page)
    page.get_by_role("button", name="Sign in with a chip card").click()
    page.wait_for_url("**/account**")

    other = ec.generate_private_key(ec.SECP256R1())
    stranger = card_for(authority, other, PEOPLE[1]["civil_number"])
    certificate, key = stranger, other
    page.context.clear_cookies()
    page.goto(f"{url}/sign-in")
    page.get_by_role("button", name="Sign in with a chip card").click()
    page.get_by_text("This card is not bound to anybody here.").wait_for()
    accessible(page)
