"""The account of a member of staff: means, acts, names — ISO/IEC 29115 CM-9, 27002 8.15."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import PASSWORD, City


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


def test_staff_see_who_they_are_what_they_did_and_change_how_they_sign_in(city: City) -> None:
    officer = city.staff("officer", "Olga Officer")
    assert officer.get("/account").headers["location"] == "/work"
    assert officer.get("/account/credentials").headers["location"] == "/work/credentials"
    home = officer.get("/work").text
    assert "Olga Officer" in home
    assert 'href="/desk"' in home
    assert "You signed in." in home
    assert "You followed your invitation." in officer.get("/work/ledger").text
    new = "marble hedge pilot walrus"
    where = "/work/credentials"
    wrong = officer.post(f"{where}/password", where, present="no", chosen="x", repeated="y")
    assert wrong.status_code == 422
    for field in ("present", "chosen", "repeated"):
        assert f'<a href="#{field}">' in wrong.text
    done = officer.post(f"{where}/password", where, present=PASSWORD, chosen=new, repeated=new)
    assert done.headers["location"] == "/work/credentials?done=password"
    assert "Your password was changed." in officer.get("/work/ledger").text


def test_no_citizen_and_no_program_opens_the_account_of_staff(city: City) -> None:
    assert city.browser().get("/work").headers["location"].startswith("/sign-in")
    for path in ("/work", "/work/ledger", "/work/credentials"):
        assert city.browser().get(path, headers={"Accept": "*/*"}).status_code == 401


def test_who_lost_a_role_reads_so_and_where_to_go(city: City) -> None:
    operator, officer = city.staff("operator", "Otto"), city.staff("officer", "Olga Officer")
    page = f"/staff/{officer.id}"
    operator.post(f"{page}/role", page, role="auditor", reason="Changed department")
    refused = officer.get("/desk")
    assert refused.status_code == 403
    assert "This page is for registration officers; your role is another one." in refused.text
    assert "leads to your own work" in refused.text
    assert officer.get("/").headers["location"] == "/auditor"
