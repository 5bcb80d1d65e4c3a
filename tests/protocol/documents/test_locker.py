"""Documents of issuers, shared by consent, and checked by anybody — the promises of DigiLocker."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from jwt import PyJWKSet

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import Visitor
from tests.support.lockers import RETURN, SAID, Lockers, answer, lockers, pick


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[Lockers]:
    with lockers(settings, clock) as made:
        yield made


@pytest.fixture
def citizen(city: Lockers) -> Visitor:
    return city.citizen(city.people()[0], "first.citizen")


def claims_of(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def state(answered: Any) -> str:
    said: str = answered.headers["location"]
    return said


def share(city: Lockers, citizen: Visitor, **fields: str) -> tuple[str, str]:
    """A document that the library may fetch: its address, and the request's id."""
    assert city.program(city.office).make_out(citizen.id).status_code in (200, 201)
    library = city.program(city.library)
    asked = library.ask(citizen.id)
    assert asked.status_code == 201, asked.text
    done = answer(citizen, asked.json()["url"], **{"lasting": "until", **fields})
    assert done.status_code == 303, done.text
    found = library.get(f"/documents/v1/requests/{asked.json()['id']}").json()
    assert found["state"] == "shared"
    (one,) = found["documents"]
    return one["uri"], asked.json()["id"]


# ── a document has an address, and resolves to an original that its issuer signed ─────


def test_a_document_has_a_uri_and_resolves_to_an_issuer_signed_original(city, citizen):
    made = city.program(city.office).make_out(citizen.id)
    assert made.status_code == 201
    assert made.json()["uri"] == "http://localhost:8000/documents/v1/town-hall/residence/R-1"
    fetched = city.program(city.office).get(made.json()["uri"]).json()
    # By a library, from the keys that are published: nothing of ours verifies.
    keys = PyJWKSet.from_dict(city.browser().get("/documents/v1/keys").json())
    token = fetched["document"]
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        issuer="http://localhost:8000",
        options={"verify_iat": False, "verify_nbf": False, "verify_exp": False},
    )
    assert claims["content"] == SAID
    assert claims["jti"] == made.json()["uri"]
    assert claims["issuer"] == {"id": "town-hall", "name": "Town Hall"}


def test_one_changed_byte_fails_verification(city, citizen):
    token = city.program(city.office).make_out(citizen.id).json()["document"]

    def check(document: str) -> Any:
        return city.browser().http.post("/documents/v1/check", json={"document": document}).json()

    assert check(token)["genuine"] is True
    for place in range(0, len(token), 37):
        changed = token[:place] + ("B" if token[place] != "B" else "C") + token[place + 1 :]
        city.clock.advance(timedelta(seconds=10))
        assert check(changed)["genuine"] is False, place


def test_a_key_of_another_purpose_signs_no_document(city, citizen):
    city.program(city.office).make_out(citizen.id)
    signer = city.runtime.keys.signer("document-university")
    _, token = city.locker.issuing.own(city.office.client.id, "residence", "R-1")
    head, body, _ = token.split(".")
    header = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    header["kid"] = signer.kid
    from documents.locker.originals import _base64url, _part

    signed = f"{_part(header)}.{body}"
    forged = f"{signed}.{_base64url(signer.sign(signed.encode()))}"
    told = city.browser().http.post("/documents/v1/check", json={"document": forged}).json()
    assert told["genuine"] is False
    assert "did not sign it" in told["problem"]


# ── a requester gets only what the citizen picked ─────────────────────────────────────


@pytest.mark.row("privacy", "G-1")
def test_a_requester_gets_only_what_the_citizen_picked(city, citizen):
    office, library = city.program(city.office), city.program(city.library)
    office.make_out(citizen.id)
    office.make_out(citizen.id, number="R-2")
    asked = library.ask(citizen.id).json()
    path = "/" + asked["url"].split("/", 3)[3]
    _, second = pick(citizen.get(path).text)
    page = citizen.get(path).text
    assert "checked" not in page.split('name="lasting"')[0], "nothing is ticked in advance"
    done = answer(citizen, asked["url"], **{second: ""})
    assert state(done) == f"{RETURN}?request_id={asked['id']}&state=shared"
    shared = library.get(f"/documents/v1/requests/{asked['id']}").json()["documents"]
    assert len(shared) == 1
    given = shared[0]
    fetched = library.get(given["uri"])
    assert fetched.status_code == 200, fetched.text
    other = {"R-1": "R-2", "R-2": "R-1"}[given["uri"][-3:]]
    refused = library.get(given["uri"][:-3] + other)
    assert refused.status_code == 403


@pytest.mark.row("privacy", "P-2")
def test_fields_that_were_not_asked_for_stay_out_of_the_extract(city, citizen):
    city.program(city.office).make_out(citizen.id)
    library = city.program(city.library)
    wanted = [{"issuer": "town-hall", "kind": "residence", "parts": ["since"]}]
    asked = library.ask(citizen.id, documents=wanted).json()
    answer(citizen, asked["url"])
    (given,) = library.get(f"/documents/v1/requests/{asked['id']}").json()["documents"]
    claims = claims_of(library.get(given["uri"]).json()["document"])
    assert claims["content"] == {"since": "2019-05-01"}
    assert claims["extract"] is True


@pytest.mark.row("privacy", "G-4")
def test_a_revoked_grant_is_refused_on_the_next_pull(city, citizen):
    uri, _ = share(city, citizen)
    library = city.program(city.library)
    assert library.get(uri).status_code == 200
    (consent,) = city.deployment.parts["policies"].consent.list(citizen.id)
    citizen.post(f"/account/consents/{consent.id}/withdraw")
    refused = library.get(uri)
    assert refused.status_code == 403
    assert refused.json()["where"] == "withdrawn"
    assert refused.json()["next_step"]


@pytest.mark.row("privacy", "P-4")
def test_every_pull_stands_in_the_ledger_refused_ones_too(city, citizen):
    uri, _ = share(city, citizen)
    library = city.program(city.library)
    library.get(uri)
    city.program(city.office).post(
        "/documents/v1/documents/residence/R-1/revoke", {"reason": "moved away"}
    )
    assert library.get(uri).json()["where"] == "document-not-valid"
    kinds = city.kinds(citizen.id)
    assert kinds[-3:] == ["data.released", "document.revoked", "data.refused"]
    page = citizen.get("/account/ledger").text
    assert "Library received: “Certificate of residence”." in page


def test_once_means_once(city, citizen):
    uri, request_id = share(city, citizen, lasting="once")
    library = city.program(city.library)
    assert library.get(uri).status_code == 200
    assert library.get(uri).json()["where"] == "not-shared"
    assert library.get(f"/documents/v1/requests/{request_id}").json()["documents"] == []


def test_thirty_days_end(city, citizen):
    uri, _ = share(city, citizen, lasting="month")
    city.clock.advance(timedelta(days=30))
    assert city.program(city.library).get(uri).json()["where"] == "not-shared"


def test_a_kind_that_needs_more_than_the_identity_reached_is_not_fetched(city, citizen):
    made = city.program(city.other).make_out(
        citizen.id, kind="diploma", number="D-1", content={"degree": "Physics"}
    )
    assert made.status_code == 201, made.text
    library = city.program(city.library)
    asked = library.ask(citizen.id, documents=[{"issuer": "university", "kind": "diploma"}]).json()
    answer(citizen, asked["url"])
    assert library.get(made.json()["uri"]).json()["where"] == "level-too-low"


def test_another_service_gets_nothing_at_that_address(city, citizen):
    uri, _ = share(city, citizen)
    oauth = city.oauth
    stranger = oauth.clients.add(
        {
            "client_name": "Stranger",
            "grant_types": ["client_credentials"],
            "scope": "documents:request",
            "purposes": ["library"],
        },
        city.clock.now(),
    )
    refused = city.program(stranger).get(uri)
    assert refused.status_code == 403
    # The same answer as for a document that is not there.
    assert refused.json() == city.program(stranger).get(uri[:-1] + "9").json()


@pytest.mark.row("privacy", "G-1")
def test_a_request_is_answered_by_the_person_who_was_asked_and_once(city, citizen):
    other = city.citizen(city.people(3)[-1], "another.citizen")
    city.program(city.office).make_out(citizen.id)
    asked = city.program(city.library).ask(citizen.id).json()
    path = "/" + asked["url"].split("/", 3)[3]
    assert other.get(path).status_code == 404
    assert answer(citizen, asked["url"]).status_code == 303
    assert citizen.get(path).status_code == 400
    assert "over" in citizen.get(path).text


def test_refusing_is_one_click_and_shares_nothing(city, citizen):
    city.program(city.office).make_out(citizen.id)
    library = city.program(city.library)
    asked = library.ask(citizen.id).json()
    assert state(answer(citizen, asked["url"], "refuse")).endswith("&state=refused")
    found = library.get(f"/documents/v1/requests/{asked['id']}").json()
    assert (found["state"], found["documents"]) == ("refused", [])


def test_a_suspended_identity_shares_nothing(city, citizen):
    from foundation.audit import Actor

    uri, _ = share(city, citizen)
    life = city.deployment.parts["identity_life"]
    life.suspend(citizen.id, Actor("staff", "stf_x"), "lost papers", city.clock.now())
    assert city.program(city.library).get(uri).status_code == 403


# ── a name or birth date that does not match yields no document ───────────────────────


@pytest.mark.parametrize("wrong", [{"name": "Somebody Else"}, {"birthdate": "1950-01-01"}])
def test_a_name_or_birth_date_that_does_not_match_yields_no_document(city, citizen, wrong):
    refused = city.program(city.office).make_out(citizen.id, **wrong)
    assert refused.status_code == 422
    assert refused.json()["title"] == "person does not match"
    assert refused.json()["next_step"]
    assert city.record(citizen.id)["name"] not in refused.text
    page = citizen.get("/account/documents").text
    assert "made out to another name or birth date" in page
    assert "Data about me" in page
    # Once the office's record is right the document is there, and the remark is gone.
    assert city.program(city.office).make_out(citizen.id).status_code == 201
    page = citizen.get("/account/documents").text
    assert "Certificate of residence" in page
    assert "another name" not in page


def test_a_name_in_another_order_without_accents_is_the_same(city, citizen):
    name = city.record(citizen.id)["name"]
    turned = " ".join(reversed(name.upper().split()))
    assert city.program(city.office).make_out(citizen.id, name=turned).status_code == 201


# ── what an issuer may do ─────────────────────────────────────────────────────────────


def test_what_was_sent_twice_is_one_document_and_what_changed_is_a_new_version(city, citizen):
    office = city.program(city.office)
    first = office.make_out(citizen.id)
    again = office.make_out(citizen.id)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["version"] == 1
    moved = office.make_out(citizen.id, content={**SAID, "street": "Short Street 2"})
    assert moved.json()["version"] == 2
    told = city.browser().http.post(
        "/documents/v1/check", json={"document": first.json()["document"]}
    )
    assert told.json()["now"] == "replaced"


def test_an_issuer_makes_out_its_own_kinds_only(city, citizen):
    refused = city.program(city.other).make_out(citizen.id)
    assert refused.status_code == 404
    assert city.program(city.library).make_out(citizen.id).status_code == 403


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ({}, "street: it is missing."),
        ({**SAID, "since": "1 May"}, "since: write a date as YYYY-MM-DD."),
        ({**SAID, "owner": "yes"}, "owner: write true or false."),
        ({**SAID, "colour": "red"}, "colour: this kind has no such field."),
    ],
)
def test_content_that_does_not_fit_is_refused_by_field(city, citizen, content, where):
    refused = city.program(city.office).make_out(citizen.id, content=content)
    assert refused.status_code == 422
    assert where in refused.json()["detail"]


def test_the_number_of_anothers_document_is_taken(city, citizen):
    other = city.people(3)[-1]
    office = city.program(city.office)
    office.make_out(citizen.id)
    assert office.make_out(other).status_code == 409


# ── the locker, addresses given away, paper ───────────────────────────────────────────


def test_the_person_finds_reads_and_prints_it(city, citizen):
    city.program(city.office).make_out(citizen.id)
    page = citizen.get("/account/documents?words=residence").text
    assert "Certificate of residence" in page
    assert "No document of yours" in citizen.get("/account/documents?words=diploma").text
    one = page.split('href="/account/documents/doc_')[1].split('"')[0]
    path = f"/account/documents/doc_{one}"
    shown = citizen.get(path).text
    assert "Long Street 1" in shown
    original = citizen.get(f"{path}/original")
    assert original.headers["content-disposition"].endswith('.jws"')
    paper = citizen.get(f"{path}/print").text
    assert "<svg" in paper
    checked = city.browser().get(f"/check?document={original.text}").text
    assert "genuine, and valid now" in checked
    assert "Long Street 1" in checked
    other = city.citizen(city.people(3)[-1], "another.citizen")
    assert other.get(path).status_code == 404
    assert other.get(f"{path}/original").status_code == 404


def test_an_address_given_away_opens_as_often_as_was_said_and_is_ended(city, citizen):
    city.program(city.office).make_out(citizen.id)
    page = citizen.get("/account/documents").text
    path = "/account/documents/doc_" + page.split("/account/documents/doc_")[1].split('"')[0]
    made = citizen.post(f"{path}/links", path, days="7", uses="2", **{"part.since": "yes"})
    assert made.status_code == 200
    secret = made.text.split("http://localhost:8000/d/")[1].split("<")[0]
    somebody = city.browser()
    for _ in range(3):
        assert somebody.get(f"/d/{secret}").status_code == 200, "looking ahead opens nothing"
    opened = somebody.post(f"/d/{secret}", f"/d/{secret}")
    assert "2019" in opened.text
    assert "Long Street" not in opened.text
    assert city.kinds(citizen.id)[-1] == "document.opened"
    somebody.post(f"/d/{secret}", f"/d/{secret}")
    assert somebody.get(f"/d/{secret}").status_code == 410
    again = citizen.post(f"{path}/links", path, days="7")
    secret = again.text.split("http://localhost:8000/d/")[1].split("<")[0]
    link = citizen.get(path).text.split('name="link" value="')[1].split('"')[0]
    citizen.mean_it(f"{path}/links/end", path, act="end", link=link)
    assert somebody.get(f"/d/{secret}").status_code == 410


def test_a_link_a_second_too_late_opens_nothing(city, citizen):
    city.program(city.office).make_out(citizen.id)
    page = citizen.get("/account/documents").text
    path = "/account/documents/doc_" + page.split("/account/documents/doc_")[1].split('"')[0]
    made = citizen.post(f"{path}/links", path, days="1")
    secret = made.text.split("http://localhost:8000/d/")[1].split("<")[0]
    city.clock.advance(timedelta(days=1))
    assert city.browser().get(f"/d/{secret}").status_code == 410


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"return_to": "https://evil.example/cb"}, "return_to"),
        ({"sub": "nobody"}, "sub"),
        ({"purpose": "city"}, "purpose"),
        ({"documents": [{"issuer": "town-hall", "kind": "residenz"}]}, "documents"),
        (
            {"documents": [{"issuer": "town-hall", "kind": "residence", "parts": ["salary"]}]},
            "documents",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_refused_by_field(city, citizen, changed, where):
    refused = city.program(city.library).ask(citizen.id, **changed)
    assert refused.status_code == 422
    assert refused.json()["where"] == where
