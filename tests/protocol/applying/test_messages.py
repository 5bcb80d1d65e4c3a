"""What applicants get by e-mail: a code for the address, and where their application is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.register import NoticeSettings
from tests.support import mail_server
from tests.support.applying import agree, apply, enrolled_at_desk, fill, save
from tests.support.city import City
from tests.support.mail_server import MailServer

LEIDA = "leida@mail.example"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server.running() as server:
        yield server


@pytest.fixture
def city(settings: Settings, clock: FrozenClock, mail: MailServer) -> Iterator[City]:
    sending = NoticeSettings(
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        smtp_security="none",
        sender="identity@city.example",
        letters=True,
    )
    made = City(settings.with_sections(sending), clock)
    yield made
    made.close()


def code_in(city: City, mail: MailServer) -> str:
    city.runtime.jobs.run_once()
    address, message = mail.taken[-1]
    assert address == LEIDA
    found = re.search(r"Your code is ([0-9A-Z]{4}-[0-9A-Z]{4})", message.get_content())
    assert found is not None
    assert found[1] not in str(message["Subject"]), "a locked screen shows it"
    return found[1]


@pytest.mark.row("assurance", "EN-5")
def test_a_confirmed_address_is_told_of_each_change_and_the_proofing_officer_of_it(
    city: City, mail: MailServer
) -> None:
    visitor = city.browser()
    fill(visitor, email=LEIDA)
    code = code_in(city, mail)
    wrong = visitor.post("/apply/contact", "/apply/contact", code="AAAA-AAAA")
    assert wrong.status_code == 422
    right = visitor.post("/apply/contact", "/apply/contact", code=code.lower())
    assert right.headers["location"] == "/apply/way"
    assert "confirmed" in visitor.get("/apply/check").text
    visitor.post("/apply/send", "/apply/check")
    officer = city.staff()
    number = re.search(r"<dd><code>([0-9A-Z-]+)</code>", visitor.get("/apply/status").text)
    assert number is not None
    case = f"/desk/applications/{number[1]}"
    officer.post(f"{case}/take", case)
    officer.post(f"{case}/ask", case, question="Which house?")
    visitor.post("/apply/answer", "/apply/status", said="The green one.")
    made = enrolled_at_desk(officer, number[1])
    city.runtime.jobs.run_once()
    told = [message.get_content() for address, message in mail.taken if address == LEIDA]
    assert len(told) == 4
    for sentence in ("was sent", "has a question", "goes on with it"):
        assert any(sentence in text and number[1] in text for text in told), sentence
    assert not any("Which house" in text or "Tamm" in text for text in told)
    person = made.headers["location"].partition("?")[0]
    assert "A code came back from this person’s e-mail address" in officer.get(person).text


def test_an_address_that_did_not_answer_is_told_nothing_more(city: City, mail: MailServer) -> None:
    visitor = city.browser()
    apply(visitor, email=LEIDA)
    city.runtime.jobs.run_once()
    assert len(mail.taken) == 1, "the code alone"
    assert "confirmed" not in visitor.get("/apply/status").text


def test_saved_once_more_no_second_code_leaves_and_another_address_needs_its_own(
    city: City, mail: MailServer
) -> None:
    visitor = city.browser()
    fill(visitor, email=LEIDA)
    home = {"locality": "Tallinn", "country": "EE", "street_address": "Lai 1"}
    assert save(visitor, "reach", **home, email=LEIDA).headers["location"] == "/apply/contact"
    code = code_in(city, mail)
    assert len(mail.taken) == 1
    visitor.post("/apply/contact", "/apply/contact", code=code)
    save(visitor, "reach", **home, email="other@mail.example")
    assert "confirmed" not in visitor.get("/apply/check").text
    old = visitor.post("/apply/contact", "/apply/contact", code=code)
    assert old.status_code == 422
    assert agree(visitor).status_code == 303


def test_what_no_server_takes_becomes_no_letter(city: City, mail: MailServer) -> None:
    mail.refuses = 550
    apply(city.browser(), email=LEIDA)
    city.runtime.jobs.run_once()
    assert mail.taken == []
    ids, _ = city.register.mailing.letters()
    assert ids == []
