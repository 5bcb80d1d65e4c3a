"""From a letter to a first sign-in — ISO/IEC 29115 CM-3, CM-5, CM-6, AU-2; failures 4."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from idp.register import State
from idp.register.tables import persons
from tests.support.sign_in import NAME, PASSWORD, Browser, SignInDesk


@pytest.mark.row("assurance", "CM-6")
def test_the_code_of_the_letter_leads_to_a_session_and_an_active_identity(
    desk: SignInDesk,
) -> None:
    browser = desk.browser()
    done = browser.activate(desk.enrol())
    assert done.headers["location"] == "/activate/passkey"
    there = browser.whoami()
    assert (there["kind"], there["level"]) == ("citizen", 2)
    with desk.runtime.database.read() as uow:
        assert desk.register.is_active(uow, there["id"])
    kinds = [kind for kind, _ in desk.events(there["id"])]
    assert "credential.added" in kinds
    assert "sign-in.succeeded" in kinds


@pytest.mark.row("assurance", "CM-3")
def test_no_credential_works_before_its_identity_is_activated(desk: SignInDesk) -> None:
    browser = desk.citizen()
    passkey = browser.add_passkey()
    with desk.runtime.database.write() as uow:
        uow.execute(update(persons).values(state=State.ESTABLISHED))
    assert browser.whoami() is None
    later = desk.browser()
    assert later.sign_in().status_code == 422
    assert later.use(passkey).status_code == 422
    assert later.whoami() is None


@pytest.mark.row("assurance", "CM-3")
def test_a_letter_opens_no_sign_in_until_its_code_is_activated(desk: SignInDesk) -> None:
    code, browser = desk.enrol(), desk.browser()
    assert browser.sign_in(NAME, code).status_code == 422
    browser.post("/activate", code=code)
    assert browser.whoami() is None
    assert browser.send("/passkeys/options", {}).status_code == 401


def test_the_person_is_greeted_only_after_the_code_is_proven(desk: SignInDesk) -> None:
    browser = desk.browser()
    code = desk.enrol(given="Liisbet")
    assert "Liisbet" not in browser.post("/activate", code="AAAA-AAAA-AAAA-AAAA-AAAA").text
    browser.post("/activate", code=code)
    assert "Liisbet" in browser.get("/activate/set-up").text


@pytest.mark.parametrize("slip", ["missing", "twice", "nothing", "spaced"])
def test_a_code_with_a_wrong_length_says_so_and_is_no_guess(desk: SignInDesk, slip: str) -> None:
    code, browser = desk.enrol(), desk.browser()
    typed = {"missing": code[:-1], "twice": code + code, "nothing": "----"}.get(slip, code)
    if slip == "spaced":
        assert browser.post("/activate", code=typed.replace("-", " ").lower()).status_code == 303
        return
    for _ in range(3):
        page = browser.post("/activate", code=typed)
        assert page.status_code == 422
    said = {"missing": 19, "twice": 40, "nothing": 0}[slip]
    assert f"A code has 20 letters and digits; you typed {said}." in page.text
    assert f'value="{typed[:60]}"' in page.text, "what was typed can be mended"
    assert browser.post("/activate", code=code).status_code == 303


def test_a_person_with_one_name_is_greeted_by_it(desk: SignInDesk) -> None:
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol(given=""))
    assert "Tamm" in browser.get("/activate/set-up").text


@pytest.mark.row("failures", "4")
def test_an_opened_set_up_uses_nothing_up_until_the_password_is_set(desk: SignInDesk) -> None:
    code = desk.enrol()
    abandoned = desk.browser()
    assert abandoned.post("/activate", code=code).status_code == 303
    elsewhere = desk.browser()
    elsewhere.activate(code)
    assert elsewhere.whoami()["level"] == 2


@pytest.mark.row("failures", "4")
def test_a_code_that_was_used_opens_nothing_in_any_order_of_pages(desk: SignInDesk) -> None:
    code = desk.enrol()
    waiting = desk.browser()
    waiting.post("/activate", code=code)
    token = waiting.csrf("/activate/set-up")
    desk.browser().activate(code)
    late = waiting.http.post(
        "/activate/set-up",
        data={
            "csrf_token": token,
            "name": "thief",
            "password": PASSWORD,
            "repeated": PASSWORD,
        },
    )
    assert late.headers.get("location") == "/activate"
    assert waiting.post("/activate", code=code).status_code == 410
    assert waiting.get("/activate/set-up").headers["location"] == "/activate"
    assert desk.login.directory.of_name("thief") is None


def test_an_opened_set_up_is_worth_nothing_in_another_browser(desk: SignInDesk) -> None:
    first, second = desk.browser(), desk.browser()
    first.post("/activate", code=desk.enrol())
    stolen = first.cookie("set-up")
    assert stolen is not None
    second.get("/activate")
    second.set_cookie("set-up", stolen.strip('"'))
    assert second.get("/activate/set-up").headers["location"] == "/activate"


@pytest.mark.parametrize(
    ("name", "password", "repeated", "sentence"),
    [
        (NAME, "short", "short", "at least 10 characters"),
        (NAME, "passwordpassword1", "passwordpassword1", "easily guessed"),
        (NAME, "tammanna1990", "tammanna1990", "easily guessed"),
        (NAME, PASSWORD, PASSWORD + "x", "not the same"),
        (NAME, "x" * 1025, "x" * 1025, "too long"),
        ("a b", PASSWORD, PASSWORD, "spaces are not"),
    ],
)
@pytest.mark.row("assurance", "AU-2")
def test_a_choice_that_will_not_do_says_why_and_uses_nothing_up(
    desk: SignInDesk, name: str, password: str, repeated: str, sentence: str
) -> None:
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol())
    page = browser.post("/activate/set-up", name=name, password=password, repeated=repeated)
    assert page.status_code == 422
    assert sentence in page.text
    assert password not in page.text.replace("orbit", "") or password == PASSWORD
    done = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303


def test_a_name_that_somebody_has_is_refused_and_the_code_still_works(desk: SignInDesk) -> None:
    desk.citizen()
    browser = desk.browser()
    browser.post("/activate", code=desk.enrol("CD654321"))
    page = browser.post("/activate/set-up", name=NAME, password=PASSWORD, repeated=PASSWORD)
    assert "cannot be used" in page.text
    done = browser.post("/activate/set-up", name="other", password=PASSWORD, repeated=PASSWORD)
    assert done.status_code == 303


def test_guessing_codes_is_throttled_by_source(desk: SignInDesk) -> None:
    browser = desk.browser()
    token = browser.csrf("/activate")
    answers = [
        browser.http.post(
            "/activate", data={"csrf_token": token, "code": f"AAAA-AAAA-AAAA-AAAA-{1000 + n}"}
        ).status_code
        for n in range(desk.login.settings.source_attempts + 1)
    ]
    assert set(answers[:-1]) == {410}
    assert answers[-1] == 429


def invited(desk: SignInDesk) -> Browser:
    """A browser in which an officer has followed their link, and chosen name and password."""
    secret = desk.register.staff.invite("officer", "Ada Mets", desk.runtime.clock.now())
    browser = desk.browser()
    browser.get(f"/invitation/{secret}")
    browser.post("/activate/set-up", name="ada", password=PASSWORD, repeated=PASSWORD)
    return browser


@pytest.mark.row("assurance", "AU-2")
def test_staff_begin_by_a_one_time_link_and_get_their_role(desk: SignInDesk) -> None:
    secret = desk.register.staff.invite("officer", "Ada Mets", desk.runtime.clock.now())
    browser = desk.browser()
    assert browser.get(f"/invitation/{secret}").headers["location"] == "/activate/set-up"
    assert "Ada Mets" in browser.get("/activate/set-up").text
    done = browser.post("/activate/set-up", name="ada", password=PASSWORD, repeated=PASSWORD)
    assert done.headers["location"] == "/activate/passkey"
    there = browser.whoami()
    assert (there["kind"], there["roles"]) == ("staff", [])
    browser.use(browser.add_passkey(), step_up=True)
    assert browser.whoami()["roles"] == ["officer"]
    assert desk.browser().get(f"/invitation/{secret}").status_code == 410


def test_staff_who_hold_a_passkey_have_no_role_until_they_use_it(desk: SignInDesk) -> None:
    passkey = invited(desk).add_passkey()
    again = desk.browser()
    onward = again.sign_in("ada").headers["location"]
    assert onward == "/sign-in?level=3"
    assert again.whoami()["roles"] == []
    assert again.use(passkey, step_up=True).json() == {"location": "/desk"}
    assert again.whoami()["roles"] == ["officer"]


@pytest.mark.row("assurance", "AU-1")
def test_staff_with_a_password_alone_have_no_role_and_are_led_to_a_passkey(
    desk: SignInDesk,
) -> None:
    browser = invited(desk)
    assert browser.whoami()["roles"] == []
    onward = browser.get("/sign-in?return_to=%2Fdesk").headers["location"]
    assert onward == "/activate/passkey?return_to=%2Fdesk"
    page = browser.get(onward).text
    assert "opens with a passkey only" in page
    assert "Later" not in page
    assert 'href="/desk"' not in page
    browser.add_passkey()
    # The proof that they just gave counts: nobody asks for it again.
    assert browser.whoami()["roles"] == ["officer"]
    assert browser.get("/sign-in?return_to=%2Fdesk").headers["location"] == "/desk"


@pytest.mark.row("assurance", "CM-1")
def test_a_password_of_staff_binds_no_passkey_after_the_set_up(desk: SignInDesk) -> None:
    invited(desk)
    thief = desk.browser()
    assert thief.sign_in("ada").headers["location"] == "/activate/passkey"
    refused = thief.get("/activate/passkey")
    assert refused.status_code == 403
    assert "Ask for a new invitation" in refused.text
    # What the page's script would send works for nothing either.
    thief.use(thief.add_passkey(), step_up=True)
    assert thief.whoami()["roles"] == []


def test_where_nobody_but_staff_signs_in_there_is_nothing_to_activate(desk: SignInDesk) -> None:
    regulator = SignInDesk(desk.runtime, staff_only=True)
    browser = regulator.browser()
    assert browser.get("/activate").status_code == 404
    page = browser.get("/sign-in").text
    assert "/activate" not in page
    assert "staff" in page


def choices(**changed: str) -> dict[str, str]:
    return {"name": NAME, "password": PASSWORD, "repeated": PASSWORD, **changed}


def test_two_activations_in_two_tabs_of_one_browser_do_not_mix(desk: SignInDesk) -> None:
    browser = desk.browser()
    first = browser.post("/activate", code=desk.enrol("AB123456", given="Anna"))
    second = browser.post("/activate", code=desk.enrol("CD123456", given="Mari"))
    assert "Anna" in browser.get(first.headers["location"]).text
    assert "Mari" in browser.get(second.headers["location"]).text
    where = first.headers["location"]
    assert browser.post(where, form=where, **choices()).status_code == 303
    assert "Mari" in browser.get(second.headers["location"]).text


def test_choices_that_are_sent_twice_lead_to_the_same_place_and_sign_in_once(
    desk: SignInDesk,
) -> None:
    browser = desk.browser()
    where = browser.post("/activate", code=desk.enrol()).headers["location"]
    sent = {"csrf_token": browser.csrf(where), **choices()}
    before = dict(browser.http.cookies)
    first = browser.http.post(where, data=sent)
    # The browser never saw that answer: it has the cookies from before.
    browser.http.cookies.clear()
    for name, value in before.items():
        browser.http.cookies.set(name, value, domain="localhost.local", path="/")
    second = browser.http.post(where, data=sent)
    assert second.headers["location"] == first.headers["location"] == "/activate/passkey"
    assert browser.whoami()["kind"] == "citizen"
    browser.http.cookies.clear()
    for name, value in before.items():
        browser.http.cookies.set(name, value, domain="localhost.local", path="/")
    wrong = browser.http.post(where, data={**sent, "password": "something else entirely"})
    assert wrong.headers["location"] == "/activate"
