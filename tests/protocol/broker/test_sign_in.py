"""A sign-in through the broker, and everything a provider or a thief may try — failures 3, 5, 9."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from foundation import algorithms
from foundation.clock import FrozenClock
from foundation.keys import Signer
from idp.broker.tables import broker_outcomes, broker_sessions
from tests.protocol.broker.conftest import Hub, field
from tests.support.federation import BROKER, PROVIDER


def test_the_person_comes_back_at_the_level_that_was_reached(hub: Hub) -> None:
    answer = hub.sign_in(hub.first)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/service?level=0&service=library",
    )
    found = hub.here()
    assert found["level"] == 2
    assert found["subject"].startswith("per_")
    assert hub.first.subject not in json.dumps(found)


@pytest.mark.rfc("6749", "4.1.1")
@pytest.mark.rfc("9101", "4")
@pytest.mark.rfc("openid-federation", "12.1.1")
def test_the_request_is_signed_and_complete(hub: Hub) -> None:
    hub.answer_of(hub.first)
    asked = hub.first.asked[0]
    assert asked["client_id"] == asked["inner client_id"] == asked["inner iss"] == BROKER
    assert asked["inner aud"] == PROVIDER
    assert asked["inner code_challenge_method"] == "S256"
    assert asked["inner redirect_uri"] == f"{BROKER}/broker/callback/{hub.slug(hub.first)}"
    assert asked["inner acr_values"] == "urn:civitas:loa:2"
    assert "inner sub" not in asked
    for name in ("jti", "exp", "state", "nonce", "code_challenge"):
        assert asked[f"inner {name}"]
    metadata = hub.first.member.federation.relying_party(BROKER)
    assert metadata is not None
    assert asked["inner redirect_uri"] in metadata["redirect_uris"]


@pytest.mark.rfc("7523", "2.2")
@pytest.mark.row("failures", "7")
def test_the_broker_proves_itself_by_its_key_with_the_issuer_as_sole_audience(hub: Hub) -> None:
    from idp.federation import read, verify

    hub.sign_in(hub.first)
    form = hub.first.redeemed[0]
    metadata = hub.first.member.federation.relying_party(BROKER)
    assert metadata is not None
    claims = verify(read(form["client_assertion"], None), metadata["jwks"]["keys"])
    assert (claims["iss"], claims["sub"], claims["aud"]) == (BROKER, BROKER, PROVIDER)
    assert claims["exp"] - claims["iat"] <= 60
    assert claims["jti"]
    assert form["code_verifier"]


def test_each_provider_has_a_redirect_uri_of_its_own(hub: Hub) -> None:
    hub.answer_of(hub.first)
    hub.answer_of(hub.second)
    uris = {p.asked[0]["inner redirect_uri"] for p in (hub.first, hub.second)}
    assert len(uris) == 2


# ── blindness ────────────────────────────────────────────────────────────────────────────────

RANDOM = {"inner state", "inner nonce", "inner jti", "inner code_challenge", "request"}


@pytest.mark.row("governance", "broker blindness")
def test_what_a_provider_sees_is_the_same_whichever_service_asked(hub: Hub) -> None:
    for service in ("library", "tax-office"):
        hub.sign_in(hub.first, service=service)
        hub.member.browser.cookies.clear()
    one, other = hub.first.asked
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == RANDOM
    one, other = hub.first.redeemed
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] != other[name]} == {
        "code",
        "code_verifier",
        "client_assertion",
    }
    seen = json.dumps([hub.first.asked, hub.first.redeemed])
    assert "library" not in seen
    assert "tax" not in seen
    crossed = [s for s in hub.city.network.sent if s.url.startswith(PROVIDER)]
    assert not any("library" in s.url or "tax" in s.url for s in crossed)


def test_what_a_service_sees_does_not_tell_the_provider(hub: Hub) -> None:
    hub.sign_in(hub.first)
    seen = json.dumps(hub.here())
    assert hub.slug(hub.first) not in seen
    assert PROVIDER not in seen


@pytest.mark.row("failures", "3")
def test_two_providers_with_the_same_upstream_subject_are_two_persons(hub: Hub) -> None:
    hub.sign_in(hub.first)
    one = hub.here()["subject"]
    hub.member.browser.cookies.clear()
    hub.sign_in(hub.second)
    assert hub.here()["subject"] != one


@pytest.mark.row("failures", "3")
def test_the_same_person_at_the_same_provider_is_the_same_person_again(hub: Hub) -> None:
    hub.sign_in(hub.first)
    one = hub.here()
    hub.member.browser.cookies.clear()
    hub.sign_in(hub.first)
    other = hub.here()
    assert one["subject"] == other["subject"]
    assert one["session"] != other["session"]


# ── attributes ───────────────────────────────────────────────────────────────────────────────


def claims_of(hub: Hub, found: Any, *names: str) -> Any:
    return hub.broker.known(found["subject"], found["session"], 2).claims(names)


def test_attributes_pass_through_and_only_those_asked_for(hub: Hub) -> None:
    hub.sign_in(hub.first)
    found = hub.here()
    assert claims_of(hub, found, "name", "email") == {"name": "Ada Lovelace"}
    assert claims_of(hub, {**found, "subject": "per_other"}, "name") == {}
    assert claims_of(hub, {**found, "session": "ses_other"}, "name") == {}


@pytest.mark.rfc("oidc-core", "5.1")
@pytest.mark.parametrize(
    ("told", "least"), [("1990", 35), ("1990-12", 35), ("1990-01-01", 36), ("0000-05-01", None)]
)
def test_a_birth_date_that_a_provider_knows_in_part_tells_the_age_that_is_sure(
    hub: Hub, told: str, least: int | None
) -> None:
    hub.first.userinfo = {"name": "Suharto", "birthdate": told}
    hub.sign_in(hub.first)
    found = hub.here()
    assert claims_of(hub, found, "name", "family_name", "birthdate", "age_over_18") == {
        "name": "Suharto",
        "birthdate": told,
    }
    assert hub.broker.known(found["subject"], found["session"], 2).facts.age == least


def test_attributes_are_sealed_and_gone_with_the_session(hub: Hub, clock: FrozenClock) -> None:
    hub.sign_in(hub.first)
    found = hub.here()
    folder = hub.member.runtime.settings.path.parent
    for file in folder.glob("*.db*"):
        assert b"Lovelace" not in file.read_bytes()
        assert hub.first.subject.encode() not in file.read_bytes()
    clock.advance(timedelta(seconds=hub.broker.settings.session_seconds))
    assert claims_of(hub, found, "name") == {}
    hub.broker.sweep()
    with hub.member.runtime.database.read() as uow:
        assert uow.all(broker_sessions.select()) == []


def test_signing_out_erases_the_answer_at_once(hub: Hub) -> None:
    hub.sign_in(hub.first)
    found = hub.here()
    page = hub.member.browser.get("/account")
    assert page.status_code == 200
    assert "Your provider vouched for you, at level" in page.text
    token = field(page.text, "csrf_token")
    assert hub.member.browser.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert hub.here() is None
    assert claims_of(hub, found, "name") == {}
    assert not hub.member.runtime.vault.known(found["subject"])


# ── levels ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "acr",
    ["urn:civitas:loa:1", "0", "", "urn:civitas:loa:9", "high", None, 3, ["urn:civitas:loa:2"]],
)  # fmt: skip
def test_a_level_below_the_one_asked_is_refused_with_a_reason_and_another_way(
    hub: Hub, acr: Any
) -> None:
    hub.first.acr = acr
    answer = hub.sign_in(hub.first)
    assert answer.status_code == 200
    assert "did not reach the level" in answer.text
    assert hub.slug(hub.second) in answer.text
    assert f'value="{hub.slug(hub.first)}"' not in answer.text
    assert hub.here() is None


@pytest.mark.row("governance", "broker levels")
def test_the_level_is_never_above_the_accreditation(hub: Hub) -> None:
    hub.first.acr = "urn:civitas:loa:4"
    hub.sign_in(hub.first)
    found = hub.here()
    assert found is not None
    assert found["level"] == 2
    assert hub.here(level="3") is None


def test_a_higher_level_asked_later_goes_to_the_choice_again(hub: Hub) -> None:
    hub.second.acr = "urn:civitas:loa:2"
    hub.sign_in(hub.second)
    assert hub.here(level="2")["level"] == 2
    assert hub.here(level="3") is None
    hub.second.acr = "urn:civitas:loa:3"
    hub.sign_in(hub.second, level="3")
    assert hub.here(level="3")["level"] == 3


# ── freshness ────────────────────────────────────────────────────────────────────────────────


def test_prompt_login_asks_the_provider_to_ask_anew(hub: Hub, clock: FrozenClock) -> None:
    hub.sign_in(hub.first)
    clock.advance(timedelta(minutes=5))
    hub.sign_in(hub.first, prompt="login")
    assert hub.first.asked[1]["inner prompt"] == "login"
    assert "inner prompt" not in hub.first.asked[0]


def test_an_old_sign_in_is_not_passed_off_as_a_fresh_one(hub: Hub, clock: FrozenClock) -> None:
    hub.first.bend = {"auth_time": int((clock.now() - timedelta(minutes=5)).timestamp())}
    answer = hub.sign_in(hub.first, prompt="login")
    assert "cannot be trusted" in answer.text
    assert hub.here() is None


def test_max_age_is_kept(hub: Hub, clock: FrozenClock) -> None:
    hub.sign_in(hub.first)
    clock.advance(timedelta(minutes=5))
    assert hub.here(max_age="600") is not None
    assert hub.here(max_age="60") is None


# ── upstream confusion ───────────────────────────────────────────────────────────────────────


@pytest.mark.row("failures", "9")
@pytest.mark.parametrize(
    "bend",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"iss": f"{PROVIDER}/"},
        {"aud": "https://other.example"}, {"aud": None}, {"aud": [BROKER, "https://o.example"]},
        {"aud": []}, {"azp": "https://other.example"},
        {"exp": 1}, {"exp": None}, {"exp": "soon"}, {"exp": True},
        {"iat": 1}, {"iat": None}, {"iat": 99999999999},
        {"nonce": "another"}, {"nonce": None}, {"nonce": ""}, {"nonce": 5},
        {"sub": None}, {"sub": ""}, {"sub": "x" * 256}, {"sub": 7},
        {"auth_time": "now"}, {"auth_time": 99999999999},
        {"auth_time": float("-inf")}, {"auth_time": -(10**30)}, {"exp": 10**400},
    ],
)  # fmt: skip
@pytest.mark.row("assurance", "X.1253-9.4-1")
def test_an_upstream_token_with_a_wrong_or_absent_claim_is_refused(
    hub: Hub, bend: dict[str, Any]
) -> None:
    hub.first.bend = bend
    answer = hub.sign_in(hub.first)
    assert "cannot be trusted" in answer.text
    assert hub.here() is None


@pytest.mark.row("failures", "10")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_a_token_of_a_key_or_algorithm_that_is_not_registered_is_refused(
    hub: Hub, algorithm: str
) -> None:
    kid = hub.first.member.runtime.keys.signer("jwt").kid
    hub.first.signed_by = Signer(kid, "jwt", algorithm, algorithms.generate(algorithm))
    answer = hub.sign_in(hub.first)
    assert "cannot be trusted" in answer.text
    assert hub.here() is None


@pytest.mark.row("failures", "9")
def test_userinfo_about_somebody_else_is_refused(hub: Hub) -> None:
    hub.first.userinfo = {"sub": "somebody else", "name": "Eve"}
    assert "cannot be trusted" in hub.sign_in(hub.first).text
    assert hub.here() is None


@pytest.mark.row("failures", "9")
def test_each_callback_works_once_and_says_twice_what_came_of_it(hub: Hub) -> None:
    back = hub.answer_of(hub.first)
    first, second = (hub.member.browser.get(back) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert len(hub.first.redeemed) == 1
    hub.member.browser.cookies.clear()
    assert hub.member.browser.get(back).status_code == 400


@pytest.mark.row("failures", "9")
def test_who_comes_twice_while_a_callback_is_looked_at_waits_for_what_comes_of_it(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = hub.answer_of(hub.first)
    finish = hub.broker.signing_in._finish
    seen: list[Any] = []

    def slow(*given: Any) -> Any:
        seen.append(hub.member.browser.get(back))
        return finish(*given)

    monkeypatch.setattr(type(hub.broker.signing_in), "_finish", lambda _, *given: slow(*given))
    assert hub.member.browser.get(back).status_code == 303
    (meanwhile,) = seen
    assert meanwhile.status_code == 200
    again = meanwhile.headers["refresh"].removeprefix("1; url=")
    assert again.startswith(back.partition("?")[0].replace(hub.member.url, ""))
    assert hub.member.browser.get(again).status_code == 303
    assert len(hub.first.redeemed) == 1


@pytest.mark.row("failures", "9")
def test_a_failed_callback_is_used_up_too(hub: Hub) -> None:
    hub.first.token_status = 400
    back = hub.answer_of(hub.first)
    assert "did not complete" in hub.member.browser.get(back).text
    hub.first.token_status = 200
    assert "did not complete" in hub.member.browser.get(back).text
    assert hub.here() is None


@pytest.mark.rfc("9207", "2.4")
@pytest.mark.row("failures", "9")
@pytest.mark.parametrize("issuer", ["", "https://evil.example", f"{PROVIDER}/", "é"])
def test_an_answer_with_a_wrong_or_absent_iss_is_refused_unredeemed(hub: Hub, issuer: str) -> None:
    back = hub.answer_of(hub.first)
    back = back.split("&iss=")[0] + (f"&iss={issuer}" if issuer else "")
    hub.member.browser.get(back)
    assert hub.first.redeemed == []
    assert hub.here() is None


@pytest.mark.row("failures", "9")
def test_an_answer_at_another_providers_redirect_uri_is_refused(hub: Hub) -> None:
    back = hub.answer_of(hub.first).replace(hub.slug(hub.first), hub.slug(hub.second))
    assert hub.member.browser.get(back).status_code == 400
    assert hub.second.redeemed == []


@pytest.mark.row("failures", "5")
def test_an_answer_in_another_browser_is_refused(hub: Hub) -> None:
    back = hub.answer_of(hub.first)
    hub.member.browser.cookies.clear()
    assert hub.member.browser.get(back).status_code == 400
    assert hub.first.redeemed == []


@pytest.mark.row("failures", "5")
def test_the_session_changes_at_every_sign_in(hub: Hub) -> None:
    hub.sign_in(hub.first)
    before = [c.value for c in hub.member.browser.cookies.jar if c.name.endswith("broker-session")]
    hub.sign_in(hub.first, prompt="login")
    after = [c.value for c in hub.member.browser.cookies.jar if c.name.endswith("broker-session")]
    assert before != after


@pytest.mark.row("failures", "3")
def test_somebody_else_in_the_same_browser_ends_the_session_before(hub: Hub) -> None:
    hub.sign_in(hub.first)
    before = hub.here()
    hub.first.subject = "sub-of-grace"
    hub.sign_in(hub.first, prompt="login")
    assert hub.here()["subject"] != before["subject"]
    assert claims_of(hub, before, "name") == {}


def test_an_answer_after_its_time_is_refused(hub: Hub, clock: FrozenClock) -> None:
    back = hub.answer_of(hub.first)
    clock.advance(timedelta(seconds=hub.broker.settings.transaction_seconds))
    assert hub.member.browser.get(back).status_code == 400


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x&code=y", "?state=x&state=y", "?error=z"]
)
def test_an_answer_that_nobody_waits_for_is_refused(hub: Hub, query: str) -> None:
    answer = hub.member.browser.get(f"/broker/callback/{hub.slug(hub.first)}{query}")
    assert answer.status_code == 400


# ── a provider that fails ────────────────────────────────────────────────────────────────────


def test_a_refusal_by_the_provider_offers_another_of_the_same_level(hub: Hub) -> None:
    back = hub.answer_of(hub.first)
    state = parse_qs(urlsplit(back).query)["state"][0]
    path = urlsplit(back).path
    answer = hub.member.browser.get(
        path, params={"error": "access_denied", "state": state, "iss": PROVIDER}
    )
    assert "did not complete the sign-in" in answer.text
    assert hub.slug(hub.second) in answer.text
    hub.second.acr = "urn:civitas:loa:2"
    sent = hub.choose(hub.second, answer.text, field(answer.text, "for"))
    assert hub.member.browser.get(hub.second.authorize(sent.headers["location"])).status_code == 303
    assert hub.here()["level"] == 2


def test_a_provider_that_is_down_is_replaced_while_the_person_waits(
    hub: Hub, clock: FrozenClock
) -> None:
    back = hub.answer_of(hub.first)
    real = hub.city.network.members.pop(PROVIDER)
    answer = hub.member.browser.get(back)
    assert "does not answer" in answer.text
    assert hub.slug(hub.second) in answer.text
    hub.city.network.members[PROVIDER] = real


@pytest.mark.parametrize("token", ["<x>", 5, None])
def test_a_token_answer_that_is_no_answer_is_refused(hub: Hub, token: Any) -> None:
    from foundation.fetch import Fetched

    network, real = hub.city.network, hub.city.network.post

    def post(url: str, form: Any, accept: Any) -> Fetched:
        if url.endswith("/token"):
            body = json.dumps({"id_token": token}).encode() if token != "<x>" else b"<x>"
            return Fetched(url, 200, "application/json", body)
        return real(url, form, accept)

    network.post = post  # type: ignore[method-assign]
    assert "cannot be trusted" in hub.sign_in(hub.first).text


def test_outcomes_are_counted_per_provider_without_identities(hub: Hub) -> None:
    hub.sign_in(hub.first)
    hub.first.acr = "0"
    hub.member.browser.cookies.clear()
    hub.sign_in(hub.first)
    with hub.member.runtime.database.read() as uow:
        rows = uow.all(broker_outcomes.select())
    assert {(r.provider, r.outcome, r.times) for r in rows} == {
        (hub.slug(hub.first), "completed", 1),
        (hub.slug(hub.first), "level_too_low", 1),
    }


@pytest.mark.parametrize(
    "where", ["https://evil.example", "//evil.example", "/\\evil.example", "x"]
)
def test_the_way_back_is_always_ours(hub: Hub, where: str) -> None:
    answer = hub.member.browser.get("/sign-in", params={"return_to": where})
    assert answer.status_code == 400


def test_the_account_is_closed_to_those_who_are_not_here(hub: Hub) -> None:
    answer = hub.member.browser.get("/account", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
    assert hub.member.browser.get("/").status_code == 200
