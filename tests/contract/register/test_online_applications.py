"""An application online, from its first form to the register, on either kind of database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Conflict, NotFound, TooManyRequests
from foundation.runtime import Runtime
from idp.register import (
    AlreadyEnrolled,
    ApplicationSettings,
    Desk,
    Enrolled,
    Evidence,
    Findings,
    IdentityLife,
    Importer,
    OnlineApplications,
    Profile,
    Register,
)
from idp.register.applications import store
from idp.register.applications.access import Access
from idp.register.applications.application import REACH, SENT, WHO, Application
from idp.register.applications.applying import Elsewhere, NotOpen
from idp.register.applications.cases import NotYours
from idp.register.applications.sweeping import sweep
from idp.register.applications.tables import (
    contact_codes,
    online_applications,
    online_parts,
)
from idp.register.tables import applications as proofing_applications
from tests.contract.register.conftest import OFFICER, POLICY

SECOND = Actor("staff", "stf_second")
NETWORK = "198.51.100.7"
BORN = date(1990, 1, 1)
LEIDA = {
    "given_name": "Leida",
    "family_name": "Tamm",
    "birthdate": BORN.isoformat(),
    "civil_number": "49001012222",
}
HOME = {"locality": "Tallinn", "country": "EE", "email": "leida@mail.example"}
PROFILE = Profile(
    "49001012222", "Leida", "Tamm", BORN, locality="Tallinn", country="EE", email=HOME["email"]
)
SEEN = Findings(1, (Evidence("passport", "passport-authority", "presented-in-person"),))


@pytest.fixture
def online(any_runtime: Runtime) -> OnlineApplications:
    register = Register(any_runtime)
    life = IdentityLife(any_runtime, register.proofing, ends=())
    return OnlineApplications(
        any_runtime, Desk(any_runtime, register, life, Importer(any_runtime, register, life))
    )


def now_of(online: OnlineApplications) -> Any:
    return online.runtime.clock.now()


def begun(online: OnlineApplications, attempt: str = "one") -> Application:
    return online.applying.begin(f"apn_{attempt}", NETWORK, now_of(online))


def fresh(online: OnlineApplications, application: Application) -> Application:
    with online.runtime.database.read() as uow:
        return store.known(uow, application.id)


def filled(online: OnlineApplications, attempt: str = "one") -> Application:
    made, now = begun(online, attempt), now_of(online)
    online.applying.save(made, WHO, LEIDA, 0, now)
    online.applying.save(made, REACH, HOME, 0, now)
    online.applying.choose(made, "desk", now)
    online.applying.agree(made, POLICY, now)
    return fresh(online, made)


def sent(online: OnlineApplications, attempt: str = "one") -> Application:
    made = filled(online, attempt)
    assert online.applying.send(made, now_of(online))
    return fresh(online, made)


def enrol(
    online: OnlineApplications, application: Application, officer: Actor = OFFICER
) -> Enrolled:
    def also(uow: UnitOfWork, enrolled: Enrolled) -> None:
        pass

    return online.cases.enrol(application, PROFILE, SEEN, POLICY, officer, now_of(online), also)


def count(online: OnlineApplications, table: Any) -> int:
    with online.runtime.database.read() as uow:
        return int(uow.connection.scalar(select(func.count()).select_from(table)) or 0)


def kinds(online: OnlineApplications, application: Application) -> list[str]:
    return [e.kind for e in reversed(online.runtime.audit.ledger(application.id))]


@pytest.mark.row("assurance", "EN-1")
def test_an_application_records_who_began_it_and_what_they_agreed_to(online):
    application = sent(online)
    assert (application.terms_version, application.notice_version) == ("1", "1")
    assert application.policy_version == POLICY
    online.cases.take(application.number, OFFICER, now_of(online))
    enrolled = enrol(online, application)
    with online.runtime.database.read() as uow:
        row = uow.one(
            select(proofing_applications).where(
                proofing_applications.c.person_id == enrolled.person.id
            )
        )
    assert (row.started_by_kind, row.started_by) == ("citizen", application.id)
    assert (row.terms_version, row.policy_version) == ("1", POLICY)


def test_each_act_is_on_record(online):
    application, now = sent(online), now_of(online)
    online.cases.take(application.number, OFFICER, now)
    online.cases.ask(application.number, "Where were you born?", OFFICER, now)
    online.applying.answer(fresh(online, application), "In Tartu.", now)
    online.cases.take(application.number, SECOND, now)
    online.cases.refuse(application.number, "The papers are not yours.", SECOND, now)
    assert kinds(online, application) == [
        f"application.{what}"
        for what in ("begun", "sent", "taken", "asked", "answered", "taken", "refused")
    ]


@pytest.mark.row("assurance", "EN-9")
def test_no_identity_comes_of_it_but_by_an_officer_who_has_it(online):
    application = sent(online)
    with pytest.raises(NotYours):
        enrol(online, application)
    online.cases.take(application.number, SECOND, now_of(online))
    with pytest.raises(NotYours):
        enrol(online, application, OFFICER)
    online.runtime.clock.advance(online.cases.lease + timedelta(seconds=1))
    with pytest.raises(NotYours):
        enrol(online, application, SECOND)
    online.cases.take(application.number, OFFICER, now_of(online))
    enrolled = enrol(online, application)
    assert (enrolled.person.state, enrolled.person.level) == ("established", 1)
    with pytest.raises((NotYours, AlreadyEnrolled)):
        enrol(online, application)


@pytest.mark.row("failures", "12")
def test_of_two_officers_who_take_it_at_once_one_has_it(online):
    application = sent(online)

    def take(officer: Actor) -> str | None:
        try:
            online.cases.take(application.number, officer, now_of(online))
        except Conflict:
            return None
        return officer.id

    officers = [Actor("staff", f"stf_{n}") for n in range(6)]
    with ThreadPoolExecutor(6) as at_once:
        took = [one for one in at_once.map(take, officers) if one]
    assert len(took) == 1
    assert fresh(online, application).officer == took[0]


def test_the_same_form_sent_eight_times_begins_one(online):
    with ThreadPoolExecutor(8) as at_once:
        made = {one.id for one in at_once.map(lambda _: begun(online), range(8))}
    assert len(made) == 1
    assert count(online, online_applications) == 1
    assert begun(online, "another").id not in made


@pytest.mark.row("failures", "14")
def test_what_another_device_saved_is_not_overwritten_unseen(online):
    made, now = begun(online), now_of(online)
    online.applying.save(made, WHO, LEIDA, 0, now)
    online.applying.save(made, WHO, LEIDA, 0, now)  # sent twice
    other = {**LEIDA, "given_name": "Lea"}
    online.applying.save(made, WHO, other, 1, now)
    with pytest.raises(Elsewhere):
        online.applying.save(made, WHO, LEIDA, 1, now)
    with online.runtime.database.read() as uow:
        assert store.parts(uow, online.runtime.vault, made.id)[WHO]["given_name"] == "Lea"
    assert count(online, online_parts) == 1


def test_sending_twice_sends_once_and_nothing_is_changed_afterwards(online):
    application, now = sent(online), now_of(online)
    assert online.applying.send(application, now)
    assert kinds(online, application).count("application.sent") == 1
    with pytest.raises(NotOpen):
        online.applying.save(application, WHO, LEIDA, 1, now)
    with pytest.raises(NotOpen):
        online.applying.choose(application, "post", now)


def test_an_unfinished_one_is_not_sent_and_no_officer_finds_it(online):
    made, now = begun(online), now_of(online)
    online.applying.save(made, WHO, LEIDA, 0, now)
    assert not online.applying.send(made, now)
    with pytest.raises(NotFound), online.runtime.database.read() as uow:
        online.cases.find(uow, made.number, now)


@pytest.mark.row("failures", "20")
def test_one_that_was_withdrawn_is_gone_with_its_key_and_leads_nowhere(online):
    application, now = sent(online), now_of(online)
    online.cases.take(application.number, OFFICER, now)
    online.applying.withdraw(fresh(online, application), now)
    with pytest.raises(NotYours):
        enrol(online, application)
    assert not online.runtime.vault.known(application.id)
    assert count(online, online_applications) == count(online, online_parts) == 0
    assert online.applying.opened(Access(application.id, 1), now) is None
    with pytest.raises(NotOpen):  # an id never comes back
        begun(online)
    assert not online.runtime.vault.known(application.id)


@pytest.mark.row("assurance", "EN-9")
def test_withdrawn_while_an_officer_enrols_makes_no_identity(online):
    application, now = sent(online), now_of(online)
    online.cases.take(application.number, OFFICER, now)

    def withdrawn_meanwhile(uow: UnitOfWork, enrolled: Enrolled) -> None:
        mine = update(online_applications).where(online_applications.c.id == application.id)
        uow.execute(mine.values(state="withdrawn"))

    with pytest.raises(NotYours):
        online.cases.enrol(application, PROFILE, SEEN, POLICY, OFFICER, now, withdrawn_meanwhile)
    with online.runtime.database.read() as uow:
        assert online.register.by_civil_number(uow, LEIDA["civil_number"]) is None


@pytest.mark.row("assurance", "X.1253-9.2-6")
def test_what_was_left_alone_is_deleted_with_its_key(online):
    settings = online.runtime.settings.of(ApplicationSettings)
    draft, waits = begun(online), sent(online, "two")
    online.runtime.clock.advance(timedelta(days=settings.draft_days - 1))
    assert sweep(online.runtime, now_of(online)) == 0
    online.applying.save(draft, WHO, LEIDA, 0, now_of(online))  # gone on with: it stays
    online.runtime.clock.advance(timedelta(days=settings.draft_days))
    assert online.applying.opened(Access(draft.id, 1), now_of(online)) is None, "over is over"
    assert sweep(online.runtime, now_of(online)) == 1
    assert not online.runtime.vault.known(draft.id)
    online.runtime.clock.advance(timedelta(days=settings.waiting_days))
    with pytest.raises(NotFound):
        online.cases.take(waits.number, OFFICER, now_of(online))
    assert sweep(online.runtime, now_of(online)) == 1
    assert count(online, online_applications) == count(online, online_parts) == 0


@pytest.mark.row("failures", "5")
def test_a_code_opens_it_elsewhere_until_there_is_a_new_one(online):
    made, now = begun(online), now_of(online)
    code = online.applying.accesses.code(made.id, 1)
    found = online.applying.resume(code.lower().replace("-", " "), NETWORK, now)
    assert found is not None
    assert found.id == made.id
    mine, other = Access(made.id, 1, b"mine"), Access(made.id, 1, b"other")
    assert online.applying.renew_code(made, mine, now) == 2
    assert online.applying.resume(code, NETWORK, now) is None
    assert online.applying.opened(other, now) is None, "the other browsers end"
    assert online.applying.opened(Access(made.id, 0, b"other"), now) is None
    assert online.applying.opened(Access(made.id, 2, b"any"), now) is not None
    # The answer was lost, and it is sent again: nothing is locked, and there is one new code.
    again = online.applying.opened(mine, now)
    assert again is not None
    assert online.applying.renew_code(again, mine, now) == 2
    with pytest.raises(NotOpen):  # the form that began it, sent again
        begun(online)


@pytest.mark.row("assurance", "X.1253-9.3-4")
def test_who_guesses_codes_is_stopped(online):
    most = online.settings.begun_an_hour
    for _ in range(most):
        assert online.applying.resume("AAAA-AAAA-AAAA-AAAA", NETWORK, now_of(online)) is None
    with pytest.raises(TooManyRequests):
        online.applying.resume("AAAA-AAAA-AAAA-AAAA", NETWORK, now_of(online))
    assert online.applying.resume("AAAA-AAAA-AAAA-AAAA", "203.0.113.9", now_of(online)) is None


def test_one_network_begins_so_many_in_an_hour(online):
    for nth in range(online.settings.begun_an_hour):
        begun(online, str(nth))
    with pytest.raises(TooManyRequests):
        begun(online, "one too many")


@pytest.mark.row("assurance", "X.1253-9.3-5")
def test_no_code_and_no_name_is_in_the_database(online):
    made = sent(online)
    code = online.applying.accesses.code(made.id, 1)
    with online.runtime.database.read() as uow:
        for table in (online_applications, online_parts, contact_codes):
            for row in uow.all(select(table)):
                text = repr(tuple(row))
                for secret in (code, "Leida", "Tamm", "49001012222", "mail.example"):
                    assert secret not in text


@pytest.mark.row("failures", "29")
def test_a_row_that_somebody_else_wrote_into_the_database_opens_nothing(online):
    mine, theirs = begun(online), begun(online, "two")
    with online.runtime.database.engine.begin() as connection:
        other = select(online_applications.c.resume).where(online_applications.c.id == mine.id)
        digest = connection.scalar(other)
        of = online_applications.c.id
        connection.execute(
            update(online_applications).where(of == mine.id).values(resume=b"\0" * 32)
        )
        connection.execute(update(online_applications).where(of == theirs.id).values(resume=digest))
    code = online.applying.accesses.code(mine.id, 1)
    assert online.applying.resume(code, NETWORK, now_of(online)) is None


@pytest.mark.row("failures", "29")
def test_who_writes_the_database_prolongs_nothing(online):
    made = begun(online)
    online.runtime.clock.advance(timedelta(days=online.settings.draft_days))
    with online.runtime.database.engine.begin() as connection:
        later = now_of(online) + timedelta(days=9)
        connection.execute(update(online_applications).values(expires_at=later))
    assert online.applying.opened(Access(made.id, 1), now_of(online)) is None


@pytest.mark.row("assurance", "EN-5")
def test_an_address_counts_only_when_its_own_code_came_back(online):
    made, now = filled(online), now_of(online)
    contacts, address = online.contacts, HOME["email"]
    contacts.send(made, address, "en", NETWORK, now)
    assert not contacts.confirm(made, address, "AAAA-AAAA", now)
    code = _known_code(online, made, address)
    assert not contacts.confirm(made, "other@mail.example", code, now)
    assert contacts.confirm(made, address, code, now)
    assert contacts.is_of(fresh(online, made), address)
    # Another address has to answer by itself.
    online.applying.save(fresh(online, made), REACH, {**HOME, "email": "x@y.example"}, 1, now)
    assert fresh(online, made).contact is None


@pytest.mark.row("assurance", "EN-5")
def test_a_code_ends_after_a_few_wrong_ones_and_after_its_time(online):
    made, address = filled(online), HOME["email"]
    online.contacts.send(made, address, "en", NETWORK, now_of(online))
    code = _known_code(online, made, address)
    for _ in range(5):
        assert not online.contacts.confirm(made, address, "AAAA-AAAA", now_of(online))
    with pytest.raises(TooManyRequests):
        online.contacts.confirm(made, address, code, now_of(online))
    code = _known_code(online, made, address)
    online.runtime.clock.advance(timedelta(minutes=online.settings.code_minutes))
    with pytest.raises(TooManyRequests):
        online.contacts.confirm(made, address, code, now_of(online))


def test_an_address_gets_a_few_codes_a_day_whoever_asks(online):
    now = now_of(online)
    for nth in range(5):
        made = begun(online, str(nth))
        online.contacts.send(made, "victim@mail.example", "en", f"203.0.113.{nth}", now)
    with pytest.raises(TooManyRequests):
        online.contacts.send(begun(online, "last"), "Victim@mail.example", "en", NETWORK, now)


def test_urgent_ones_come_first_then_by_their_deadline(online):
    first = sent(online)
    online.runtime.clock.advance(timedelta(hours=1))
    second, third = sent(online, "two"), sent(online, "three")
    now = now_of(online)
    online.cases.take(third.number, OFFICER, now)
    online.cases.call_urgent(third.number, True, OFFICER, now)
    with online.runtime.database.read() as uow:
        queue = [one.number for one in store.at_office(uow)]
    assert queue == [third.number, first.number, second.number]
    assert fresh(online, first).state == SENT


def _known_code(online: OnlineApplications, made: Application, address: str) -> str:
    """Send one whose letters the test knows."""
    from unittest import mock

    with mock.patch("idp.register.applications.contact.opaque.code", return_value="K7QF-34WX"):
        online.contacts.send(made, address, "en", NETWORK, now_of(online))
    return "K7QF-34WX"
