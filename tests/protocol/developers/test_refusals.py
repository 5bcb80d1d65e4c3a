"""Why the last requests of a service were refused: to its owner, bounded, without anybody in it."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import pytest

from idp.oauth.tables import client_refusals
from idp.oauth.watching import MOST_REASONS
from tests.protocol.developers.conftest import Place
from tests.support.authorization_server import request_of
from tests.support.city import Visitor

HERE = "http://localhost:5000/callback"


def page(visitor: Visitor, client_id: str) -> str:
    answer = visitor.get(f"/developers/services/{client_id}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def token(place: Place, auth: tuple[str, str], **form: str) -> Any:
    return place.city.browser().http.post("/oauth/token", data=form, auth=auth)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (f"{HERE}/", "the slash at the end counts"),
        ("https://localhost:5000/callback", "with http."),
        ("http://localhost:5001/callback", "The port is another one"),
        ("http://localhost:5000/Callback", "capital letters count"),
        ("http://localhost:5000/back", "the path is another one"),
        ("http://other.example/per_secret", "The host is another one"),
        (f"{HERE}?x=1", "what follows the path counts too"),
        ("nonsense", "Registered is"),
        ("http://[", "That is no address."),
    ],
)
def test_a_wrong_redirect_uri_is_told_with_what_is_wrong_with_it(
    place: Place, citizen: Visitor, sent: str, why: str
) -> None:
    client_id, _ = place.register(citizen)
    answer = place.city.browser().get("/oauth/authorize", params=request_of(client_id, sent))
    assert answer.status_code == 400
    assert why not in html.unescape(answer.text)
    told = page(citizen, client_id)
    assert why in told
    assert "per_secret" not in told


def test_a_wrong_secret_is_told_to_the_owner_and_not_to_who_guesses(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, secret = place.register(citizen)
    guess = token(place, (client_id, "guessed-wrong-secret"), grant_type="refresh_token")
    assert guess.status_code == 401
    assert "secret is wrong" not in guess.text
    told = page(citizen, client_id)
    assert "The client secret is wrong." in told
    assert "guessed-wrong-secret" not in told
    assert "guessed-wrong-secret" not in str(rows(place))
    assert other.get(f"/developers/services/{client_id}").status_code == 404
    spaced = place.city.browser().http.post(
        "/oauth/token",
        data={"grant_type": "x", "client_id": client_id, "client_secret": f"{secret} "},
    )
    assert spaced.status_code == 401
    assert "a space or a line break at its end" in page(citizen, client_id)


def test_the_same_reason_again_is_counted(place: Place, citizen: Visitor) -> None:
    client_id, secret = place.register(citizen)
    for _ in range(3):
        answer = token(place, (client_id, secret), grant_type="authorization_code", code="x")
        assert answer.json()["error"] == "invalid_grant" or answer.status_code == 400
    (row,) = rows(place)
    assert row.times == 3
    assert "3 ×" in page(citizen, client_id)
    days = place.tokens.watching.days_of(client_id)
    assert (days[-1].refused, days[-1].signed_in) == (3, 0)


def test_what_is_no_fault_of_the_service_is_not_kept(place: Place, citizen: Visitor) -> None:
    client_id, _ = place.register(citizen)
    asked = {**request_of(client_id, HERE), "prompt": "none"}
    place.city.browser().get("/oauth/authorize", params=asked)
    assert not rows(place)


def test_nothing_is_kept_of_a_service_that_is_not_there(place: Place, citizen: Visitor) -> None:
    for client_id in ("svc_nobody", "", "https://x.example", "x" * 3000):
        token(place, (client_id, "x"), grant_type="authorization_code")
        place.city.browser().get("/oauth/authorize", params=request_of(client_id, HERE))
    assert not rows(place)


def test_so_many_reasons_are_kept_and_no_more_however_many_come(
    place: Place, citizen: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    visitor = place.city.browser()
    for number in range(MOST_REASONS + 10):
        asked = {**request_of(client_id, HERE), "scope": f"openid x{number}"}
        visitor.get("/oauth/authorize", params=asked)
        if number % 7 == 0:
            place.tokens.watching.write_down()
            place.city.clock.advance(timedelta(seconds=1))
    assert len(rows(place)) == MOST_REASONS
    assert f"x{MOST_REASONS + 9}" in page(citizen, client_id)
    waiting = place.tokens.watching
    for number in range(MOST_REASONS * 3):
        visitor.get(
            "/oauth/authorize",
            params={**request_of(client_id, HERE), "scope": f"openid y{number}"},
        )
    assert len(waiting._refusals) <= MOST_REASONS


def test_they_are_gone_after_days(place: Place, citizen: Visitor) -> None:
    from idp.oauth.sweeping import sweep

    client_id, secret = place.register(citizen)
    token(place, (client_id, secret), grant_type="nonsense")
    assert rows(place)
    place.city.clock.advance(timedelta(days=8))
    sweep(place.city.runtime.database, place.city.clock.now())
    assert not rows(place)
    place.city.clock.advance(timedelta(days=100))
    sweep(place.city.runtime.database, place.city.clock.now())
    assert place.tokens.watching.days_of(client_id, 120)[11].refused == 0


def test_nothing_that_a_person_is_known_by_is_kept(place: Place, citizen: Visitor) -> None:
    client_id, secret = place.register(citizen)
    place.city.browser().get(
        "/oauth/authorize",
        params={**request_of(client_id, HERE), "login_hint": "anna@example.org", "max_age": "anna"},
    )
    token(place, (client_id, secret), grant_type="refresh_token", refresh_token="rt-anna-12345")
    token(place, (client_id, secret), grant_type="authorization_code", code="anna-code-12345")
    assert len(rows(place)) == 3
    assert "anna" not in str(rows(place))


def test_a_refusal_writes_nothing_down_while_it_is_answered(place: Place, citizen: Visitor) -> None:
    client_id, secret = place.register(citizen)
    token(place, (client_id, secret), grant_type="nonsense")
    with place.city.runtime.database.read() as uow:
        assert not uow.all(client_refusals.select())


def rows(place: Place) -> list[Any]:
    place.tokens.watching.write_down()
    with place.city.runtime.database.read() as uow:
        return list(uow.all(client_refusals.select()))
