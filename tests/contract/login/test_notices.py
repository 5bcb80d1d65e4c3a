"""What leaves for a person outside of their session — ISO/IEC 29115 CM-9, NIST 800-63B §4.6."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from foundation.settings import Settings
from idp.register import NoticeSettings, Profile, Register
from idp.register.tables import notices
from tests.support import deployments, mail_server
from tests.support.mail_server import MailServer
from tests.support.sign_in import OFFICER, SignInDesk, with_cheap_passwords

ADDRESS = "anna@mail.example"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server.running() as running:
        yield running


def desk_with(settings: Settings, clock: FrozenClock, notices: NoticeSettings) -> SignInDesk:
    return SignInDesk(
        deployments.build_runtime(with_cheap_passwords(settings).with_sections(notices), clock)
    )


@pytest.fixture
def desk(any_settings: Settings, clock: FrozenClock, server: MailServer) -> Iterator[SignInDesk]:
    by_mail = NoticeSettings(
        smtp_host="127.0.0.1",
        smtp_port=server.port,
        smtp_security="none",
        sender="identity@city.example",
        letters=True,
    )
    made = desk_with(any_settings, clock, by_mail)
    yield made
    made.runtime.close()


def correct(desk: SignInDesk, person: str, changed: Profile) -> None:
    now = desk.runtime.clock.now()
    with desk.runtime.database.write() as uow:
        desk.register.corrections.make(uow, person, changed, "self", "Moved.", OFFICER, now)


def give_address(desk: SignInDesk, person: str, address: str) -> None:
    with desk.runtime.database.read() as uow:
        known = desk.register.profile(uow, person)
    changed = replace(known, email=address, street_address="Pikk 1")
    correct(desk, person, changed)


@pytest.mark.row("assurance", "CM-9")
def test_a_change_reaches_the_address_in_the_register(desk: SignInDesk, server: MailServer) -> None:
    owner = desk.citizen()
    give_address(desk, owner.whoami()["id"], ADDRESS)
    desk.runtime.jobs.run_once()
    server.taken.clear()
    owner.add_passkey()
    desk.runtime.jobs.run_once()
    ((recipient, message),) = server.taken
    assert (recipient, message["To"]) == (ADDRESS, ADDRESS)
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "A way to sign in was added" in text
    assert "/account/credentials" in text
    assert "Anna" not in text, "an e-mail is read by many"
    desk.runtime.jobs.run_once()
    assert len(server.taken) == 1, "once"


def test_a_change_of_the_address_is_told_at_the_old_one_too(
    desk: SignInDesk, server: MailServer
) -> None:
    person = desk.citizen().whoami()["id"]
    give_address(desk, person, ADDRESS)
    desk.runtime.jobs.run_once()
    server.taken.clear()
    give_address(desk, person, "thief@mail.example")
    desk.runtime.jobs.run_once()
    assert {recipient for recipient, _ in server.taken} == {ADDRESS, "thief@mail.example"}
    for recipient, message in server.taken:
        assert message["To"] == recipient
        assert "Email address" in message.get_content()


def test_what_a_mail_server_never_takes_goes_by_letter_and_names_nobody_in_the_log(
    desk: SignInDesk, server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    owner = desk.citizen()
    give_address(desk, owner.whoami()["id"], ADDRESS)
    server.refuses = 451
    desk.runtime.jobs.run_once()
    assert ADDRESS not in caplog.text
    with desk.runtime.database.read() as uow:
        assert {row.channel for row in uow.all(select(notices.c.channel))} == {"account", "mail"}
    server.refuses = 550
    clock = desk.runtime.clock
    assert isinstance(clock, FrozenClock)
    clock.advance(timedelta(seconds=30))
    desk.runtime.jobs.run_once()
    ids, written = desk.register.mailing.letters()
    rows = list(csv.DictReader(io.StringIO(written.decode())))
    assert any("What the register knows of you was changed" in row["text"] for row in rows)
    assert {(row["name"], row["street_address"]) for row in rows} == {("Anna Tamm", "Pikk 1")}
    desk.register.mailing.posted(ids)
    assert desk.register.mailing.letters()[0] == []
    assert ADDRESS not in caplog.text


def test_no_cell_of_the_file_of_notices_is_a_formula(desk: SignInDesk) -> None:
    person = desk.citizen().whoami()["id"]
    with desk.runtime.database.read() as uow:
        known = desk.register.profile(uow, person)
    moved = replace(known, street_address="=HYPERLINK(1)")
    correct(desk, person, moved)
    _, written = desk.register.mailing.letters()
    rows = list(csv.DictReader(io.StringIO(written.decode())))
    assert {row["street_address"] for row in rows} == {"'=HYPERLINK(1)"}


def test_what_no_mail_server_took_in_a_day_goes_by_letter(
    desk: SignInDesk, server: MailServer, clock: FrozenClock
) -> None:
    person = desk.citizen().whoami()["id"]
    server.refuses = 451
    give_address(desk, person, ADDRESS)
    desk.runtime.jobs.run_once()
    clock.advance(timedelta(days=1, seconds=1))
    desk.register.notices.sweep(clock.now())
    assert len(desk.register.mailing.letters()[0]) == 1


def test_the_words_of_a_notice_are_sealed_and_go_with_the_person(desk: SignInDesk) -> None:
    owner = desk.citizen()
    person = owner.whoami()["id"]
    give_address(desk, person, ADDRESS)
    with desk.runtime.database.read() as uow:
        assert ADDRESS not in str([tuple(row) for row in uow.all(select(notices))])
    desk.runtime.vault.erase(person)
    desk.runtime.jobs.run_once()
    assert desk.register.mailing.letters()[0] == []


def test_without_a_channel_the_operator_is_told_at_start(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        Register(runtime).notices.say_where_they_go(runtime.clock.now())
    assert "smtp_host in [notices]" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_host": "mail.example"},
        {"smtp_host": "mail.example", "sender": "a@b.example", "smtp_user": "a"},
        {"smtp_host": "mail.example", "sender": "a@b.example", "smtp_security": "none"},
    ],
)
def test_a_contradiction_in_the_settings_stops_the_start(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NoticeSettings.model_validate(wrong)
