"""At a test service its developer and invented residents sign in, and nobody else."""

from __future__ import annotations

import pytest

from idp.oauth import remove_tester
from tests.protocol.developers.conftest import Place, code_of
from tests.support.authorization_server import VERIFIER, answer_of, hidden_fields, request_of
from tests.support.city import Visitor

HERE = "http://localhost:5000/callback"


@pytest.mark.row("failures", "12")
def test_its_developer_signs_in_and_somebody_else_does_not(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, secret = place.register(citizen)
    asked = request_of(client_id, HERE)
    refused = place.sign_in(other, asked)
    assert refused.status_code == 403
    assert "This service is being tested" in refused.text
    code = code_of(place.sign_in(citizen, asked))
    answer = citizen.http.post(
        "/oauth/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": HERE,
            "code_verifier": VERIFIER,
        },
        auth=(client_id, secret),
    )
    assert answer.status_code == 200, answer.text


def test_who_is_named_as_invented_signs_in_at_every_test(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    asked = request_of(client_id, HERE)
    assert place.sign_in(other, asked).status_code == 403
    place.invent(place.people[1])
    assert code_of(place.sign_in(other, asked))
    # Nothing would be asked again; whoever is named no more is refused all the same.
    with place.city.runtime.database.write() as uow:
        assert remove_tester(uow, place.people[1])
    assert place.sign_in(other, asked).status_code == 403


@pytest.mark.row("failures", "12")
def test_who_is_taken_off_while_the_question_stands_is_refused_at_the_answer(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    place.invent(place.people[1])
    asked = other.get("/oauth/authorize", params=request_of(client_id, HERE))
    page = other.get(asked.headers["location"])
    with place.city.runtime.database.write() as uow:
        remove_tester(uow, place.people[1])
    form = {**hidden_fields(page.text), "answer": "accept"}
    assert other.http.post("/oauth/consent", data=form).status_code == 403


def test_in_silence_nobody_learns_who_is_there(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    asked = {**request_of(client_id, HERE), "prompt": "none"}
    for visitor in (other, place.city.browser()):
        told = answer_of(visitor.get("/oauth/authorize", params=asked))
        assert told["error"] == "login_required"


def test_a_row_that_somebody_wrote_into_the_database_lets_nobody_in(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    from sqlalchemy import text

    client_id, _ = place.register(citizen)
    engine = place.city.runtime.database.engine
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO oauth_testers (client_id, person_id, added_at) VALUES (:c, :p, 1)"),
            {"c": client_id, "p": place.people[1]},
        )
    assert place.sign_in(other, request_of(client_id, HERE)).status_code == 403
