"""Operators' pages: who may, what shows once, what a form without our token does."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from foundation.audit.tables import events
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City, Visitor

ROUTES = [
    ("GET", "/staff"),
    ("GET", "/staff/stf_x"),
    ("POST", "/staff/stf_x/end"),
    ("POST", "/staff/recoveries/rcv_x/agree"),
    ("GET", "/services"),
    ("GET", "/services/one"),
    ("POST", "/services/suspend"),
    ("GET", "/incidents"),
    ("POST", "/incidents/person"),
    ("POST", "/incidents/everybody"),
]
SERVICE = {
    "client_name": "Library <b>",
    "redirect_uris": ["https://library.example/callback"],
    "purposes": ["library"],
}


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.fixture
def operator(city: City) -> Visitor:
    return city.staff("operator", "Otto Operator")


def test_operators_pages_open_for_no_other_role_and_no_form_without_its_token(city, operator):
    others = [city.staff(role) for role in ("officer", "regulator", "auditor")]
    stranger = city.browser()
    for method, path in ROUTES:
        assert stranger.http.request(method, path).status_code == (303 if method == "GET" else 401)
        for other in others:
            assert other.http.request(method, path).status_code == 403, path
        if method == "POST":
            sent = operator.http.post(path, data={"reason": "x", "client_id": "svc_x"})
            assert sent.status_code == 403, path


def test_an_operator_ends_a_member_of_staff_who_is_out_at_their_next_request(city, operator):
    officer = city.staff("officer", "Olga Officer")
    assert officer.get("/desk").status_code == 200
    assert "Olga Officer" in operator.get("/staff").text
    done = operator.mean_it(f"/staff/{officer.id}/end", f"/staff/{officer.id}", reason="left")
    assert (done.status_code, done.headers["location"]) == (303, f"/staff/{officer.id}?done=end")
    assert officer.get("/desk").headers["location"].startswith("/sign-in")
    assert "Their account has ended" in operator.get(done.headers["location"]).text
    refused = operator.mean_it(f"/staff/{operator.id}/end", "/staff", reason="tired")
    assert refused.status_code == 403
    assert "last operator" in refused.text
    assert operator.get(f"/staff/{operator.id}").status_code == 200
    assert operator.get("/staff/stf_nobody").status_code == 404


def test_a_changed_role_holds_at_the_next_request(city, operator):
    officer = city.staff("officer")
    operator.post(f"/staff/{officer.id}/role", "/staff", role="operator", reason="moved")
    assert officer.get("/desk").status_code == 403
    assert officer.get("/staff").status_code == 200


def test_two_operators_let_a_member_in_again_by_a_link_that_shows_once(city, operator):
    second, officer = city.staff("operator", "Olive"), city.staff("officer", "Olga Officer")
    operator.post(f"/staff/{officer.id}/recovery", "/staff", reason="passkey lost")
    form = re.search(r'action="(/staff/recoveries/[^"]+)"', second.get("/staff").text)
    assert form is not None
    # Who agreed already, and who is let in, is not asked for a word that would be refused.
    for own in ("/staff", f"/staff/{officer.id}"):
        assert form[1] not in operator.get(own).text
        assert "You agreed" in operator.get(own).text
    assert operator.post(form[1], "/staff").status_code == 403
    page = second.post(form[1], "/staff")
    assert page.headers["cache-control"] == "no-store"
    link = re.search(r"http://localhost:8000(/invitation/[\w-]+)", page.text)
    assert link is not None
    assert officer.get("/desk").headers["location"].startswith("/sign-in")
    assert link[1] not in second.get(f"/staff/{officer.id}").text
    fresh = city.browser()
    fresh.get(link[1])
    fresh.set_up("olga.again")
    fresh.add_and_use_passkey()
    assert fresh.get("/desk").status_code == 200


def test_an_operator_suspends_resumes_and_rotates_a_service(city, operator):
    added = city.deployment.parts["oauth"].clients.add(SERVICE, city.clock.now())
    one = f"/services/one?client_id={added.client.id}"
    assert "Library &lt;b&gt;" in operator.get(one).text
    fields = {"client_id": added.client.id, "reason": "hostile"}
    done = operator.post("/services/suspend", one, **fields)
    assert "It is suspended" in operator.get(done.headers["location"]).text
    operator.post("/services/resume", one, **fields)
    page = operator.post("/services/rotate", one, overlap="24", **fields)
    assert page.status_code == 200
    shown = re.search(r'class="code"[^>]*>([^<]+)<', page.text)
    assert shown is not None
    assert shown[1] not in operator.get(one).text
    assert "The old secret works until" in html.unescape(operator.get(one).text)
    assert operator.post("/services/rotate", one, overlap="999", **fields).status_code == 400
    assert operator.post("/services/nothing", one, **fields).status_code == 404
    assert operator.get("/services/one?client_id=svc_nobody").status_code == 404


def test_who_and_why_stand_in_the_audit(city, operator):
    officer = city.staff("officer")
    operator.mean_it(f"/staff/{officer.id}/end", "/staff", reason="left the city")
    audit = city.runtime.audit
    audit.tree.sequence(city.clock.now())
    with city.runtime.database.read() as uow:
        rows = uow.all(select(events.c.id).where(events.c.kind == "staff.ended"))
    said = [audit.details(row.id) for row in rows]
    assert [(s["actor"], s["details"]["reason"]) for s in said] == [(operator.id, "left the city")]
