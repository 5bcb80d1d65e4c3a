"""The auditor's pages: read-only, without people, each event with the way to its proof."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import func, select

from civitas.residents import as_csv, residents
from foundation.audit.tables import events
from foundation.clock import FrozenClock
from foundation.settings import Jurisdiction, Settings
from tests.support.city import City, Visitor

PEOPLE = list(residents(2, 7, city="Tallinn", country="EE"))
PAGES = ("/auditor", "/auditor/events", "/auditor/decisions", "/auditor/officers")


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def auditor(city: City) -> Visitor:
    return city.staff("auditor", "Aune Auditor")


def known(city: City) -> int:
    with city.runtime.database.read() as uow:
        return int(uow.one(select(func.count()).select_from(events))[0])


def test_an_auditor_lands_on_their_page_and_opens_nothing_of_others(city, auditor):
    assert auditor.get("/auditor").status_code == 200
    for path in ("/desk", "/staff", "/services", "/incidents", "/letters", "/devices"):
        assert auditor.get(path).status_code == 403, path
    others = [city.staff(role) for role in ("officer", "operator", "regulator")]
    for path in (*PAGES, "/auditor/events/evt_x"):
        for other in others:
            assert other.get(path).status_code == 403, path
        assert city.browser().get(path).headers["location"].startswith("/sign-in")
    # Where sign-in leads who has no errand: the first place that is shown to them.
    landed = auditor.get("/")
    assert 'href="/auditor"' in landed.text or landed.headers["location"] == "/auditor"


def test_reading_leaves_no_trace_and_shows_nobody_s_data(city, auditor):
    *_, last = city.importer.run(as_csv(iter(PEOPLE)), "register.csv")
    person_id = city.importer.persons(last.import_id)[0]
    before = known(city)
    for path in PAGES:
        text = auditor.get(path).text
        assert person_id not in text, path
        for person in PEOPLE:
            assert person["civil_number"] not in text
            assert person["family_name"] not in text
    assert known(city) == before


def test_a_page_says_that_there_are_more_decisions_than_it_shows(city, auditor, monkeypatch):
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    assert "The newest" not in auditor.get("/auditor/decisions").text
    monkeypatch.setattr("idp.supervision.endpoints.auditor.ROWS", 1)
    assert "The newest 1 are shown" in auditor.get("/auditor/decisions").text


def test_events_are_found_by_kind_member_and_day(city, auditor):
    officer, other = city.staff("officer", "Olga Officer"), city.staff("officer", "Sven Second")
    page = auditor.get(f"/auditor/events?kind=staff.&staff={officer.id}").text
    assert "staff.accepted" in page
    assert "sign-in.succeeded" not in page
    assert "Olga Officer" in page
    assert f'value="{other.id}" selected' not in page
    assert "No event is like this" in auditor.get("/auditor/events?until=2020-01-01").text
    assert "staff.accepted" in auditor.get("/auditor/events?since=2026-03-02").text
    for wrong in ("since=tomorrow", "until=0001-01-01", "since=2026-13-01", f"staff={'x' * 65}"):
        assert auditor.get(f"/auditor/events?{wrong}").status_code == 400, wrong


def test_a_day_is_asked_for_in_the_time_zone_that_the_pages_show(settings, clock):
    west = settings.with_sections(Jurisdiction(time_zone="Pacific/Pago_Pago"))
    city = City(west, clock)
    try:
        assert clock.now().date() == date(2026, 3, 2), "where it is still the day before"
        auditor = city.staff("auditor")
        assert "staff.accepted" in auditor.get("/auditor/events?until=2026-03-01").text
        assert "No event is like this" in auditor.get("/auditor/events?since=2026-03-02").text
    finally:
        city.close()


def test_an_event_leads_to_its_proof_and_tells_who_and_why_where_nobody_is_concerned(city, auditor):
    boss, officer = city.staff("operator", "Otto Operator"), city.staff("officer")
    boss.mean_it(f"/staff/{officer.id}/end", "/staff", reason="left the city")
    city.runtime.audit.tree.sequence(city.clock.now())
    listed = auditor.get("/auditor/events?kind=staff.ended").text
    link = re.search(r'href="(/auditor/events/evt_[^"]+)"', listed)
    assert link is not None
    page = auditor.get(link[1]).text
    assert "left the city" in page
    assert "Otto Operator" in page
    proof = re.search(r'href="(/audit/[^"]+)"', page)
    assert proof is not None
    assert city.browser().get(proof[1].replace("&amp;", "&")).status_code == 200
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    listed = auditor.get("/auditor/events?kind=register.enrol").text
    link = re.search(r'href="(/auditor/events/evt_[^"]+)"', listed)
    assert link is not None
    assert "only be read by the people it is about" in auditor.get(link[1]).text
    assert auditor.get("/auditor/events/evt_nothing").status_code == 404


def test_exports_are_csv_and_json_lines_and_are_on_record(city, auditor):
    list(city.importer.run(as_csv(iter(PEOPLE)), "register.csv"))
    events_file = auditor.post("/auditor/export", "/auditor", what="events", format="jsonl")
    lines = [json.loads(line) for line in events_file.text.splitlines()]
    assert {"staff.invited", "register.enrol"} <= {line["kind"] for line in lines}
    decided = auditor.post("/auditor/export", "/auditor", what="decisions", format="csv")
    rows = list(csv.DictReader(io.StringIO(decided.text)))
    assert [row["result"] for row in rows] == ["accepted", "accepted"]
    assert "person_id" not in rows[0]
    staff = auditor.post("/auditor/export", "/auditor", what="staff", format="csv")
    assert "Aune Auditor" in staff.text
    assert "auditor.exported" in auditor.get("/auditor/events?kind=auditor.").text
    wrong = auditor.post("/auditor/export", "/auditor", what="secrets", format="csv")
    assert wrong.status_code == 400
    assert auditor.http.post("/auditor/export", data={"what": "events"}).status_code == 403


def test_the_controls_are_listed_with_what_holds_them(city, auditor):
    page = auditor.get("/auditor/controls").text
    assert "test_a_remote_session_never_reaches_level_4" in page
    assert "the organisation" in page
    assert auditor.get("/auditor").text.count("/auditor/controls") == 1
