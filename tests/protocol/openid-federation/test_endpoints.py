"""The endpoints of a trust anchor — OpenID Federation 1.0 §8, §9."""

import re
from datetime import timedelta
from typing import Any

import pytest

from foundation.clock import FrozenClock
from foundation.errors import Unprocessable
from foundation.web import Principal
from idp.federation import read, verify
from tests.support.federation import (
    BROKER,
    OFFICER,
    PROVIDER,
    REGULATOR,
    City,
    Member,
    ScriptedProvider,
)

LEVEL_2 = f"{REGULATOR}/trust-marks/loa-2"


def opened(regulator: Member, token: str, typ: str) -> Any:
    return verify(read(token, typ), regulator.federation.key_set()["keys"])


@pytest.mark.rfc("openid-federation", "9")
def test_the_configuration_of_an_anchor_names_its_endpoints_and_no_authority(
    regulator: Member,
) -> None:
    answer = regulator.browser.get("/.well-known/openid-federation")
    assert answer.headers["content-type"] == "application/entity-statement+jwt"
    claims = opened(regulator, answer.text, "entity-statement+jwt")
    assert claims["iss"] == claims["sub"] == REGULATOR
    assert "authority_hints" not in claims
    own = claims["metadata"]["federation_entity"]
    assert own["federation_fetch_endpoint"] == f"{REGULATOR}/federation/fetch"
    assert claims["trust_mark_issuers"][LEVEL_2] == [REGULATOR]


@pytest.mark.rfc("openid-federation", "3.1.2")
def test_the_configuration_of_a_leaf_names_its_authority_its_marks_and_no_fetch_endpoint(
    provider: ScriptedProvider,
) -> None:
    token = provider.member.browser.get("/.well-known/openid-federation").text
    claims = opened(provider.member, token, "entity-statement+jwt")
    assert claims["authority_hints"] == [REGULATOR]
    assert [m["trust_mark_type"] for m in claims["trust_marks"]] == [LEVEL_2]
    assert "openid_provider" in claims["metadata"]
    assert "federation_fetch_endpoint" not in claims["metadata"]["federation_entity"]


@pytest.mark.rfc("openid-federation", "5.1.3")
def test_a_provider_says_how_relying_parties_register(
    federation_city: City, regulator: Member
) -> None:
    provider = federation_city.provider()
    token = provider.member.browser.get("/.well-known/openid-federation").text
    said = opened(provider.member, token, "entity-statement+jwt")["metadata"]["openid_provider"]
    assert said["client_registration_types_supported"] == ["automatic"]


@pytest.mark.rfc("openid-federation", "8.1")
@pytest.mark.row("governance", "accredit")
def test_a_subordinate_statement_caps_the_levels_and_the_path(
    regulator: Member, provider: ScriptedProvider
) -> None:
    answer = regulator.browser.get("/federation/fetch", params={"sub": PROVIDER})
    assert answer.headers["content-type"] == "application/entity-statement+jwt"
    claims = opened(regulator, answer.text, "entity-statement+jwt")
    assert (claims["iss"], claims["sub"]) == (REGULATOR, PROVIDER)
    policy = claims["metadata_policy"].get("openid_provider", {})
    assert policy.get("acr_values_supported") == {
        "subset_of": ["urn:civitas:loa:1", "urn:civitas:loa:2"]
    }
    assert claims["constraints"]["max_path_length"] == 0
    assert claims["jwks"] == provider.member.federation.key_set()
    assert 0 < claims["exp"] - claims["iat"] <= 600


@pytest.mark.rfc("openid-federation", "8.9")
@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/federation/fetch", 400, "invalid_request"),
        ("/federation/fetch?sub=", 400, "invalid_request"),
        (f"/federation/fetch?sub={REGULATOR}", 400, "invalid_request"),
        (f"/federation/fetch?sub={PROVIDER}&sub=x", 400, "invalid_request"),
        ("/federation/fetch?sub=https://nobody.example", 404, "not_found"),
        ("/federation/fetch?sub=%00", 400, "invalid_request"),
        ("/federation/fetch?sub=%ff", 400, "invalid_request"),
        ("/federation/list?intermediate=perhaps", 400, "invalid_request"),
        ("/federation/list?trust_marked=true&trust_marked=true", 400, "invalid_request"),
        ("/federation/resolve", 400, "invalid_request"),
        (f"/federation/resolve?sub={PROVIDER}", 400, "invalid_request"),
        (f"/federation/resolve?sub={PROVIDER}&trust_anchor=https://o.example", 404,
         "invalid_trust_anchor"),
        (f"/federation/resolve?sub=https://nobody.example&trust_anchor={REGULATOR}", 404,
         "not_found"),
        ("/federation/trust-mark", 400, "invalid_request"),
        (f"/federation/trust-mark?sub={PROVIDER}&trust_mark_type=x", 404, "not_found"),
        (f"/federation/trust-mark?sub=https://no.example&trust_mark_type={LEVEL_2}", 404,
         "not_found"),
        ("/federation/trust-mark-list", 400, "invalid_request"),
    ],
)  # fmt: skip
def test_bad_requests_get_the_error_of_the_protocol(
    regulator: Member, provider: ScriptedProvider, path: str, status: int, error: str
) -> None:
    answer = regulator.browser.get(path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.rfc("openid-federation", "8.2")
def test_the_listing_filters_by_type_and_mark(
    federation_city: City, regulator: Member, provider: ScriptedProvider
) -> None:
    federation_city.broker()
    regulator.federation.accreditation.accredit(BROKER, None, OFFICER)

    def listed(query: str) -> list[str]:
        found: list[str] = regulator.browser.get(f"/federation/list{query}").json()
        return found

    assert listed("") == [PROVIDER, BROKER]
    assert listed("?entity_type=openid_provider") == [PROVIDER]
    assert listed("?entity_type=openid_relying_party") == [BROKER]
    assert listed("?entity_type=openid_provider&entity_type=openid_relying_party") == []
    assert listed("?trust_marked=true") == [PROVIDER]
    assert listed(f"?trust_mark_type={LEVEL_2}") == [PROVIDER]
    assert listed(f"?trust_mark_type={REGULATOR}/trust-marks/loa-3") == []
    assert listed("?intermediate=true") == []


@pytest.mark.rfc("openid-federation", "8.3")
def test_a_resolve_response_carries_resolved_metadata_chain_and_marks(
    regulator: Member, provider: ScriptedProvider
) -> None:
    answer = regulator.browser.get(
        "/federation/resolve",
        params={"sub": PROVIDER, "trust_anchor": REGULATOR, "entity_type": "openid_provider"},
    )
    assert answer.headers["content-type"] == "application/resolve-response+jwt"
    claims = opened(regulator, answer.text, "resolve-response+jwt")
    assert set(claims["metadata"]) == {"openid_provider"}
    # It says level 3 of itself; the policy cuts that off.
    assert claims["metadata"]["openid_provider"]["acr_values_supported"] == [
        "urn:civitas:loa:1",
        "urn:civitas:loa:2",
    ]
    assert len(claims["trust_chain"]) == 3
    assert [m["trust_mark_type"] for m in claims["trust_marks"]] == [LEVEL_2]


@pytest.mark.rfc("openid-federation", "8.3")
@pytest.mark.rfc("openid-federation", "4")
@pytest.mark.parametrize("entity_types", [[], ["federation_entity"], ["openid_provider"]])
def test_an_anchor_resolves_itself_to_what_it_says_by_a_chain_of_its_configuration_alone(
    regulator: Member, entity_types: list[str]
) -> None:
    query = {"sub": REGULATOR, "trust_anchor": REGULATOR, "entity_type": entity_types}
    answer = regulator.browser.get("/federation/resolve", params=query)
    assert answer.status_code == 200, answer.text
    claims = opened(regulator, answer.text, "resolve-response+jwt")
    assert (claims["iss"], claims["sub"]) == (REGULATOR, REGULATOR)
    [alone] = claims["trust_chain"]
    said = opened(regulator, alone, "entity-statement+jwt")
    assert (said["iss"], said["sub"], said["exp"]) == (REGULATOR, REGULATOR, claims["exp"])
    asked_for = {"federation_entity"} & set(entity_types or said["metadata"])
    assert claims["metadata"] == {name: said["metadata"][name] for name in asked_for}
    assert "trust_marks" not in claims


@pytest.mark.rfc("openid-federation", "8.6")
@pytest.mark.rfc("openid-federation", "7.1")
def test_a_trust_mark_says_who_vouches_for_whom_and_how_long(
    regulator: Member, provider: ScriptedProvider
) -> None:
    answer = regulator.browser.get(
        "/federation/trust-mark", params={"sub": PROVIDER, "trust_mark_type": LEVEL_2}
    )
    assert answer.headers["content-type"] == "application/trust-mark+jwt"
    claims = opened(regulator, answer.text, "trust-mark+jwt")
    assert (claims["iss"], claims["sub"]) == (REGULATOR, PROVIDER)
    assert claims["trust_mark_type"] == LEVEL_2
    assert claims["exp"] > claims["iat"]
    assert read(answer.text, "trust-mark+jwt").header["kid"]


@pytest.mark.rfc("openid-federation", "8.6")
def test_one_mark_is_given_until_half_its_life_is_over(
    regulator: Member, provider: ScriptedProvider, clock: FrozenClock
) -> None:
    def mark() -> str:
        query = {"sub": PROVIDER, "trust_mark_type": LEVEL_2}
        return regulator.browser.get("/federation/trust-mark", params=query).text

    first = mark()
    clock.advance(timedelta(minutes=29))
    assert mark() == first
    clock.advance(timedelta(minutes=2))
    assert mark() != first


def status_of(regulator: Member, mark: str) -> str:
    answer = regulator.browser.post("/federation/trust-mark-status", data={"trust_mark": mark})
    assert answer.headers["content-type"] == "application/trust-mark-status-response+jwt"
    claims = opened(regulator, answer.text, "trust-mark-status-response+jwt")
    assert (claims["iss"], claims["trust_mark"]) == (REGULATOR, mark)
    status: str = claims["status"]
    return status


@pytest.mark.rfc("openid-federation", "8.4")
@pytest.mark.row("governance", "suspend")
@pytest.mark.row("governance", "withdraw")
def test_the_status_of_a_mark_follows_the_acts_of_the_regulator(
    regulator: Member, provider: ScriptedProvider, clock: FrozenClock
) -> None:
    acts = regulator.federation.accreditation
    mark = provider.member.federation.own_marks.held()[0]["trust_mark"]
    assert status_of(regulator, mark) == "active"
    acts.suspend(PROVIDER, OFFICER, "an incident")
    assert status_of(regulator, mark) == "suspended"
    acts.reinstate(PROVIDER, OFFICER, "put right")
    assert status_of(regulator, mark) == "active"
    clock.advance(timedelta(hours=1))
    assert status_of(regulator, mark) == "expired"
    acts.withdraw(PROVIDER, OFFICER, "for good")
    assert status_of(regulator, mark) == "revoked"


@pytest.mark.rfc("openid-federation", "8.4.2")
@pytest.mark.parametrize("mark", ["x", "a.b.c", "e30.e30.AA"])
def test_a_mark_that_we_did_not_issue_is_not_found(regulator: Member, mark: str) -> None:
    answer = regulator.browser.post("/federation/trust-mark-status", data={"trust_mark": mark})
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


@pytest.mark.rfc("openid-federation", "8.4.1")
def test_a_status_is_asked_for_by_post_alone(regulator: Member) -> None:
    assert regulator.browser.get("/federation/trust-mark-status").status_code == 405
    answer = regulator.browser.post("/federation/trust-mark-status", json={"trust_mark": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.rfc("openid-federation", "8.5")
def test_the_marked_are_listed_while_they_are_accredited(
    regulator: Member, provider: ScriptedProvider
) -> None:
    def marked(**more: str) -> Any:
        query = {"trust_mark_type": LEVEL_2, **more}
        return regulator.browser.get("/federation/trust-mark-list", params=query).json()

    assert marked() == marked(sub=PROVIDER) == [PROVIDER]
    assert marked(sub=BROKER) == []
    regulator.federation.accreditation.suspend(PROVIDER, OFFICER, "an incident")
    assert marked() == []


@pytest.mark.rfc("openid-federation", "8.7")
@pytest.mark.row("governance", "key compromise")
def test_keys_of_the_past_are_published_with_their_end(
    regulator: Member, clock: FrozenClock
) -> None:
    before = regulator.federation.key_set()["keys"][0]["kid"]
    regulator.runtime.keys.rotate("federation")
    clock.advance(timedelta(days=30))
    answer = regulator.browser.get("/federation/historical-keys")
    assert answer.headers["content-type"] == "application/jwk-set+jwt"
    claims = opened(regulator, answer.text, "jwk-set+jwt")
    assert [key["kid"] for key in claims["keys"]] == [before]
    assert claims["keys"][0]["exp"] < claims["iat"]


@pytest.mark.rfc("openid-federation", "11.1")
def test_a_rolled_over_key_of_a_subordinate_is_taken_over_when_the_old_one_vouches(
    regulator: Member, provider: ScriptedProvider, clock: FrozenClock
) -> None:
    provider.member.runtime.keys.rotate("federation")
    clock.advance(timedelta(seconds=5))
    regulator.federation.accreditation.refresh_keys()
    statement = regulator.browser.get("/federation/fetch", params={"sub": PROVIDER}).text
    claims = opened(regulator, statement, "entity-statement+jwt")
    assert len(claims["jwks"]["keys"]) == 2
    assert claims["jwks"] == provider.member.federation.key_set()


@pytest.mark.row("governance", "suspend")
@pytest.mark.row("governance", "publish")
def test_a_suspended_provider_has_no_statement_no_mark_and_is_not_listed(
    regulator: Member, provider: ScriptedProvider
) -> None:
    regulator.federation.accreditation.suspend(PROVIDER, OFFICER, "an incident")
    browser = regulator.browser
    assert browser.get("/federation/fetch", params={"sub": PROVIDER}).status_code == 404
    assert browser.get("/federation/list").json() == []
    query = {"sub": PROVIDER, "trust_mark_type": LEVEL_2}
    assert browser.get("/federation/trust-mark", params=query).status_code == 404
    provider.member.federation.own_marks.renew()
    assert provider.member.federation.own_marks.held() == []


def test_a_provider_on_its_own_takes_no_part(
    federation_city: City, regulator: Member, provider: ScriptedProvider
) -> None:
    from idp import federation

    settings = regulator.runtime.settings
    alone = federation.Federation(regulator.runtime, dict, federation_city.network)
    assert alone.role == "anchor"
    assert settings is not None
    assert all(
        r.path != "/federation/fetch" for r in federation.routes_of(provider.member.federation)
    )


# ── the console ──────────────────────────────────────────────────────────────────────────────


def csrf(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"')[0]


@pytest.mark.parametrize("roles", [None, frozenset[str](), frozenset({"officer"})])
def test_the_console_is_for_the_regulators_staff_alone(
    regulator: Member, roles: frozenset[str] | None
) -> None:
    if roles is not None:
        regulator.sign_in(Principal("staff", "sta_1", roles))
    for path in ("/regulator", "/regulator/entities/ent_x"):
        assert regulator.browser.get(path).status_code in (401, 403)
    for path in ("/regulator/apply", "/regulator/entities/ent_x/accredit"):
        assert regulator.browser.post(path, data={}).status_code in (401, 403)


@pytest.mark.row("governance", "accredit")
def test_an_applicant_that_does_not_name_us_as_its_authority_is_not_taken_up(
    federation_city: City, regulator: Member
) -> None:
    applicant = federation_city.provider().member.federation
    applicant.authority_hints = ("https://other.example",)
    with pytest.raises(Unprocessable, match="authority_hints"):
        regulator.federation.accreditation.apply(PROVIDER, OFFICER)
    assert regulator.federation.accreditation.entities() == []


def test_an_officer_takes_up_accredits_and_suspends_on_the_console(
    federation_city: City, regulator: Member
) -> None:
    federation_city.provider()
    regulator.sign_in(Principal("staff", OFFICER, frozenset({"regulator"})))
    browser = regulator.browser
    page = browser.get("/regulator").text
    token = csrf(page)

    def send(path: str, **fields: str) -> Any:
        return browser.post(path, data={"csrf_token": token, **fields})

    assert browser.post("/regulator/apply", data={"entity_id": PROVIDER}).status_code == 403
    where = send("/regulator/apply", entity_id=PROVIDER).headers["location"]
    assert "Applied" in browser.get(where).text
    assert send(f"{where}/accredit", level="5").status_code == 400
    assert send(f"{where}/accredit").status_code == 422
    assert send(f"{where}/accredit", level="2").status_code == 303
    assert browser.get("/federation/list").json() == [PROVIDER]
    assert send(f"{where}/suspend", reason=" ").status_code == 422
    assert send(f"{where}/dance").status_code == 404
    assert send(f"{where}/suspend", reason="an <i>incident</i>").status_code == 303
    assert send(f"{where}/suspend", reason="again").status_code == 409
    page = browser.get(where).text
    assert "an &lt;i&gt;incident&lt;/i&gt;" in page
    assert OFFICER in page
    register = browser.get("/register-of-providers").text
    assert "Suspended" in register


@pytest.mark.parametrize(
    "applicant",
    ["", "x", "https://user@p.example", "ftp://p.example", "https://p.example?x=1",
     "http://p.example", "http://localhost:9999", "http://localhost:9100"],
)  # fmt: skip
def test_an_applicant_that_publishes_nothing_fit_is_refused_with_a_sentence(
    regulator: Member, applicant: str
) -> None:
    regulator.sign_in(Principal("staff", OFFICER, frozenset({"regulator"})))
    token = csrf(regulator.browser.get("/regulator").text)
    answer = regulator.browser.post(
        "/regulator/apply", data={"csrf_token": token, "entity_id": applicant}
    )
    assert answer.status_code in (400, 422)
    assert re.search(r'id="errors".*<li><a href="#\w+">\w', answer.text, re.DOTALL)
    assert regulator.federation.accreditation.entities() == []


@pytest.mark.row("governance", "audit")
def test_every_act_is_in_the_history_and_in_the_audit(
    regulator: Member, provider: ScriptedProvider
) -> None:
    acts = regulator.federation.accreditation
    acts.suspend(PROVIDER, OFFICER, "an incident")
    acts.reinstate(PROVIDER, OFFICER, "put right")
    acts.withdraw(PROVIDER, OFFICER, "closed")
    done = [act.act for act in acts.history(acts.entity(PROVIDER))]
    assert sorted(done) == ["accredit", "apply", "reinstate", "suspend", "withdraw"]
    assert regulator.runtime.audit.tree.sequence(regulator.runtime.clock.now()) >= 5
