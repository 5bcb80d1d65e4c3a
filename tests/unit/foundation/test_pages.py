"""The frame, its files and its way back — WCAG 2.2, RFC 8246, RFC 9700 §4.11."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foundation.pages import local_path
from foundation.pages.navigation import PLACES, places_for
from foundation.pages.static_files import StaticFiles
from foundation.runtime import Runtime
from foundation.web import Principal
from tests.support.sign_in import Browser, SignInDesk


@pytest.fixture
def browser(runtime: Runtime) -> Browser:
    return SignInDesk(runtime).browser()


def test_static_files_carry_their_hash_and_may_be_kept_for_ever(browser: Browser) -> None:
    page = browser.get("/sign-in").text
    for url in re.findall(r'"(/static/[^"]+)"', page):
        answer = browser.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert browser.get("/static/civitas.000000000000.css").status_code == 404
    assert browser.get("/static/..%2fframe.html").status_code == 404


def test_a_file_that_changes_has_another_url(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    before = StaticFiles(tmp_path).url("a.css")
    (tmp_path / "a.css").write_text("b{}")
    assert StaticFiles(tmp_path).url("a.css") != before


def test_a_page_is_never_stored_and_tells_its_language(browser: Browser) -> None:
    answer = browser.http.get("/sign-in", headers={"Accept-Language": "ar"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == "ar"
    assert '<html lang="ar" dir="rtl">' in answer.text


def test_a_chosen_language_is_kept_and_counts_more_than_a_services_wish_while_it_is_new(
    browser: Browser,
) -> None:
    assert browser.get("/sign-in?ui_locales=ar").headers["content-language"] == "ar"
    answer = browser.get("/language?to=fr&return_to=%2Fsign-in%3Flevel%3D2")
    assert answer.headers["location"] == "/sign-in?level=2"
    assert browser.get("/sign-in").headers["content-language"] == "fr"
    assert browser.get("/sign-in?ui_locales=ar").headers["content-language"] == "fr"
    browser.http.cookies.delete("civitas-0a1b2c3d-language-now")  # an hour later
    assert browser.get("/sign-in").headers["content-language"] == "fr"
    assert browser.get("/sign-in?ui_locales=ar").headers["content-language"] == "ar"
    assert browser.get("/language?to=xx&return_to=//evil").headers["location"] == "/"


def test_an_error_page_says_the_reason_and_the_next_step(browser: Browser) -> None:
    answer = browser.http.post("/sign-in", data={"csrf_token": "x"})
    assert answer.status_code == 403
    assert "This is not open to you" in answer.text
    assert "What you can do next" in answer.text


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("/a?b=c#d", "/a?b=c#d"),
        (None, "/"),
        ("", "/"),
        ("a", "/"),
        ("//h", "/"),
        ("/\\h", "/"),
        ("\\/h", "/"),
        ("/\t/h", "/"),
        ("/\n/h", "/"),
        (" /h", "/"),
        ("http://h", "/"),
        ("/" + "a" * 5000, "/"),
        ("/%2f/h", "/%2f/h"),
    ],
)
def test_a_way_back_is_a_path_of_ours(value: str | None, result: str) -> None:
    assert local_path(value) == result


def test_the_header_shows_each_the_places_that_are_theirs() -> None:
    def hrefs(visitor: Principal | None) -> list[str]:
        return [place.href for place, _ in places_for(visitor, "/", PLACES)]

    assert hrefs(None) == []
    assert "/account" in hrefs(Principal("citizen", "per_1"))
    assert hrefs(Principal("staff", "stf_1", frozenset({"officer"}))) == ["/desk", "/work"]
    assert hrefs(Principal("staff", "stf_1")) == []


def test_the_header_marks_the_closest_place() -> None:
    citizen = Principal("citizen", "per_1")
    marked = [p.href for p, here in places_for(citizen, "/account/ledger", PLACES) if here]
    assert marked == ["/account/ledger"]
