"""A page that was left open overnight: its form says so, and leads back to where it was."""

from __future__ import annotations

import html
import re
from datetime import timedelta

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City

HERE = "http://localhost:8000"


def test_a_form_that_is_sent_in_the_morning_says_that_nothing_was_saved_and_leads_back(
    settings: Settings, clock: FrozenClock
) -> None:
    city = City(settings, clock)
    officer = city.staff()
    assert officer.get("/desk").status_code == 200
    token = officer.token("/desk")
    clock.advance(timedelta(hours=14))
    sent = {"csrf_token": token, "civil_number": "38001085718", "purpose": "proofing"}
    for referer, back in ((f"{HERE}/desk?tab=1", True), ("https://evil.example/desk", False)):
        answer = officer.http.post(
            "/desk/search",
            data=sent,
            headers={"Accept": "text/html", "Referer": referer},
            follow_redirects=False,
        )
        assert answer.status_code == 401
        assert ("nothing was saved" in answer.text) == back
        link = re.search(r'href="(/sign-in\?return_to[^"]*)"', answer.text)
        assert bool(link) == back
        if link:
            assert html.unescape(link[1]) == "/sign-in?return_to=%2Fdesk%3Ftab%3D1"
            assert officer.get(link[1]).status_code == 200
        assert "38001085718" not in answer.text
    city.close()
