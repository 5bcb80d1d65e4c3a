"""A sign-in is tried in the browser: the code flow as that service, and what it would get."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from sqlalchemy import select

from idp.oauth.tables import grants
from tests.protocol.developers.conftest import Place
from tests.support.city import Visitor


def prepared(visitor: Visitor, client_id: str) -> str:
    page = visitor.post(f"/developers/services/{client_id}/try")
    assert page.status_code == 200, page.text
    found = re.search(r'href="(/developers/trials/[^"]+)"', page.text)
    assert found is not None
    return found[1]


def walked(place: Place, visitor: Visitor, begin: str) -> Any:
    """The page at the end of the way."""
    off = visitor.get(begin)
    assert off.status_code == 303, off.text
    back = place.consented(visitor, visitor.get(off.headers["location"]))
    assert "/developers/tried?" in back.headers["location"], back.headers["location"]
    return back.headers["location"]


def shown(page: Any) -> list[Any]:
    found = re.findall(r"<pre[^>]*><code>(\{.*?\})</code>", page.text, re.DOTALL)
    return [json.loads(html.unescape(one)) for one in found]


def test_a_developer_tries_it_and_sees_the_claims(place: Place, citizen: Visitor) -> None:
    client_id, _ = place.register(citizen)
    page = citizen.get(walked(place, citizen, prepared(citizen, client_id)))
    assert page.status_code == 200, page.text
    header, id_token, userinfo, access = shown(page)
    assert header["alg"] == "RS256"
    assert id_token["aud"] == client_id
    assert id_token["sub"] == userinfo["sub"]
    assert access["client_id"] == client_id
    assert "Chess club &lt;b&gt;" in page.text
    with place.city.runtime.database.read() as uow:
        assert {row.state for row in uow.all(select(grants))} == {"ended"}


def test_an_invented_resident_tries_it_in_another_window(place: Place, other: Visitor) -> None:
    developer = place.city.staff("developer")
    client_id, _ = place.register(developer)
    place.invent(place.people[1])
    page = other.get(walked(place, other, prepared(developer, client_id)))
    assert page.status_code == 200, page.text
    assert len(shown(page)) == 4


def test_it_works_once_and_in_the_browser_that_began_it(
    place: Place, citizen: Visitor, other: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    begin = prepared(citizen, client_id)
    back = walked(place, citizen, begin)
    assert other.get(begin).status_code == 404
    assert other.get(back).status_code == 404
    assert citizen.get(back).status_code == 200
    assert citizen.get(back).status_code == 404


def test_an_answer_that_is_not_ours_or_that_was_changed_shows_nothing(
    place: Place, citizen: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    back = walked(place, citizen, prepared(citizen, client_id))
    mixed = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    assert citizen.get(mixed).status_code == 404
    back = walked(place, citizen, prepared(citizen, client_id))
    wrong = re.sub(r"code=[^&]+", "code=stolen", back)
    page = citizen.get(wrong)
    assert page.status_code == 200
    assert "invalid_grant" in page.text
    assert not shown(page)
    for query in ("", "?state=x", "?state=x&code=y"):
        assert citizen.get(f"/developers/tried{query}").status_code == 404


def test_a_refusal_is_shown_as_the_service_would_have_heard_it(
    place: Place, citizen: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    off = citizen.get(prepared(citizen, client_id))
    consent = citizen.get(off.headers["location"])
    page = citizen.get(consent.headers["location"])
    from tests.support.authorization_server import hidden_fields

    form = {**hidden_fields(page.text), "answer": "refuse"}
    back = citizen.http.post("/oauth/consent", data=form)
    shown_page = citizen.get(back.headers["location"])
    assert "access_denied" in shown_page.text


def test_it_is_not_for_a_service_in_production(
    place: Place, citizen: Visitor, operator: Visitor
) -> None:
    client_id, _ = place.register(citizen)
    begin = prepared(citizen, client_id)
    place.tokens.clients  # noqa: B018 - the same deployment
    with place.city.runtime.database.write() as uow:
        altered = place.tokens.clients.altered(uow, client_id, {"test_only": None}, locked=True)
        place.tokens.clients.change(uow, altered, "x", operator_actor(), place.city.clock.now())
    assert citizen.post(f"/developers/services/{client_id}/try").status_code == 409
    back = walked(place, citizen, begin)
    assert citizen.get(back).status_code == 409


def operator_actor() -> Any:
    from foundation.audit import SYSTEM

    return SYSTEM
