"""Who lost every means gets back in, and nobody in their place — NIST SP 800-63B §6.1.2.3."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.errors import Conflict, Forbidden
from idp.register import Evidence, Findings, Subject
from idp.register.recovery import open_of, recoveries
from idp.register.tables import persons
from tests.contract.login.test_public_log import form_of
from tests.support.sign_in import NAME, OFFICER, PASSWORD, Browser, SignInDesk

DAY = timedelta(days=1)
PRINTER, COLLEAGUE = Actor("staff", "stf_printer"), Actor("staff", "stf_colleague")
NUMBER, BORN = "AB123456", {"day": "17", "month": "5", "year": "1990"}
NEW_PASSWORD = "harbour walnut copper tide"


def ask(desk: SignInDesk, named: str = NUMBER, **born: str) -> Any:
    """From a browser that nobody knows; what follows is done beside the answer."""
    answer = desk.browser("198.51.100.7").post("/lost", named=named, **{**BORN, **born})
    desk.runtime.jobs.run_once()
    return answer


def printed(desk: SignInDesk) -> list[str]:
    """The codes of the next file for the printing house."""
    try:
        _, made = desk.register.letters.make("json", False, PRINTER, desk.runtime.clock.now())
    except Conflict:
        return []
    return [one.issued.code for one in made]


def person_of(browser: Browser) -> str:
    person: str = browser.whoami()["id"]
    return person


def told(desk: SignInDesk, person: str) -> list[str]:
    with desk.runtime.database.read() as uow:
        unseen = desk.register.notices.unseen(uow, Subject("citizen", person))
    return [notice.kind for notice in reversed(unseen)]


def reasons(desk: SignInDesk, person: str) -> list[str]:
    return [d["reason"] for kind, d in desk.events(person) if kind == "recovery.asked"]


def level(desk: SignInDesk, person: str) -> int:
    with desk.runtime.database.read() as uow:
        found = desk.register.person(uow, person)
    assert found is not None
    return found.level


def seen_at_desk(desk: SignInDesk, person: str, at: int = 2) -> None:
    """An officer saw the person face to face, a second one where the level wants it."""
    evidence = [Evidence("passport", "passport-authority", "presented-in-person", "", True, True)]
    if at > 2:
        evidence.append(Evidence("bank-statement", "bank", "register-query", "", True, True))
    now, proofing = desk.runtime.clock.now(), desk.register.proofing
    with desk.runtime.database.write() as uow:
        findings = Findings(at, tuple(evidence), contact_exercised=True)
        decision = proofing.reproof(uow, person, "2026-01", findings, COLLEAGUE, "1", now)
        if at > 2:
            proofing.confirm(uow, decision.id, Actor("staff", "stf_second"), True, now)


def ask_at_desk(desk: SignInDesk, person: str) -> str:
    with desk.runtime.database.write() as uow:
        now = desk.runtime.clock.now()
        return desk.register.recoveries.ask(uow, person, COLLEAGUE, "Lost the phone", now).way


@pytest.mark.row("assurance", "CM-9")
@pytest.mark.row("failures", "4")
def test_who_lost_everything_is_back_by_a_letter_after_the_delay(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    before = desk.citizen()
    before.add_passkey()
    person = person_of(before)
    assert ask(desk).status_code == 303
    assert told(desk, person)[-1:] == ["recovery.asked"]
    clock.advance(desk.register.recoveries.delay - timedelta(seconds=1))
    assert printed(desk) == [], "no code comes to exist before"
    clock.advance(timedelta(seconds=1))
    (code,) = printed(desk)
    back = desk.browser()
    back.post("/activate", code=code)
    assert NAME in back.get("/activate/set-up").text, "the sign-in name is told to who has the code"
    back.activate(code, NAME, NEW_PASSWORD)
    assert person_of(back) == person, "the same identity"
    assert told(desk, person)[-1] == "identity.recovered"
    assert [k for k, _ in desk.events(person)].count("register.recover") == 1


@pytest.mark.row("failures", "4")
def test_every_means_and_session_of_before_ends_with_the_code(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    before = desk.citizen()
    passkey = before.add_passkey()
    person = person_of(before)
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    (code,) = printed(desk)
    elsewhere = desk.browser()
    elsewhere.use(passkey)
    desk.browser().activate(code, "anna.anew", NEW_PASSWORD)
    assert elsewhere.whoami() is None
    assert desk.browser().sign_in(NAME, PASSWORD).status_code == 422
    assert desk.browser().sign_in("anna.anew", PASSWORD).status_code == 422
    assert desk.browser().use(passkey).status_code == 422
    ended = [d["kind"] for k, d in desk.events(person) if k == "credential.ended"]
    assert sorted(ended) == ["passkey", "password"]
    # The name of before is free again, and the code opens nothing any more.
    assert desk.login.directory.of_name(NAME) is None
    assert desk.browser().post("/activate", code=code).status_code == 410


@pytest.mark.row("failures", "4")
def test_any_means_that_somebody_holds_stops_the_letter(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    (code,) = printed(desk)
    opened = desk.browser()
    assert opened.post("/activate", code=code).status_code == 303
    with desk.runtime.database.write() as uow:
        assert desk.register.recoveries.stop(uow, person, Actor("citizen", person), clock.now())
    chosen = {"name": NAME, "password": NEW_PASSWORD, "repeated": NEW_PASSWORD}
    late = opened.post("/activate/set-up", form="/activate", **chosen)
    assert late.headers["location"] == "/activate"
    assert desk.browser().post("/activate", code=code).status_code == 410
    assert told(desk, person)[-1] == "recovery.stopped"
    # Whoever asked does not ask again and again.
    ask(desk)
    assert reasons(desk, person)[-1].startswith("A letter was stopped lately")
    clock.advance(31 * DAY)
    ask(desk)
    assert reasons(desk, person)[-1].startswith("The letter is made when")


def test_a_stop_in_the_moment_of_the_code_wins_or_comes_too_late(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    """The code was opened before the stop, and is redeemed after it: nothing of it is kept."""
    person = person_of(desk.citizen())
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    printed(desk)
    with desk.runtime.database.write() as uow:
        uow.execute(update(recoveries).values(state="stopped", ended_at=clock.now()))
    with pytest.raises(Exception, match="no longer works"), desk.runtime.database.write() as uow:
        desk.register.activate(uow, person, clock.now())


@pytest.mark.parametrize(
    "wrong",
    [
        {"named": "ZZ999999"},
        {"named": "nobody.at.all"},
        {"year": "1991"},
        {"day": "18"},
        {"day": "", "month": ""},
    ],
)
def test_whoever_is_wrong_is_answered_the_same_and_nothing_follows(
    desk: SignInDesk, clock: FrozenClock, wrong: dict[str, str]
) -> None:
    person = person_of(desk.citizen())
    right, mistaken = ask(desk), ask(desk, **wrong)
    assert (right.status_code, right.headers["location"], right.content) == (
        mistaken.status_code,
        mistaken.headers["location"],
        mistaken.content,
    )
    assert reasons(desk, person) == ["The letter is made when the delay is over."]


@pytest.mark.row("failures", "21")
def test_the_public_log_looks_the_same_whoever_was_asked_about(desk: SignInDesk) -> None:
    desk.citizen()
    start = [form_of(desk, lambda n=n: ask(desk, n)) for n in (NUMBER, NUMBER, "ZZ999999", NAME)]
    assert start[0] == start[1] == start[2] == start[3]
    assert [kind for kind, *_ in start[0]] == ["recovery.asked"]


def test_it_is_asked_for_by_the_sign_in_name_as_well(desk: SignInDesk) -> None:
    person = person_of(desk.citizen())
    ask(desk, f" {NAME.upper()} ")
    assert len(reasons(desk, person)) == 1


@pytest.mark.row("failures", "21")
def test_the_answer_waits_for_nothing_that_hangs_on_the_person(desk: SignInDesk) -> None:
    person = person_of(desk.citizen())
    desk.browser().post("/lost", named=NUMBER, **BORN)
    with desk.runtime.database.read() as uow:
        assert open_of(uow, person) is None
    desk.runtime.jobs.run_once()
    with desk.runtime.database.read() as uow:
        assert open_of(uow, person) is not None


def test_one_address_asks_a_few_times_whoever_it_names(desk: SignInDesk) -> None:
    browser = desk.browser("198.51.100.9")
    most = desk.login.settings.lost_requests
    given = [browser.post("/lost", named=f"ZZ{n:06}", **BORN).status_code for n in range(most + 1)]
    assert given == [303] * most + [429]


def test_asked_twice_one_letter_goes_and_another_when_the_first_is_long_gone(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    (first,) = printed(desk)
    ask(desk)
    assert printed(desk) == []
    clock.advance(14 * DAY)
    ask(desk)
    (second,) = printed(desk)
    assert desk.browser().post("/activate", code=first).status_code == 410, "an older letter"
    desk.browser().activate(second, NAME, NEW_PASSWORD)
    assert sorted(text.split(",")[0] for text in reasons(desk, person)) == [
        "A letter is on its way already",
        "A letter is on its way already",
        "The letter before did not arrive",
        "The letter is made when the delay is over.",
    ]


@pytest.mark.row("assurance", "EN-5")
def test_a_letter_alone_leaves_no_more_than_it_proves(desk: SignInDesk, clock: FrozenClock) -> None:
    person = person_of(desk.citizen(level=3))
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    (code,) = printed(desk)
    back = desk.browser()
    back.activate(code, NAME, NEW_PASSWORD)
    passkey = back.add_passkey()
    again = desk.browser()
    again.use(passkey)
    assert (again.whoami()["level"], level(desk, person)) == (2, 2)
    seen_at_desk(desk, person, 3)
    third = desk.browser()
    third.use(passkey)
    assert (third.whoami()["level"], level(desk, person)) == (3, 3), "the desk confirmed"


@pytest.mark.row("assurance", "EN-5")
@pytest.mark.parametrize("at", [2, 3])
def test_who_was_seen_at_the_desk_has_a_letter_at_once_and_keeps_the_level(
    desk: SignInDesk, clock: FrozenClock, at: int
) -> None:
    person = person_of(desk.citizen(level=at))
    seen_at_desk(desk, person, at)
    assert ask_at_desk(desk, person) == "desk"
    (code,) = printed(desk)
    desk.browser().activate(code, NAME, NEW_PASSWORD)
    assert level(desk, person) == at


@pytest.mark.row("assurance", "EN-5")
def test_an_officer_who_did_not_see_the_person_at_their_level_waits_like_anybody(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen(level=3))
    seen_at_desk(desk, person, 2)
    assert ask_at_desk(desk, person) == "post"
    assert printed(desk) == []
    seen_at_desk(desk, person, 3)
    assert ask_at_desk(desk, person) == "desk", "seen meanwhile: the letter need not wait"
    assert len(printed(desk)) == 1


def test_a_look_of_the_day_before_yesterday_counts_no_more(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen())
    seen_at_desk(desk, person)
    clock.advance(DAY)
    assert ask_at_desk(desk, person) == "post"


def test_a_look_before_the_person_last_came_in_counts_no_more(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen())
    seen_at_desk(desk, person)
    ask_at_desk(desk, person)
    (code,) = printed(desk)
    clock.advance(timedelta(hours=1))
    desk.browser().activate(code, NAME, NEW_PASSWORD)
    assert ask_at_desk(desk, person) == "post"


def test_a_new_address_begins_the_delay_again(desk: SignInDesk, clock: FrozenClock) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    clock.advance(6 * DAY)
    with desk.runtime.database.read() as uow:
        moved = replace(desk.register.profile(uow, person), street_address="Elsewhere 1")
    with desk.runtime.database.write() as uow:
        made = desk.register.corrections.make(
            uow, person, moved, "civil-register", "They moved", OFFICER, clock.now()
        )
        if made.state == "waiting":
            desk.register.corrections.confirm(uow, made.id, COLLEAGUE, True, clock.now())
    clock.advance(6 * DAY)
    assert printed(desk) == []
    clock.advance(DAY)
    assert len(printed(desk)) == 1


@pytest.mark.row("assurance", "CM-5")
def test_a_letter_back_in_is_not_asked_for_by_who_alone_wrote_its_address(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    person = person_of(desk.citizen())
    seen_at_desk(desk, person)
    with desk.runtime.database.read() as uow:
        moved = replace(desk.register.profile(uow, person), street_address="Elsewhere 1")
    with desk.runtime.database.write() as uow:
        desk.register.corrections.make(
            uow, person, moved, "civil-register", "They moved", COLLEAGUE, clock.now()
        )
    with pytest.raises(Forbidden, match="corrected this address yourself"):
        ask_at_desk(desk, person)
    with desk.runtime.database.write() as uow:
        made = desk.register.recoveries.ask(uow, person, OFFICER, "Lost it", clock.now())
    assert made.way == "desk"


@pytest.mark.row("failures", "4")
@pytest.mark.parametrize("step", ["suspend", "archive"])
def test_who_is_suspended_or_archived_has_no_way_back_but_the_office(
    desk: SignInDesk, clock: FrozenClock, step: str
) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    clock.advance(desk.register.recoveries.delay)
    (code,) = printed(desk)
    getattr(desk.life, step)(person, OFFICER, "It was asked for", clock.now())
    assert desk.browser().post("/activate", code=code).status_code == 410
    ask(desk)
    assert reasons(desk, person)[-1].startswith("This identity is not active")
    with pytest.raises(Conflict, match="a letter back in is for one that is active"):
        ask_at_desk(desk, person)


def test_who_was_erased_is_nobody(desk: SignInDesk, clock: FrozenClock) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    desk.life.archive(person, OFFICER, "Moved away", clock.now())
    clock.advance(timedelta(days=3651))
    assert desk.life.delete_due(clock.now()) == 1
    assert ask(desk).status_code == 303
    assert desk.register.recoveries.sweep(clock.now()) is None


def test_a_first_letter_that_was_lost_is_made_anew_without_a_delay(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.enrol()
    with desk.runtime.database.read() as uow:
        person = str(uow.one(persons.select()).id)
    ask(desk)
    assert reasons(desk, person)[-1].startswith("No letter was made for this identity before")
    with desk.runtime.database.write() as uow:
        desk.register.letters.ask(uow, person, COLLEAGUE, clock.now())
    printed(desk)
    clock.advance(13 * DAY)
    ask(desk)
    assert printed(desk) == []
    clock.advance(DAY)
    ask(desk)
    (code,) = printed(desk)
    desk.browser().activate(code)


@pytest.mark.row("failures", "18")
def test_what_was_asked_while_the_clock_was_ahead_begins_its_delay_now(
    desk: SignInDesk, clock: FrozenClock
) -> None:
    desk.citizen()
    clock.advance(100 * DAY)
    ask(desk)
    clock.advance(-100 * DAY)
    desk.register.recoveries.sweep(clock.now())
    clock.advance(desk.register.recoveries.delay)
    assert len(printed(desk)) == 1


def test_nobody_uses_it_and_it_ends(desk: SignInDesk, clock: FrozenClock) -> None:
    person = person_of(desk.citizen())
    ask(desk)
    clock.advance(desk.register.recoveries.delay + 60 * DAY)
    assert printed(desk) == []
    desk.register.recoveries.sweep(clock.now())
    ask(desk)
    assert reasons(desk, person)[-1].startswith("The letter is made when")
