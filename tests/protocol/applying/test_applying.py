"""Applying online, walked without a screen: from nothing to an identity, and what stops it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.portal.sentences import SENTENCES
from idp.register import ApplicationSettings
from idp.register.applications.history import SENTENCES as HISTORY
from idp.register.applications.tables import online_applications, online_parts
from tests.support.applying import (
    REACH,
    WHO,
    apply,
    code_on,
    enrolled_at_desk,
    fill,
    hidden,
    proofed_at_level_3,
    save,
)
from tests.support.city import City, Visitor


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


def rows(city: City) -> int:
    with city.runtime.database.read() as uow:
        query = select(func.count()).select_from(online_applications)
        return int(uow.connection.scalar(query) or 0)


def person_of(answer: Any) -> str:
    return str(re.split("[/?]", answer.headers["location"])[3])


def resume(visitor: Visitor, code: str) -> Any:
    return visitor.post("/apply/resume", "/apply/resume", code=code)


@pytest.mark.row("assurance", "EN-9")
def test_from_the_first_page_to_an_identity_nothing_is_typed_twice(city: City) -> None:
    citizen = city.browser()
    for page in ("/", "/sign-in"):
        assert 'href="/apply"' in citizen.get(page).text
    number = apply(citizen)
    officer = city.staff()
    found = officer.post("/desk/applications", "/desk/applications", number=number.lower())
    assert found.headers["location"] == f"/desk/applications/{number}"
    case = found.headers["location"]
    assert WHO["family_name"] not in officer.get(case).text, "nobody reads before they take it"
    officer.post(f"{case}/take", case)
    page = officer.get(case).text
    for value in (*WHO.values(), *REACH.values()):
        assert f'value="{value}"' in page
    assert "An officer is working on it" in citizen.get("/apply/status").text
    made = enrolled_at_desk(officer, number)
    assert made.headers["location"].endswith("?done=enrolled"), made.text
    assert "The office checks who you are" in citizen.get("/apply/status").text
    person_id = person_of(made)
    code = proofed_at_level_3(city, person_id, city.staff(name="B"), city.staff(name="C"))
    assert "Your letter is on its way" in citizen.get("/apply/status").text
    citizen.activate(code, "leida.tamm")
    assert "Your identity is active" in citizen.get("/apply/status").text
    with city.runtime.database.read() as uow:
        found = city.register.person(uow, person_id)
    assert found is not None
    assert (found.state, found.level) == ("active", 3)


def test_before_anything_is_asked_the_page_tells_the_ways_and_what_to_bring(city: City) -> None:
    page = city.browser().get("/apply").text
    assert "<input" not in page
    for words in ("At the registration office", "By post", "Passport", "Tax assessment"):
        assert words in page
    assert "It reaches level 4" in page
    assert "It reaches level 1" in page


def test_who_goes_on_elsewhere_types_the_code_and_finds_all_of_it(city: City) -> None:
    one, other = city.browser(), city.browser()
    fill(one)
    code = code_on(one.get("/apply/check").text)
    assert resume(other, code.lower().replace("-", " ")).headers["location"] == "/apply/check"
    assert "Tamm" in other.get("/apply/check").text
    assert code_on(other.get("/apply/check").text) == code
    assert other.post("/apply/send", "/apply/check").status_code == 303
    assert "Reference number" in one.get("/apply/status").text
    assert rows(city) == 1


def test_a_slip_in_the_code_is_said_and_a_wrong_one_leads_nowhere(city: City) -> None:
    visitor = city.browser()
    slip = resume(visitor, "K7QF-34WX")
    assert slip.status_code == 422
    assert "A code has 16 letters and digits; you typed 8." in slip.text
    wrong = resume(visitor, "K7QF-34WX-K7QF-34WX")
    assert wrong.status_code == 410
    assert "This code leads to no application." in wrong.text
    answers = [resume(visitor, "K7QF-34WX-K7QF-34WX") for _ in range(25)]
    assert answers[-1].status_code == 429
    assert "Retry-After" in answers[-1].headers


def test_the_reference_number_opens_nothing(city: City) -> None:
    number = apply(city.browser())
    thief = city.browser()
    assert resume(thief, number).status_code == 422
    assert thief.get(f"/desk/applications/{number}").status_code == 303, "to sign in"
    assert thief.get("/apply/status").headers["location"].startswith("/apply/resume")


def test_a_new_code_ends_the_one_before_and_every_other_browser(city: City) -> None:
    one, other = city.browser(), city.browser()
    fill(one)
    code = code_on(one.get("/apply/check").text)
    resume(other, code)
    assert one.post("/apply/code", "/apply/check").status_code == 303
    assert other.get("/apply/check").headers["location"].startswith("/apply/resume")
    assert resume(other, code).status_code == 410
    assert code_on(one.get("/apply/check").text) != code


@pytest.mark.row("failures", "5")
def test_the_cookie_is_bound_to_its_browser_and_says_nothing_itself(city: City) -> None:
    one, thief = city.browser(), city.browser()
    fill(one)
    page = one.get("/apply/check")
    (cookie,) = [c for c in one.http.cookies.jar if "application" in c.name]
    assert "Tamm" in page.text
    assert not any(part in str(cookie.value) for part in ("apn_", "Tamm"))
    thief.get("/apply")
    thief.http.cookies.set(cookie.name, str(cookie.value))
    assert thief.get("/apply/check").headers["location"].startswith("/apply/resume")
    sent = save(city.browser(), "who", **WHO).headers["set-cookie"]
    assert "HttpOnly" in sent
    assert "SameSite=lax" in sent


@pytest.mark.row("failures", "14")
def test_the_first_form_sent_twice_and_in_two_tabs_begins_one(city: City) -> None:
    visitor = city.browser()
    page, tab = visitor.get("/apply/who").text, visitor.get("/apply/who").text
    form = {**WHO, "csrf_token": hidden(page, "csrf_token"), "seen": "0"}
    assert hidden(tab, "seen") == "0"
    for _ in range(3):
        assert visitor.http.post("/apply/who", data=form).status_code == 303
    assert rows(city) == 1
    told = visitor.http.post("/apply/who", data={**form, "given_name": "Lea"})
    assert told.status_code == 409
    assert "in another tab, meanwhile" in told.text
    assert 'value="Lea"' in told.text, "what was typed is there still"
    changed = {**form, "given_name": "Lea", "seen": hidden(told.text, "seen")}
    assert visitor.http.post("/apply/who", data=changed).status_code == 303
    assert 'value="Lea"' in visitor.get("/apply/who").text


@pytest.mark.parametrize("path", ["who", "code"])
def test_an_answer_that_is_lost_takes_nothing_away(city: City, path: str) -> None:
    visitor = city.browser()
    if path == "code":
        fill(visitor)
    token = hidden(visitor.get("/apply/who").text, "csrf_token")
    before = {c.name: str(c.value) for c in visitor.http.cookies.jar}
    lost = visitor.http.post(f"/apply/{path}", data={**WHO, "csrf_token": token})
    assert lost.status_code == 303
    visitor.http.cookies.clear()  # the browser never saw it
    for name, value in before.items():
        visitor.http.cookies.set(name, value)
    assert "Tamm" in visitor.get("/apply/who").text
    again = visitor.http.post(f"/apply/{path}", data={**WHO, "csrf_token": token})
    assert again.status_code == 303
    assert "Tamm" in visitor.get("/apply/check").text
    assert rows(city) == 1


def test_all_that_is_wrong_is_said_at_once_beside_what_was_typed(city: City) -> None:
    visitor = city.browser()
    wrong = save(visitor, "who", given_name="Leida", birthdate="1990-13-01", civil_number="?")
    assert wrong.status_code == 422
    for field in ("birthdate", "civil_number"):
        assert f'href="#{field}"' in wrong.text
    assert 'value="1990-13-01"' in wrong.text
    assert rows(city) == 0, "nothing was begun"
    long = save(visitor, "who", **{**WHO, "given_name": "x" * 5000})
    assert long.status_code == 422


def test_forms_of_others_are_refused(city: City) -> None:
    visitor = city.browser()
    apply(visitor)
    for path in ("who", "reach", "way", "terms", "send", "answer", "withdraw", "leave", "code"):
        answer = visitor.http.post(f"/apply/{path}", data={"csrf_token": "wrong"})
        assert answer.status_code == 403, path
        from_elsewhere = visitor.http.post(
            f"/apply/{path}",
            data={"csrf_token": visitor.token()},
            headers={"Origin": "https://evil.example"},
        )
        assert from_elsewhere.status_code == 403, path
    assert "It waits for an officer" in visitor.get("/apply/status").text


def test_a_way_that_is_not_offered_and_terms_of_another_day_are_not_taken(city: City) -> None:
    visitor = city.browser()
    save(visitor, "who", **WHO)
    assert save(visitor, "way", way="video").status_code == 422
    old = visitor.post(
        "/apply/terms", "/apply/terms", agree="yes", terms_version="0", notice_version="1"
    )
    assert old.status_code == 422
    sent = visitor.post("/apply/send", "/apply/check")
    assert sent.status_code == 422
    assert "Something is missing still: How to reach you." in sent.text


def test_withdrawn_it_is_gone_and_the_office_finds_nothing(city: City) -> None:
    visitor, officer = city.browser(), city.staff()
    number = apply(visitor)
    code = code_on(visitor.get("/apply/status").text)
    asked = visitor.post("/apply/withdraw", "/apply/status")
    assert "Withdraw your application?" in asked.text
    assert rows(city) == 1
    gone = visitor.mean_it("/apply/withdraw", "/apply/status")
    assert gone.headers["location"] == "/apply?done=withdrawn"
    assert rows(city) == 0
    assert resume(city.browser(), code).status_code == 410
    assert officer.get(f"/desk/applications/{number}").status_code == 404


@pytest.mark.row("assurance", "CM-5")
def test_by_post_the_officer_writes_the_address_that_the_register_has(city: City) -> None:
    """A letter with a code goes nowhere that somebody only says to live."""
    visitor, officer = city.browser(), city.staff()
    number = apply(visitor, way="post")
    case = f"/desk/applications/{number}"
    officer.post(f"{case}/take", case)
    page = officer.get(case).text
    assert 'value="Tamm"' in page
    assert 'value="Lai 1"' not in page
    assert "The applicant says to live here:" in page
    assert enrolled_at_desk(officer, number).status_code == 422, "no address, no identity"
    made = enrolled_at_desk(officer, number, street_address="Pikk 7", locality="Tartu",
                            country="EE", evidence="register-extract:civil-register",
                            method="register-query")  # fmt: skip
    assert made.status_code == 303, made.text
    with city.runtime.database.read() as uow:
        profile = city.register.profile(uow, person_of(made))
    assert (profile.street_address, profile.locality) == ("Pikk 7", "Tartu")


def test_what_an_officer_asks_is_answered_and_comes_back_to_the_queue(city: City) -> None:
    visitor, officer = city.browser(), city.staff()
    number = apply(visitor)
    case = f"/desk/applications/{number}"
    officer.post(f"{case}/take", case)
    assert officer.post(f"{case}/ask", case, question=" ").status_code == 400
    officer.post(f"{case}/ask", case, question="Is it <b>Leida</b>?")
    page = visitor.get("/apply/status").text
    assert "Is it &lt;b&gt;Leida&lt;/b&gt;?" in page
    assert "Answer by" in page
    assert visitor.post("/apply/answer", "/apply/status", said=" ").status_code == 422
    for _ in range(2):
        sent = visitor.post("/apply/answer", "/apply/status", said="It is.")
        assert sent.headers["location"].endswith("done=answered")
    officer.post(f"{case}/take", case)
    assert "It is." in officer.get(case).text


def test_a_refusal_tells_why_and_makes_nothing(city: City) -> None:
    visitor, officer = city.browser(), city.staff()
    number = apply(visitor)
    case = f"/desk/applications/{number}"
    assert officer.post(f"{case}/refuse", case, reason="No.").status_code == 409
    officer.post(f"{case}/take", case)
    assert officer.post(f"{case}/refuse", case, reason="").status_code == 400
    officer.post(f"{case}/refuse", case, reason="The papers are of somebody else.")
    page = visitor.get("/apply/status").text
    assert "The papers are of somebody else." in page
    assert "Olga" not in page, "the office has it, and no officer by name"
    assert enrolled_at_desk(officer, number, **WHO, **REACH).status_code == 409


def test_an_officer_sees_what_a_colleague_has_and_not_what_stands_in_it(city: City) -> None:
    number = apply(city.browser())
    first, second = city.staff(), city.staff(name="Sven Second")
    case = f"/desk/applications/{number}"
    first.post(f"{case}/take", case)
    page = second.get(case).text
    assert "Olga Officer" in page
    assert "Tamm" not in page
    assert second.post(f"{case}/take", case).status_code == 409
    city.clock.advance(timedelta(minutes=31))
    assert second.post(f"{case}/take", case).status_code == 303
    assert "Tamm" in second.get(case).text
    assert "Tamm" not in first.get(case).text


@pytest.mark.row("failures", "12")
def test_nobody_works_on_an_application_of_their_own(city: City) -> None:
    number = apply(city.browser())
    officer = city.staff(own_number=WHO["civil_number"])
    case = f"/desk/applications/{number}"
    refused = officer.post(f"{case}/take", case)
    assert refused.status_code == 403
    assert "your own application" in refused.text


@pytest.mark.row("failures", "21")
def test_an_applicant_learns_nothing_of_who_is_in_the_register(city: City) -> None:
    """Somebody who is there already, under the same number, sees what a stranger sees."""
    there, stranger = city.browser(), city.browser()
    officer = city.staff()
    enrolled_at_desk(officer, apply(city.browser()))
    again = apply(there)
    new = apply(stranger, civil_number="49001013333", given_name="Maret", family_name="Kask")
    pages = [_without_what_is_ones_own(one.get("/apply/status").text) for one in (there, stranger)]
    assert pages[0] == pages[1]
    told = enrolled_at_desk(officer, again)
    assert told.status_code == 409
    assert "This person is already in the register." in told.text
    assert enrolled_at_desk(officer, new).status_code == 303
    assert "already" not in there.get("/apply/status").text
    assert "An officer is working on it" in there.get("/apply/status").text


def test_who_resembles_somebody_is_held_and_reads_what_others_read(city: City) -> None:
    officer, double, stranger = city.staff(), city.browser(), city.browser()
    enrolled_at_desk(officer, apply(city.browser()))
    held = enrolled_at_desk(officer, apply(double, civil_number="49001013333"))
    assert held.headers["location"].endswith("done=held")
    free = enrolled_at_desk(
        officer,
        apply(stranger, civil_number="38001014444", given_name="Maret", family_name="Kask",
              birthdate="1980-01-01", street_address="Pikk 3"),
    )  # fmt: skip
    assert free.headers["location"].endswith("done=enrolled")
    pages = [_without_what_is_ones_own(one.get("/apply/status").text) for one in (double, stranger)]
    assert pages[0] == pages[1]


def test_it_is_deleted_when_nobody_goes_on_with_it(city: City) -> None:
    visitor = city.browser()
    save(visitor, "who", **WHO)
    assert "it is deleted on" in visitor.get("/apply/reach").text
    city.clock.advance(timedelta(days=31))
    city.runtime.jobs.run_once()
    assert rows(city) == 0
    with city.runtime.database.read() as uow:
        assert uow.connection.scalar(select(func.count()).select_from(online_parts)) == 0
    assert visitor.get("/apply/reach").headers["location"].startswith("/apply/resume")


def test_where_nobody_applies_online_nothing_links_there(
    settings: Settings, clock: FrozenClock
) -> None:
    made = City(settings.with_sections(ApplicationSettings(ways=())), clock)
    visitor = made.browser()
    assert visitor.get("/apply").status_code == 404
    for page in ("/", "/sign-in"):
        assert "/apply" not in visitor.get(page).text
    made.close()


def _without_what_is_ones_own(page: str) -> str:
    page = re.sub(r'name="csrf_token" value="[^"]*"', "", page)
    page = re.sub(r"<code>[^<]*</code>", "", page)
    return re.sub(r'id="resume-code">[^<]*<', "", page)


def test_each_act_has_a_sentence_for_whom_it_concerns(city: City) -> None:
    visitor, officer = city.browser(), city.staff()
    person_id = person_of(enrolled_at_desk(officer, apply(visitor)))
    assert "application.enrolled" in city.kinds(person_id)
    assert set(city.kinds(person_id)) <= set(SENTENCES)
    kinds = {sentence for sentence in HISTORY if sentence.startswith("application.")}
    assert {"application.taken", "application.enrolled", "application.sent"} <= kinds
    page = visitor.get("/apply/status").text
    for sentence in ("You began the application.", "An officer opened it.", "entered you in"):
        assert sentence in page
