"""The officer's desk over HTTP: roles, tokens, purposes, proofing, letters, imports."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from civitas.residents import as_csv, as_json, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.errors import Gone
from foundation.settings import Settings
from idp.register.tables import activation_codes, imports, persons, proofing_decisions
from tests.support.city import PASSWORD, City, Visitor

PEOPLE = list(residents(4, 7, city="Tallinn", country="EE"))


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def officer(city: City) -> Visitor:
    return city.staff()


@pytest.fixture
def person_id(city: City) -> str:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    return city.importer.persons(last.import_id)[0]


def look_up(officer: Visitor, purpose: str = "proofing") -> str:
    found = officer.post(
        "/desk/search", "/desk", civil_number=PEOPLE[0]["civil_number"], purpose=purpose
    )
    assert found.status_code == 303, found.text
    return str(found.headers["location"])


def passport(level: str = "2", number: int = 1) -> dict[str, str]:
    return {
        "policy_version": "2026-01",
        "level": level,
        f"evidence_{number}": "passport:passport-authority",
        f"method_{number}": "presented-in-person",
        f"reference_{number}": "K1234567",
        f"possessed_{number}": "yes",
        f"valid_{number}": "yes",
    }


def await_second_officer(city: City, officer: Visitor, person_id: str) -> str:
    """The first officer's decision at level 3; the id of what waits for the second."""
    place = look_up(officer)
    fields = {
        **passport("3"),
        "evidence_2": "bank-statement:bank",
        "method_2": "register-query",
        "possessed_2": "yes",
        "valid_2": "yes",
        "contact_exercised": "yes",
    }
    done = officer.post(f"{place}/proofing", place, **fields)
    assert done.headers["location"].endswith("done=awaiting-second-officer")
    assert city.register.known(person_id).person.level == 1
    with city.runtime.database.read() as uow:
        return str(city.register.proofing.waiting(uow)[0].id)


ROUTES = [
    ("GET", "/desk"),
    ("POST", "/desk/search"),
    ("GET", "/desk/persons/{id}"),
    ("POST", "/desk/persons/{id}/look-up"),
    ("POST", "/desk/persons/{id}/proofing"),
    ("POST", "/desk/persons/{id}/letter"),
    ("POST", "/desk/persons/{id}/state"),
    ("POST", "/desk/persons/{id}/recovery"),
    ("POST", "/desk/proofing/prf_x"),
    ("POST", "/desk/imports"),
    ("GET", "/desk/imports/00"),
    ("POST", "/desk/imports/00/letters"),
    ("POST", "/desk/imports/00/refused"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.row("failures", "12")
def test_no_route_of_the_desk_is_open_to_anybody_but_an_officer(city, person_id, method, path):
    path = path.format(id=person_id)
    stranger = city.browser()
    answer = stranger.http.request(method, path)
    assert (answer.status_code, method) in ((303, "GET"), (401, "POST"))
    if method == "GET":
        assert answer.headers["location"].startswith("/sign-in?return_to=")
    for role in ("operator", "auditor", "regulator"):
        assert city.staff(role).http.request(method, path).status_code == 403
    citizen = city.citizen(person_id, "some.citizen")
    assert citizen.http.request(method, path).status_code == 403


@pytest.mark.parametrize("path", [p for m, p in ROUTES if m == "POST" and p != "/desk/imports"])
def test_a_form_without_our_token_changes_nothing(city, officer, person_id, path):
    look_up(officer)
    before = city.kinds(person_id)
    answer = officer.http.post(path.format(id=person_id), data={"purpose": "proofing"})
    assert answer.status_code == 403
    assert city.kinds(person_id) == before


def test_an_upload_without_our_token_imports_nothing(city, officer):
    answer = officer.http.post("/desk/imports", files={"file": ("a.csv", as_csv(iter(PEOPLE)))})
    assert answer.status_code == 403
    with city.runtime.database.read() as uow:
        assert uow.one(select(func.count()).select_from(imports))[0] == 0


OWN_ROUTES = [
    ("/desk/persons/{id}/look-up", {"purpose": "proofing"}),
    ("/desk/persons/{id}/proofing", passport()),
    ("/desk/persons/{id}/letter", {}),
    ("/desk/persons/{id}/recovery", {"answer": "ask", "reason": "Mine."}),
    ("/desk/persons/{id}/state", {"step": "suspend", "reason": "Mine."}),
    ("/desk/search", {"purpose": "proofing", "civil_number": PEOPLE[0]["civil_number"]}),
]


@pytest.mark.row("failures", "12")
@pytest.mark.parametrize(("path", "fields"), OWN_ROUTES)
def test_an_officer_does_nothing_to_their_own_record_and_the_attempt_stays(
    city, person_id, path, fields
):
    # As people write it: the desk knows the number in every spelling.
    own = " ".join(PEOPLE[0]["civil_number"].lower())
    officer = city.staff(own_number=own)
    before = city.register.known(person_id)
    refused = officer.post(path.format(id=person_id), "/desk", **fields)
    assert refused.status_code == 403
    assert "Ask a colleague" in refused.text
    assert officer.get(f"/desk/persons/{person_id}").status_code == 403
    assert city.register.known(person_id) == before
    kinds = city.kinds(person_id)
    assert kinds.count("register.own-record-refused") == 2
    assert "register.looked-up" not in kinds
    assert look_up(city.staff()) == f"/desk/persons/{person_id}"


@pytest.mark.row("failures", "12")
@pytest.mark.row("assurance", "EN-5")
def test_the_second_officer_is_not_the_person_who_is_proofed(city, officer, person_id):
    waiting = await_second_officer(city, officer, person_id)
    own = city.staff(own_number=PEOPLE[0]["civil_number"])
    refused = own.post(f"/desk/proofing/{waiting}", "/desk", answer="accept")
    assert refused.status_code == 403
    assert city.register.known(person_id).person.level == 1


def test_an_officer_who_is_enrolled_after_their_set_up_is_known_too(city):
    officer = city.staff(own_number=PEOPLE[0]["civil_number"])
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    mine, other, *_ = city.importer.persons(last.import_id)
    assert officer.get(f"/desk/persons/{mine}").status_code == 403
    assert officer.get(f"/desk/persons/{other}").status_code == 200


def test_a_number_that_is_none_is_asked_again_and_the_invitation_still_works(city):
    secret = city.register.staff.invite("officer", "Olga", city.clock.now())
    visitor = city.browser()
    visitor.get(f"/invitation/{secret}")
    page = "/activate/set-up"
    chosen = {"name": "olga.officer", "password": PASSWORD, "repeated": PASSWORD}
    wrong = visitor.post(page, page, **chosen, own_number="?")
    assert wrong.status_code == 422
    assert "leave it empty" in wrong.text
    visitor.set_up("olga.officer")


@pytest.mark.row("privacy", "P-4")
def test_a_look_up_asks_for_its_purpose_and_the_person_reads_it(city, officer, person_id):
    number = PEOPLE[0]["civil_number"]
    refused = officer.post("/desk/search", "/desk", civil_number=number, purpose="curiosity")
    assert refused.status_code == 400
    assert "register.looked-up" not in city.kinds(person_id)
    assert look_up(officer) == f"/desk/persons/{person_id}"
    entries = city.runtime.audit.ledger(person_id)
    entry = next(e for e in entries if e.kind == "register.looked-up")
    assert entry.actor.id == officer.id
    assert entry.details["sentence"] == "To check your identity documents"


@pytest.mark.row("privacy", "P-4")
def test_a_record_does_not_open_by_its_address_alone(city, officer, person_id):
    page = officer.get(f"/desk/persons/{person_id}")
    assert page.status_code == 200
    assert PEOPLE[0]["civil_number"] not in page.text
    assert "They will read this in their ledger" in page.text
    officer.post(f"/desk/persons/{person_id}/look-up", purpose="request")
    assert PEOPLE[0]["civil_number"] in officer.get(f"/desk/persons/{person_id}").text
    assert PEOPLE[0]["civil_number"] not in city.staff().get(f"/desk/persons/{person_id}").text


def test_a_look_up_ends(city, officer, person_id):
    look_up(officer)
    city.clock.advance(timedelta(minutes=31))
    sent = officer.post(f"/desk/persons/{person_id}/letter")
    assert (sent.status_code, sent.headers["location"]) == (303, f"/desk/persons/{person_id}")
    with city.runtime.database.read() as uow:
        assert uow.one(select(func.count()).select_from(activation_codes))[0] == 0


def test_a_search_in_vain_says_so_and_is_recorded_without_the_number(city, officer, person_id):
    page = officer.post("/desk/search", "/desk", civil_number="99999999", purpose="proofing")
    assert page.status_code == 404
    assert "Nobody in the register" in page.text
    wrong = officer.post("/desk/search", "/desk", civil_number="!", purpose="proofing")
    assert wrong.status_code == 422
    assert "aria-invalid" in wrong.text


@pytest.mark.row("assurance", "EN-4")
def test_an_officer_proofs_a_person_at_level_2(city, officer, person_id):
    place = look_up(officer)
    done = officer.post(f"{place}/proofing", place, **passport())
    assert done.headers["location"] == f"{place}?done=accepted"
    assert city.register.known(person_id).person.level == 2
    assert "The identity check is accepted" in officer.get(done.headers["location"]).text


@pytest.mark.row("assurance", "EN-8")
def test_evidence_that_is_not_confirmed_is_refused_and_the_refusal_is_kept(
    city, officer, person_id
):
    place = look_up(officer)
    fields = passport()
    del fields["valid_1"]
    page = officer.post(f"{place}/proofing", place, **fields)
    assert page.status_code == 422
    assert "Possession and validity" in page.text
    assert city.register.known(person_id).person.level == 1
    with city.runtime.database.read() as uow:
        newest = city.register.proofing.decisions(uow, person_id)
    assert sorted(d.result for d in newest) == ["accepted", "refused"]


@pytest.mark.row("assurance", "EN-2")
def test_the_desk_refuses_a_policy_that_is_not_published(city, officer, person_id):
    place = look_up(officer)
    answer = officer.post(f"{place}/proofing", place, **{**passport(), "policy_version": "draft"})
    assert answer.status_code == 422
    with city.runtime.database.read() as uow:
        assert uow.one(select(func.count()).select_from(proofing_decisions))[0] == len(PEOPLE)


@pytest.mark.row("assurance", "EN-5")
def test_level_3_waits_for_a_second_officer_who_is_another_one(city, officer, person_id):
    place = look_up(officer)
    waiting = await_second_officer(city, officer, person_id)
    mine = officer.post(f"/desk/proofing/{waiting}", place, answer="accept")
    assert mine.status_code == 403
    second = city.staff(name="Sven Second")
    assert person_id in second.get("/desk").text
    look_up(second)
    done = second.post(f"/desk/proofing/{waiting}", place, answer="accept")
    assert done.headers["location"].endswith("done=accepted")
    assert city.register.known(person_id).person.level == 3
    again = second.post(f"/desk/proofing/{waiting}", place, answer="refuse")
    assert again.status_code == 409
    assert city.register.known(person_id).person.level == 3


def test_a_letter_leaves_by_the_printing_house_and_its_code_activates(city, officer, person_id):
    place = look_up(officer, "activation")
    asked = officer.post(f"{place}/letter", place)
    assert asked.headers["location"] == f"{place}?done=letter"
    page = officer.get(place).text
    assert "leaves with the next file" in page
    assert "Ask for a letter" not in page
    file = city.staff("operator").post("/letters", "/letters", format="json")
    assert file.headers["cache-control"] == "no-store"
    (letter,) = file.json()["letters"]
    assert letter["address_to_open"] == "http://localhost:8000/activate"
    page = officer.get(place).text
    assert "on its way" in page
    assert letter["code"] not in page
    city.browser().activate(letter["code"], "new.citizen")
    assert city.register.known(person_id).person.state == "active"
    refused = officer.post(f"{place}/letter", place)
    assert refused.status_code == 409


@pytest.mark.row("assurance", "CM-5")
def test_each_letter_goes_to_the_registered_address_of_the_person_whom_its_code_activates(
    city, officer, person_id
):
    import_id = city.importer.recent()[0].id
    chosen = city.importer.persons(import_id)[:2]
    for one in chosen:
        place = f"/desk/persons/{one}"
        officer.post(f"{place}/look-up", purpose="proofing")
        officer.post(f"{place}/proofing", place, **passport())
    officer.post(f"/desk/imports/{import_id}/letters", "/desk")
    page = city.staff("operator").post("/letters", "/letters", format="html")
    letters = re.findall(r"<article.*?</article>", page.text, re.DOTALL)
    reached = []
    for letter in letters:
        code = re.search(r'class="code"[^>]*>([^<]+)<', letter)
        assert code is not None
        with city.runtime.database.read() as uow:
            waiting = city.register.peek_activation(uow, code[1], city.clock.now())
            profile = city.register.profile(uow, waiting.person_id)
        for part in (profile.name, profile.street_address, profile.postal_code, profile.locality):
            assert part in html.unescape(letter)
        reached.append(waiting.person_id)
    assert sorted(reached) == sorted(chosen)
    # Who was never proofed at level 2 gets none: nobody has shown who they are.
    assert not set(city.importer.persons(import_id)[2:]) & set(reached)


def test_an_upload_becomes_identities_and_shows_refused_rows(city, officer):
    rows = [*PEOPLE, {**PEOPLE[0], "birthdate": "yesterday", "civil_number": "1234567"}]
    sent = officer.upload("/desk/imports", "register.json", as_json(iter(rows)))
    assert sent.status_code == 303, sent.text
    place = sent.headers["location"]
    assert "0 of 5 rows are done" in officer.get(place).text
    city.runtime.jobs.run_once()
    page = officer.get(place).text
    assert "Refused rows" in page
    assert "birthdate" in page
    assert "yesterday" not in page
    with city.runtime.database.read() as uow:
        assert uow.one(select(func.count()).select_from(persons))[0] == 4


def test_a_person_with_one_name_and_a_month_of_birth_is_looked_up_like_any_other(city, officer):
    row = {**PEOPLE[0], "given_name": "", "family_name": "Suharto", "birthdate": "1958-07-00"}
    officer.upload("/desk/imports", "register.json", as_json(iter([row])))
    city.runtime.jobs.run_once()
    pasted = "\u200b" + "\u2011".join(PEOPLE[0]["civil_number"]) + " "
    found = officer.post("/desk/search", "/desk", civil_number=pasted, purpose="proofing")
    page = officer.get(found.headers["location"]).text
    assert "Suharto" in page
    assert "July 1958" in page


def test_a_field_that_was_left_out_stands_on_the_page_of_the_import(city, officer):
    rows = [{**PEOPLE[0], "email": "nobody-at-home"}]
    place = officer.upload("/desk/imports", "register.json", as_json(iter(rows))).headers[
        "location"
    ]
    city.runtime.jobs.run_once()
    page = officer.get(place).text
    assert "Remarks" in page
    assert "is not in the expected form; it was left out" in page
    assert "nobody-at-home" not in page
    assert "Refused rows" not in page


def test_refused_rows_come_back_as_a_file_that_can_be_mended_and_sent_again(city, officer):
    wrong = {**PEOPLE[0], "birthdate": "yesterday", "country": "Estonia", "phone_number": "+37255"}
    rows = [wrong, *PEOPLE[1:]]
    place = officer.upload("/desk/imports", "r.csv", as_csv(iter(rows))).headers["location"]
    city.runtime.jobs.run_once()
    page = officer.get(place).text
    for told in ("birthdate", "country", "Download the refused rows"):
        assert told in page
    colleague = city.staff(name="Sven Second")
    assert "Download the refused rows" not in colleague.get(place).text
    assert colleague.post(f"{place}/refused", place).status_code == 403
    file = officer.post(f"{place}/refused", place)
    assert file.headers["cache-control"] == "no-store"
    assert "attachment" in file.headers["content-disposition"]
    text = file.content.decode("utf-8-sig")
    assert text.count("\r\n") == 2
    assert "birthdate is not a date." in text
    assert "country is not in the expected form." in text
    assert "'+37255" in text  # no spreadsheet takes it for a formula
    mended = text.replace("yesterday", PEOPLE[0]["birthdate"]).replace("Estonia", "EE")
    again = officer.upload("/desk/imports", "r.csv", mended.encode("utf-8-sig"))
    city.runtime.jobs.run_once()
    report = city.importer.report(again.headers["location"].rpartition("/")[2])
    assert (report.accepted, report.refused) == (1, 0)
    city.clock.advance(timedelta(days=15))
    with pytest.raises(Gone):
        city.importer.refused_file(place.rpartition("/")[2], Actor("staff", officer.id))


@pytest.mark.parametrize("after", ["x", "-1", "9" * 40, "1e3"])
def test_a_strange_page_of_refused_rows_is_a_bad_request(officer, after):
    assert officer.get(f"/desk/imports/00?after={after}").status_code == 400
    assert officer.get(f"/desk/imports/00?skip={after}").status_code == 400


def test_a_file_that_cannot_be_read_is_refused_with_what_to_do(city, officer):
    page = officer.upload("/desk/imports", "x.csv", b"\xff\xfe")
    assert page.status_code == 422
    assert "UTF-8" in page.text
    empty = officer.upload("/desk/imports", "x.csv", b"")
    assert empty.status_code == 422
    assert "The file is empty" in empty.text
    nothing = officer.upload("/desk/imports", "", b"")
    assert nothing.status_code == 400
    assert officer.post("/desk/imports", "/desk").status_code == 415


def test_letters_of_an_import_go_to_those_who_are_proofed_and_have_none(city, officer, person_id):
    import_id = city.importer.recent()[0].id
    letters = f"/desk/imports/{import_id}/letters"
    none = officer.post(letters, "/desk")
    assert none.headers["location"].endswith("?asked=0")
    place = look_up(officer)
    officer.post(f"{place}/proofing", place, **passport())
    assert "One person of this file" in officer.get(f"/desk/imports/{import_id}").text
    asked = officer.post(letters, "/desk")
    assert asked.headers["location"].endswith("?asked=1")
    assert "One letter was asked for" in officer.get(asked.headers["location"]).text
    assert "register.letter-asked" in city.kinds(person_id)
    again = officer.post(letters, "/desk")
    assert again.headers["location"].endswith("?asked=0")
    assert "Nobody of this file" in officer.get(again.headers["location"]).text


def test_a_second_look_is_offered_to_those_alone_who_had_no_hand_in_it(city, officer, person_id):
    place = look_up(officer)
    officer.post(f"{place}/proofing", place, **passport())
    city.clock.advance(timedelta(seconds=1))
    operator, second = city.staff("operator"), city.staff(name="Sven Second")
    operator.mean_it(
        f"/staff/{officer.id}/freeze", "/staff", since="2026-03-01", reason="Laptop stolen"
    )
    own = officer.get("/desk").text
    assert "for a colleague" in own
    assert "/desk/second-looks/" not in own
    others = second.get("/desk").text
    assert "for a colleague" not in others
    assert "/desk/second-looks/" in others


@pytest.mark.row("privacy", "P-4")
def test_who_gets_one_of_many_letters_reads_its_purpose_and_their_record_stays_shut(
    city, officer, person_id
):
    place = look_up(officer)
    officer.post(f"{place}/proofing", place, **passport())
    second, printer = city.staff(name="Sven Second"), city.staff("operator")
    import_id = city.importer.recent()[0].id
    second.post(f"/desk/imports/{import_id}/letters", "/desk")
    printer.post("/letters", "/letters", format="csv")
    entries = city.runtime.audit.ledger(person_id)
    of_second = [e.kind for e in entries if e.actor.id == second.id]
    assert of_second == ["register.letter-asked"]
    of_printer = {e.kind: e.details for e in entries if e.actor.id == printer.id}
    assert sorted(of_printer) == ["register.letter", "register.looked-up"]
    assert of_printer["register.looked-up"]["sentence"] == "To send you your activation letter"
    assert PEOPLE[0]["civil_number"] not in second.get(place).text
    assert printer.get(place).status_code == 403


@pytest.mark.row("failures", "12")
def test_an_officer_is_not_among_those_to_whom_they_write(city, officer, person_id):
    place = look_up(officer)
    officer.post(f"{place}/proofing", place, **passport())
    own = city.staff(own_number=PEOPLE[0]["civil_number"])
    import_id = city.importer.recent()[0].id
    done = own.post(f"/desk/imports/{import_id}/letters", "/desk")
    assert done.headers["location"].endswith("?asked=0")


def test_a_suspended_person_is_out_at_once_and_returns_with_their_level(city, officer, person_id):
    citizen = city.citizen(person_id, "some.citizen")
    assert citizen.get("/account").status_code == 200
    place = look_up(officer)
    nothing = officer.post(f"{place}/state", place, step="suspend", reason=" ")
    assert nothing.status_code == 400
    officer.post(f"{place}/state", place, step="suspend", reason="Reported as stolen.")
    assert citizen.get("/account").status_code == 303
    stale = officer.post(f"{place}/state", place, step="reactivate", reason="Found.", level="4")
    assert stale.status_code == 409
    back = officer.post(f"{place}/state", place, step="reactivate", reason="Found.", level="1")
    assert back.headers["location"].endswith("done=reactivate")
    assert city.register.known(person_id).person.state == "active"
    unknown = officer.post(f"{place}/state", place, step="promote", reason="x")
    assert unknown.status_code == 400


@pytest.mark.parametrize("path", ["/desk/persons/per_nobody", "/desk/imports/nothing"])
def test_what_does_not_exist_is_not_found(officer, path):
    assert officer.get(path).status_code == 404


def test_pages_have_one_heading_labels_and_no_inline_code(city, officer, person_id):
    place = look_up(officer)
    import_id = city.importer.recent()[0].id
    for path in ("/desk", place, f"/desk/imports/{import_id}"):
        text = officer.get(path).text
        assert text.count("<h1>") == 1
        assert " style=" not in text
        assert "<style" not in text
        assert not re.search(r"<script(?! src=)", text)
        ids = re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', text)
        for name in ids:
            assert f'for="{name}"' in text
        assert text.count("<table") == text.count("<caption")
