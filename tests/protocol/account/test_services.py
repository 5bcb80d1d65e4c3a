"""The services that can act for a person: all of them seen, each ended — G-4; failures 20."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from civitas.residents import as_csv, residents
from foundation.clock import FrozenClock
from foundation.settings import Settings
from idp.login import Login
from idp.oauth import AddedClient, OAuth, pkce
from idp.portal.sentences import SENTENCES
from idp.register import Subject
from tests.support.authorization_server import VERIFIER, answer_of, hidden_fields
from tests.support.city import PASSWORD, City, Visitor

NEW_PASSWORD = "harbour walnut copper tide"


@pytest.fixture
def city(any_settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(any_settings, clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: City, clock: FrozenClock) -> Visitor:
    *_, last = city.importer.run(as_csv(residents(1, 11, city="Tallinn", country="EE")), "r.csv")
    activated = city.citizen(city.importer.persons(last.import_id)[0], "first.citizen")
    clock.advance(timedelta(minutes=1))
    return activated


def add(city: City, name: str, host: str, **more: Any) -> AddedClient:
    oauth: OAuth = city.deployment.parts["oauth"]
    metadata = {
        "client_name": name,
        "redirect_uris": [f"https://{host}/cb"],
        "scope": "openid email offline_access notes:read",
        "purposes": ["identity.sign-in"],
        "grant_types": ["authorization_code", "refresh_token"],
        **more,
    }
    return oauth.clients.add(metadata, city.clock.now())


def sign_in(citizen: Visitor, service: AddedClient, scope: str, *give: str, **more: str) -> Any:
    """The whole walk, and the token response."""
    uri = service.client.redirect_uris[0]
    asked = {
        "client_id": service.client.id,
        "response_type": "code",
        "redirect_uri": uri,
        "scope": scope,
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **more,
    }
    answer = citizen.get("/oauth/authorize", params=asked)
    if answer.headers["location"].startswith("/oauth/consent"):
        page = citizen.get(answer.headers["location"]).text
        ticked = {f"give.{name}": "yes" for name in give}
        answer = citizen.http.post(
            "/oauth/consent", data={**hidden_fields(page), **ticked, "answer": "accept"}
        )
    code = answer_of(answer)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": uri}
    return token(citizen, service, **form, code_verifier=VERIFIER).json()


def token(citizen: Visitor, service: AddedClient, **form: str) -> Any:
    auth = (service.client.id, service.secret or "")
    return citizen.http.post("/oauth/token", data=form, auth=auth)


def refreshed(citizen: Visitor, service: AddedClient, tokens: Any) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return int(token(citizen, service, **form).status_code)


@pytest.mark.row("failures", "20")
@pytest.mark.row("privacy", "G-4")
def test_every_service_that_can_act_is_listed_with_or_without_data(
    city: City, citizen: Visitor, clock: FrozenClock
) -> None:
    quiet = add(city, "Quiet Notes", "quiet.example")
    tokens = sign_in(citizen, quiet, "openid offline_access notes:read")
    sign_in(citizen, add(city, "City Library", "library.example"), "openid email", "email")
    clock.advance(timedelta(minutes=10))
    assert refreshed(citizen, quiet, tokens) == 200
    page = citizen.get("/account/services").text
    assert "Quiet Notes" in page
    assert "City Library" in page
    assert "Act for you while you are away, until" in page
    assert "Use its right “notes:read”" in page
    assert "Nothing but a number for you that no other service knows" in page
    assert "2 services can act for you" in citizen.get("/account").text
    told = citizen.get("/account/data.json").json()["services"]
    by_name = {one["name"]: one for one in told}
    assert by_name["City Library"]["attributes"] == ["email"]
    assert by_name["Quiet Notes"]["last_used"] == clock.now().isoformat()


@pytest.mark.row("failures", "20")
def test_a_service_without_data_survives_signing_out_visibly_and_is_ended(
    city: City, citizen: Visitor
) -> None:
    quiet = add(city, "Quiet Notes", "quiet.example")
    tokens = sign_in(citizen, quiet, "openid offline_access")
    signed_out = citizen.post("/sign-out")
    assert "goes on" in (signed_out.text or citizen.get(signed_out.headers["location"]).text)
    citizen.post("/sign-in", name="first.citizen", password=PASSWORD)
    assert "Quiet Notes" in citizen.get("/account/services").text
    ask = f"/account/services/end?service={quiet.client.id}"
    assert "End the access of Quiet Notes?" in citizen.get(ask).text
    done = citizen.post("/account/services/end", ask, service=quiet.client.id)
    assert done.headers["location"] == "/account/services?done=one"
    page = citizen.get(done.headers["location"]).text
    assert "Quiet Notes" not in page
    assert "Its access has ended" in page
    assert refreshed(citizen, quiet, tokens) == 400
    # Pressed twice it ends once, and what happened is told.
    assert citizen.post("/account/services/end", service=quiet.client.id).status_code == 303
    kinds = city.kinds(citizen.id)
    assert kinds.count("service.ended") == 1
    assert set(kinds) <= set(SENTENCES)
    assert "You ended everything that Quiet Notes could do" in citizen.get("/account/ledger").text


@pytest.mark.row("failures", "20")
def test_all_services_end_at_once_with_their_consents_and_tokens(
    city: City, citizen: Visitor
) -> None:
    services = [add(city, f"Service {n}", f"s{n}.example") for n in range(3)]
    held = [sign_in(citizen, s, "openid email offline_access", "email") for s in services]
    assert "Service 2" in citizen.get("/account/services/end").text
    assert citizen.post("/account/services/end").status_code == 400
    done = citizen.post("/account/services/end", "/account/services/end", all="yes")
    assert done.headers["location"] == "/account/services?done=all"
    assert "No service can act for you" in citizen.get("/account/services").text
    assert [refreshed(citizen, s, t) for s, t in zip(services, held, strict=True)] == [400] * 3
    states = {c["state"] for c in citizen.get("/me/v1/consents").json()["consents"]}
    assert states == {"withdrawn"}


@pytest.mark.row("failures", "20")
def test_a_changed_password_asks_whether_services_and_other_sessions_end(
    city: City, citizen: Visitor, clock: FrozenClock
) -> None:
    quiet = add(city, "Quiet Notes", "quiet.example")
    tokens = sign_in(citizen, quiet, "openid offline_access")
    clock.advance(timedelta(minutes=1))
    changed = citizen.post(
        "/account/credentials/password",
        "/account/credentials",
        present=PASSWORD,
        chosen=NEW_PASSWORD,
        repeated=NEW_PASSWORD,
    )
    assert changed.headers["location"] == "/account/services/review"
    # The question stands until it is answered, at the first page that they come to.
    assert citizen.get("/account").headers["location"] == "/account/services/review"
    assert "Quiet Notes" in citizen.get("/account/services/review").text
    other = city.browser()
    other.post("/sign-in", name="first.citizen", password=NEW_PASSWORD)
    assert other.get("/account/services").status_code == 200
    review = "/account/services/review"
    assert citizen.post(review, review, answer="perhaps").status_code == 400
    assert citizen.post(review, review, answer="end").status_code == 303
    assert refreshed(citizen, quiet, tokens) == 400
    assert other.get("/account/services").status_code == 303
    assert citizen.get("/account").status_code == 200


def test_services_that_may_go_on_go_on_and_are_not_asked_about_again(
    city: City, citizen: Visitor, clock: FrozenClock
) -> None:
    quiet = add(city, "Quiet Notes", "quiet.example")
    tokens = sign_in(citizen, quiet, "openid offline_access")
    clock.advance(timedelta(minutes=1))
    citizen.add_and_use_passkey()
    review = "/account/services/review"
    assert citizen.get("/account").headers["location"] == review
    citizen.post(review, review, answer="keep")
    assert citizen.get("/account").status_code == 200
    assert refreshed(citizen, quiet, tokens) == 200


@pytest.mark.row("failures", "20")
def test_who_recovers_is_asked_which_of_the_earlier_services_may_go_on(
    city: City, citizen: Visitor, clock: FrozenClock
) -> None:
    sign_in(citizen, add(city, "Quiet Notes", "quiet.example"), "openid offline_access")
    clock.advance(timedelta(minutes=1))
    login: Login = city.deployment.parts["login"]
    with city.runtime.database.write() as uow:
        login.directory.means_changed(uow, Subject("citizen", citizen.id), clock.now())
    clock.advance(timedelta(minutes=1))
    sign_in(citizen, add(city, "Later Library", "library.example"), "openid offline_access")
    assert citizen.get("/account").headers["location"] == "/account/services/review"
    page = citizen.get("/account/services/review").text
    assert "Quiet Notes" in page
    assert "Later Library" not in page


def test_nobody_sees_or_ends_the_services_of_another(city: City, citizen: Visitor) -> None:
    sign_in(citizen, add(city, "Quiet Notes", "quiet.example"), "openid offline_access")
    stranger = city.browser()
    for path in ("/account/services", "/account/services/end", "/account/services/review"):
        assert stranger.get(path).headers["location"].startswith("/sign-in")
    staff = city.staff()
    assert staff.get("/account/services").status_code == 403
    assert staff.post("/account/services/end", all="yes").status_code == 403
    assert "Quiet Notes" in citizen.get("/account/services").text


@pytest.mark.row("failures", "20")
def test_a_service_that_got_nothing_is_listed_and_can_be_chosen_anew(
    city: City, citizen: Visitor
) -> None:
    library = add(city, "City Library", "library.example")
    sign_in(citizen, library, "openid email")
    page = citizen.get("/account/services").text
    assert "City Library" in page
    assert "Nothing but a number for you that no other service knows" in page
    asked = {
        "client_id": library.client.id,
        "response_type": "code",
        "redirect_uri": library.client.redirect_uris[0],
        "scope": "openid email",
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    silent = citizen.get("/oauth/authorize", params=asked).headers["location"]
    assert silent.startswith("https://library.example/cb?code=")
    done = citizen.post("/account/services/anew", "/account/services", service=library.client.id)
    assert "You are asked again" in citizen.get(done.headers["location"]).text
    again = citizen.get("/oauth/authorize", params=asked).headers["location"]
    assert again.startswith("/oauth/consent")
    assert 'name="give.email"' in citizen.get(again).text


@pytest.mark.row("privacy", "G-3")
def test_a_withdrawal_is_one_click_and_its_receipt_can_be_read(
    city: City, citizen: Visitor
) -> None:
    library = add(city, "City Library", "library.example")
    sign_in(citizen, library, "openid email", "email")
    page = citizen.get("/account/consents").text
    action = page.split('action="/account/consents/')[1].split('"')[0]
    done = citizen.post(f"/account/consents/{action}", "/account/consents")
    assert "You withdrew this consent" in citizen.get(done.headers["location"]).text
    consent = action.split("/")[0]
    receipt = citizen.get(f"/account/consents/{consent}/receipt/page").text
    for words in ("City Library", "Email address", "Ended", consent, "Download the signed file"):
        assert words in receipt, words
    somebody = city.browser()
    assert somebody.get(f"/account/consents/{consent}/receipt/page").status_code in (302, 303, 401)
