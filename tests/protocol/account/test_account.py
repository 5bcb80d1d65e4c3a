"""The account over HTTP: one's own ledger, consents, sign-in methods and data; nobody else's."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from civitas.residents import as_csv, residents
from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.portal.portal import OF_STAFF
from idp.portal.sentences import SENTENCES
from idp.register import Subject
from idp.register.lookup import Lookups
from policies import Consent, Facts, Permit, Policies, Question
from tests.support.city import PASSWORD, City, Visitor, confirmed

PEOPLE = list(residents(2, 11, city="Tallinn", country="EE"))
NEW_PASSWORD = "harbour walnut copper tide"
PAGES = (
    "/account",
    "/account/ledger",
    "/account/ledger.json",
    "/account/data.json",
    "/account/consents",
    "/account/credentials",
    "/account/devices",
)


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def people(city: City) -> list[str]:
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    return city.importer.persons(last.import_id)


@pytest.fixture
def citizen(city: City, people: list[str]) -> Visitor:
    return city.citizen(people[0], "first.citizen")


@pytest.fixture
def policies(city: City) -> Policies:
    found: Policies = city.deployment.parts["policies"]
    return found


def allow(policies: Policies, person_id: str, *chosen: str) -> Consent:
    purpose = "city.residence-services"
    return policies.consent.give(
        person_id=person_id,
        service="svc_library",
        service_name="City Library",
        purpose=purpose,
        asked=("age_over_18", "resident_of_city"),
        chosen=chosen or ("resident_of_city",),
        notice=policies.notice(purpose, "City Library"),
    )


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_sent_to_sign_in(city, path):
    answer = city.browser().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?return_to=%2Faccount")


@pytest.mark.parametrize("path", [*PAGES, "/me/v1/consents", "/me/v1/ledger"])
def test_staff_have_no_account_of_a_citizen(city, path):
    answer = city.staff().get(path)
    if path in OF_STAFF:  # a page that they have, too
        assert (answer.status_code, answer.headers["location"]) == (303, OF_STAFF[path])
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/me/v1/consents", "/me/v1/ledger"])
def test_a_program_without_credentials_gets_401(city, path):
    assert city.browser().get(path, headers={"Accept": "application/json"}).status_code == 401


def test_the_home_page_tells_strangers_what_this_is_and_leads_citizens_on(city, citizen):
    page = city.browser().get("/")
    assert page.status_code == 200
    assert 'href="/sign-in"' in page.text
    assert citizen.get("/").headers["location"] == "/account"
    assert city.staff().get("/").headers["location"] == "/desk"


@pytest.mark.row("privacy", "P-4")
def test_the_ledger_says_who_when_and_why_in_sentences(city, citizen, policies):
    officer = Actor("staff", "stf_officer")
    Lookups(city.runtime).open(citizen.id, "request", officer, city.clock.now())
    allow(policies, citizen.id)
    page = citizen.get("/account/ledger").text
    assert "An officer opened your record." in page
    assert "To answer something that you asked for" in page
    assert "You activated your identity." in page
    assert "You signed in, at level 1." in page
    assert "You allowed City Library to learn: “Do you live in this city?”" in page
    assert "To give you the services for residents of the city" in page
    assert "has no words" not in page


def test_every_kind_of_event_about_a_person_has_a_sentence(city, people, citizen, policies):
    consent = allow(policies, citizen.id)
    citizen.post(f"/account/consents/{consent.id}/withdraw", "/account")
    assert set(city.kinds(citizen.id)) <= set(SENTENCES)


def test_the_ledger_is_paged(city, citizen):
    for _ in range(60):
        with city.runtime.database.write() as uow:
            city.runtime.audit.record(uow, "session.ended", Actor("system", "x"), [citizen.id])
        city.clock.advance(timedelta(milliseconds=5))
    first = citizen.get("/account/ledger").text
    assert first.count("<time") == 50
    older = re.search(r'href="(/account/ledger\?before=[^"]+)"', first)
    assert older is not None
    assert 10 <= citizen.get(older[1]).text.count("<time") < 50
    assert len(citizen.get("/account/ledger.json").json()["entries"]) >= 60


@pytest.mark.row("privacy", "P-4")
def test_an_outsider_finds_an_entry_of_the_downloaded_ledger_in_the_tree(city, citizen):
    city.runtime.audit.tree.sequence(city.clock.now())
    entries = citizen.get("/account/ledger.json").json()["entries"]
    assert all(e["leaf_index"] is not None for e in entries)
    one = entries[0]
    public = city.browser().get(f"/audit/entries?start={one['leaf_index']}&count=1").json()
    shown = public["entries"][0]
    assert shown["event_id"] == one["event_id"]
    assert one["sealed_sha256"] in shown["sealed"]
    assert one["ref"] in json.loads(shown["open"])["persons"]


def test_nobody_reads_the_ledger_of_another(city, people, citizen):
    other = city.citizen(people[1], "second.citizen")
    mine = {e["event_id"] for e in citizen.get("/me/v1/ledger").json()["entries"]}
    theirs = {e["event_id"] for e in other.get("/me/v1/ledger").json()["entries"]}
    assert mine
    assert theirs
    assert not mine & theirs
    crossed = citizen.get(f"/me/v1/ledger?before={theirs.pop()}").json()["entries"]
    assert {e["event_id"] for e in crossed} <= mine


# ── consents ──────────────────────────────────────────────────────────────────────────


def test_a_consent_is_shown_as_it_was_given(citizen, policies):
    consent = allow(policies, citizen.id)
    page = citizen.get("/account/consents").text
    assert "City Library" in page
    assert "Do you live in this city?" in page
    one = citizen.get(f"/account/consents/{consent.id}").text
    assert consent.notice is not None
    assert consent.notice.text[:60] in one
    assert "Are you 18 or older?" in one  # what was asked and not chosen


@pytest.mark.row("privacy", "G-4")
def test_withdrawing_takes_one_click_and_a_confirmation_and_gives_a_receipt(
    city, citizen, policies
):
    consent = allow(policies, citizen.id)
    place = f"/account/consents/{consent.id}"
    assert "Withdraw now" in citizen.get(place).text
    done = citizen.post(f"{place}/withdraw", place)
    assert done.headers["location"] == f"{place}?done=withdrawn"
    page = citizen.get(done.headers["location"]).text
    assert "gets nothing more" in page
    assert "Withdraw now" not in page
    receipt = citizen.get(f"{place}/receipt")
    assert receipt.headers["content-type"].startswith("application/jwt")
    assert "attachment" in receipt.headers["content-disposition"]
    assert "withdrawn" in json.dumps(policies.verify_receipt(receipt.text)).lower()
    facts = city.register.known(citizen.id)
    question = Question(
        "svc_library", citizen.id, ("resident_of_city",), consent.purpose, city.clock.now()
    )
    answer = policies.decide(
        question, Facts(facts.person.level, facts.age, active=facts.person.may_authenticate)
    )
    assert not isinstance(answer, Permit)
    assert citizen.get("/account").status_code == 200  # the citizen's own session stays
    assert citizen.post(f"{place}/withdraw", place).status_code == 409


def test_a_withdrawal_without_our_token_changes_nothing(citizen, policies):
    consent = allow(policies, citizen.id)
    assert citizen.http.post(f"/account/consents/{consent.id}/withdraw", data={}).status_code in (
        400,
        403,
    )
    api = citizen.http.post(
        f"/me/v1/consents/{consent.id}/withdraw", json={}, headers={"Accept": "application/json"}
    )
    assert api.status_code == 403
    assert policies.consent.get(consent.id, citizen.id).state == "active"


def test_nobody_sees_or_withdraws_the_consent_of_another(city, people, citizen, policies):
    other = city.citizen(people[1], "second.citizen")
    consent = allow(policies, people[1])
    assert other.get(f"/account/consents/{consent.id}").status_code == 200
    place = f"/account/consents/{consent.id}"
    assert citizen.get(place).status_code == 404
    assert citizen.get(f"{place}/receipt").status_code == 404
    assert citizen.post(f"{place}/withdraw").status_code == 404
    assert policies.consent.get(consent.id, people[1]).state == "active"


def test_programs_of_the_citizen_read_and_withdraw_consents(citizen, policies):
    consent = allow(policies, citizen.id)
    listed = citizen.get("/me/v1/consents").json()["consents"]
    assert [c["id"] for c in listed] == [consent.id]
    assert listed[0]["attributes"] == ["resident_of_city"]
    assert citizen.id not in json.dumps(listed)
    done = citizen.http.post(
        f"/me/v1/consents/{consent.id}/withdraw",
        json={"reason": "I moved."},
        headers={"X-CSRF-Token": citizen.token(), "Accept": "application/json"},
    )
    assert done.status_code == 200, done.text
    assert policies.verify_receipt(done.json()["receipt"])
    assert citizen.get("/me/v1/consents").json()["consents"][0]["state"] == "withdrawn"


@pytest.mark.parametrize("query", ["limit=0", "limit=999", "limit=x", "before=" + "x" * 65])
def test_the_api_says_what_is_wrong_with_a_question(citizen, query):
    answer = citizen.get(f"/me/v1/ledger?{query}", headers={"Accept": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


# ── sign-in methods ───────────────────────────────────────────────────────────────────


def change(citizen: Visitor, present: str, chosen: str, repeated: str | None = None):
    return citizen.post(
        "/account/credentials/password",
        "/account/credentials",
        present=present,
        chosen=chosen,
        repeated=chosen if repeated is None else repeated,
    )


@pytest.mark.row("assurance", "CM-9")
def test_a_password_is_changed_only_by_who_knows_the_present_one(citizen):
    wrong = change(citizen, "not the one at all", NEW_PASSWORD)
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    assert "present-error" in wrong.text
    done = change(citizen, PASSWORD, NEW_PASSWORD)
    assert done.headers["location"].endswith("done=password"), done.text
    assert change(citizen, PASSWORD, NEW_PASSWORD).status_code == 422


def test_a_weak_or_mistyped_new_password_is_refused_at_its_field(citizen):
    assert change(citizen, PASSWORD, "password").status_code == 422
    assert change(citizen, PASSWORD, NEW_PASSWORD, "something else").status_code == 422
    assert change(citizen, PASSWORD, NEW_PASSWORD).status_code == 303


def test_the_last_way_to_sign_in_cannot_be_removed(city, citizen):
    management = city.deployment.parts["login"].management
    (only,) = management.list(Subject("citizen", citizen.id))
    here, place = f"/account/credentials/{only.id}/remove", "/account/credentials"
    asked = citizen.post(here, place)
    assert citizen.post(here, place, confirmed=confirmed(asked)).status_code == 409


def test_an_old_session_proves_itself_again_before_a_change(city, citizen):
    city.clock.advance(timedelta(minutes=20))
    page = citizen.get("/account/credentials").text
    assert "show once more that it is you" in page
    answer = citizen.post("/account/credentials/cred_x/remove", "/account/credentials")
    assert answer.headers["location"].startswith("/sign-in?return_to=/account/credentials")


# ── data, and what nobody can do to themselves ────────────────────────────────────────


@pytest.mark.row("privacy", "G-8")
def test_one_takes_all_of_ones_data_along(citizen, policies):
    allow(policies, citizen.id)
    answer = citizen.get("/account/data.json")
    assert "attachment" in answer.headers["content-disposition"]
    content = answer.json()
    assert content["claims"]["given_name"] == PEOPLE[0]["given_name"]
    assert content["claims"]["resident_of_city"] in (True, False)
    assert content["identity"]["sign_in_name"] == "first.citizen"
    assert [c["kind"] for c in content["credentials"]] == ["password"]
    assert content["consents"]
    assert content["ledger"]


@pytest.mark.row("failures", "12")
def test_no_person_changes_a_level_or_role_of_their_own(city, citizen):
    before = city.register.known(citizen.id)
    for path in (
        f"/desk/persons/{citizen.id}/proofing",
        f"/desk/persons/{citizen.id}/state",
        f"/desk/persons/{citizen.id}/look-up",
    ):
        assert (
            citizen.post(path, level="4", step="reactivate", purpose="request").status_code == 403
        )
    for path in PAGES:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            fields = {"level": "4", "roles": "officer", "csrf_token": citizen.token()}
            assert citizen.http.request(method, path, data=fields).status_code in (404, 405)
    change(citizen, PASSWORD, NEW_PASSWORD)
    assert city.register.known(citizen.id) == before


def test_pages_have_one_heading_labels_and_no_inline_code(citizen, policies):
    consent = allow(policies, citizen.id)
    pages = [p for p in PAGES if not p.endswith(".json")]
    for path in (*pages, f"/account/consents/{consent.id}"):
        text = citizen.get(path).text
        assert text.count("<h1>") == 1, path
        assert " style=" not in text
        assert not re.search(r"<script(?! src=)", text)
        for name in re.findall(r'<(?:input|select|textarea)[^>]* id="([^"]+)"', text):
            assert f'for="{name}"' in text
        assert text.count("<table") == text.count("<caption")


def test_pages_speak_arabic_from_right_to_left(citizen):
    page = citizen.get("/account?ui_locales=ar")
    assert 'dir="rtl"' in page.text


def test_a_ledger_digest_is_that_of_the_sealed_part(city, citizen):
    entry = city.runtime.audit.ledger(citizen.id)[0]
    told = citizen.get("/account/ledger.json").json()["entries"][0]
    assert told["sealed_sha256"] == hashlib.sha256(entry.sealed).hexdigest()


def test_password_managers_find_the_page_where_a_password_is_changed(
    city: City, citizen: Visitor
) -> None:
    answer = city.browser().get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (302, "/account/credentials")
    assert citizen.get(answer.headers["location"]).status_code == 200
    told = city.browser().get("/.well-known/passkey-endpoints").json()
    here = "http://localhost:8000/account/credentials"
    assert told == {"enroll": here, "manage": here}


def test_the_browser_of_who_is_signed_in_is_told_which_passkeys_count(
    city: City, citizen: Visitor
) -> None:
    def told() -> list[str]:
        page = citizen.get("/account/credentials").text
        written = html.unescape(page.split('data-passkeys-bound="')[1].split('"')[0])
        ids: list[str] = json.loads(written)
        return ids

    assert told() == []
    citizen.add_and_use_passkey()
    (one,) = told()
    assert re.fullmatch("[A-Za-z0-9_-]{10,}", one)
    page = citizen.get("/account/credentials").text
    assert 'data-rp="localhost"' in page
