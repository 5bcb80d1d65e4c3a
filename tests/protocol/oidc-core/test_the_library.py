"""The demo's library forgets a person as soon as it may know nothing more — Core §5.3; G-4.

The library is the demo's own application, against a whole deployment on a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from civitas.demo.city import SCOPE
from civitas.demo.eservice import EService, application
from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Server
from idp.oauth import OAuth
from tests.support.authorization_server import hidden_fields
from tests.support.city import City, Visitor
from tests.support.client import TestClient
from tests.support.deployments import settings_in
from tests.support.serving import serving

HERE = "http://localhost:9"  # where the library says it is; nobody connects there


class Reader:
    """One person with two tabs: their account, and the library."""

    def __init__(self, city: City, service: EService) -> None:
        *_, last = city.importer.run(
            as_csv(residents(1, 11, city="Tallinn", country="EE")), "r.csv"
        )
        person = city.importer.persons(last.import_id)[0]
        self.city = city
        self.account: Visitor = city.citizen(person, "first.citizen")
        self.library = TestClient(application(service), base_url=HERE, follow_redirects=False)

    def joins(self, *give: str) -> str:
        """Sign in at the library; its page then."""
        sent = self.signs_in()
        answer = self.account.get(sent)
        assert answer.status_code == 303, answer.text
        assert answer.status_code == 303, answer.text
        if "/oauth/consent" in answer.headers["location"]:
            page = self.account.get(answer.headers["location"]).text
            ticked = {f"give.{name}": "yes" for name in give}
            form = {**hidden_fields(page), **ticked, "answer": "accept"}
            answer = self.account.http.post("/oauth/consent", data=form)
            assert answer.status_code == 303, answer.text
        back = urlsplit(answer.headers["location"])
        assert self.library.get(f"{back.path}?{back.query}").status_code == 303
        return self.looks()

    def signs_in(self) -> str:
        """Where the library sends the browser."""
        answer = self.library.post("/sign-in")
        assert answer.status_code == 302, answer.text
        return str(answer.headers["location"])

    def looks(self) -> str:
        return self.library.get("/").text

    def withdraws(self) -> None:
        (consent,) = self.city.deployment.parts["policies"].consent.list(self.account.id)
        gone = self.account.post(f"/account/consents/{consent.id}/withdraw")
        assert gone.status_code == 303, gone.text


@pytest.fixture
def city(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[City]:
    port = free_port()
    settings = settings_in(tmp_path, Server(url=f"http://localhost:{port}"))
    # Authlib reads its own clock.
    made = City(settings, FrozenClock(datetime.now(UTC)))
    with serving(made.app, port):
        yield made
    made.close()


@pytest.fixture
def reader(city: City) -> Reader:
    oauth: OAuth = city.deployment.parts["oauth"]
    metadata = {
        "client_name": "City library",
        "redirect_uris": [f"{HERE}/callback"],
        "scope": f"{SCOPE} access:evaluate",
        "purposes": ["library"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
    }
    added = oauth.clients.add(metadata, city.clock.now())
    issuer = city.settings.of(Server).url
    service = EService(
        issuer, added.client.id, added.secret or "", HERE, "City library", "library", SCOPE
    )
    return Reader(city, service)


@pytest.mark.row("privacy", "G-4")
def test_after_a_withdrawal_the_library_says_what_it_deleted_and_knows_nothing(
    reader: Reader,
) -> None:
    knows = reader.joins("given_name")
    assert "What we learned about you" in knows
    assert "Your number here, and nowhere else" in knows
    reader.withdraws()
    page = reader.looks()
    assert "We forgot you" in page
    assert "<li>Your number here, and nowhere else</li>" in page
    assert "<dl>" not in page
    assert "Sign in with your city identity" in page
    assert reader.library.post("/ask/age_over_18").headers["location"] == "/"
    # It stays said until somebody signs in there.
    assert "We forgot you" in reader.looks()
    assert "We forgot you" not in reader.joins("given_name")


def test_after_a_sign_out_the_library_forgets_also_when_its_token_had_run_out(
    reader: Reader,
) -> None:
    reader.joins("given_name")
    reader.city.clock.advance(timedelta(minutes=6))
    assert "What we learned about you" in reader.looks(), "a token that ran out is no sign-out"
    assert "What we learned about you" in reader.looks()
    reader.account.post("/sign-out")
    assert "We forgot you" in reader.looks()


def test_a_yes_or_no_is_asked_where_it_is_answered_and_ends_with_the_consent(
    reader: Reader,
) -> None:
    assert "Is this person 18 or older?" in reader.joins("age_over_18")
    # They are proofed at level 1 here; what a "yes" looks like is in the browser's story.
    assert "withdrew" not in reader.library.post("/ask/age_over_18").text
    reader.withdraws()
    refused = reader.library.post("/ask/age_over_18")
    assert "We were not told." in refused.text
    assert "withdrew" in refused.text


def test_no_question_is_offered_where_discovery_has_no_endpoint_for_it(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("civitas.demo.questions.WELL_KNOWN", "/.well-known/no-such-thing")
    assert "Is this person" not in reader.joins("given_name")
    asked = reader.library.post("/ask/age_over_18")
    assert asked.status_code == 200
    assert "does not answer such questions" in asked.text


def test_signing_out_of_the_library_leaves_it_no_token(reader: Reader) -> None:
    reader.joins("given_name")
    reader.library.post("/sign-out")
    assert "What we learned" not in reader.looks()
    services = reader.account.get("/account/services").text
    assert "Act for you until you sign out here" not in services


@pytest.mark.row("failures", "20")
def test_who_signs_out_on_the_consent_page_is_led_back_to_the_service(reader: Reader) -> None:
    sent = reader.signs_in()
    where = reader.account.get(sent).headers["location"]
    page = reader.account.get(where).text
    leaving = page.split('action="/sign-out"')[1].split("</form>")[0]
    assert f'name="return_to" value="{where.split("localhost")[-1]}"'.split("&")[0] in leaving
    out = reader.account.post("/sign-out", return_to=where)
    gone = reader.account.get(out.headers["location"]).text
    assert "Go back to City library" in gone
    assert "error=access_denied" in gone
    assert "can ask us nothing more about you" in gone
    # Who signs in once more goes on where they were.
    assert "/sign-in?return_to=%2Foauth%2Fconsent%3Ftransaction%3D" in gone
    elsewhere = reader.account.get("/signed-out?return_to=//evil.example/").text
    assert 'href="//evil.example' not in elsewhere
    assert 'href="/sign-in"' in elsewhere
