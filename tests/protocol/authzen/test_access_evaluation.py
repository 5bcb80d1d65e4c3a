"""AuthZEN over HTTP, asked rightly and wrongly — OpenID AuthZEN 1.0 §6, §7, §9, §10."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from foundation.runtime import Runtime
from foundation.settings import Settings
from foundation.web import Principal
from policies import DecisionPoint, Facts, Policies, PoliciesSettings, Withdrawal, routes_of
from tests.support.client import TestClient
from tests.support.decisions import People, give, ready_policies, serve
from tests.support.statements import listening

EVALUATION = "/access/v1/evaluation"
EVALUATIONS = "/access/v1/evaluations"
SCOPES = frozenset({"access:evaluate"})
CALLERS = {
    "Bearer parking": Principal("service", "svc_parking", scopes=SCOPES),
    "Bearer other": Principal("service", "svc_other", scopes=SCOPES),
    "Bearer unscoped": Principal("service", "svc_parking"),
    "Bearer citizen": Principal("citizen", "per_anna", level=2),
}


def who(request: Request) -> Principal | None:
    return CALLERS.get(request.headers.get("authorization", ""))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.with_sections(PoliciesSettings(questions_per_minute=40))


@pytest.fixture
def policies(runtime: Runtime) -> Policies:
    return ready_policies(runtime)


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def client(policies: Policies, people: People) -> TestClient:
    app = serve(policies.runtime, routes_of(DecisionPoint(policies, people)), who)
    return TestClient(
        app,
        base_url="http://localhost:8000",
        raise_server_exceptions=False,
        headers={"Authorization": "Bearer parking"},
    )


def ask(claim: str = "age_over_18", sub: str = "sub-anna", **changed: Any) -> dict[str, Any]:
    question: dict[str, Any] = {
        "subject": {"type": "person", "id": sub},
        "action": {"name": "verify"},
        "resource": {"type": "claim", "id": claim},
        "context": {"purpose": "mobility.parking"},
    }
    return {**question, **changed}


def kinds(policies: Policies) -> list[str]:
    return [entry.kind for entry in policies.runtime.audit.ledger("per_anna")]


@pytest.mark.rfc("AuthZEN 1.0", "9.2")
def test_the_metadata_leads_to_both_endpoints_and_to_nothing_that_is_not_there(
    client: TestClient,
) -> None:
    answer = client.get("/.well-known/authzen-configuration", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "policy_decision_point": "http://localhost:8000",
        "access_evaluation_endpoint": "http://localhost:8000/access/v1/evaluation",
        "access_evaluations_endpoint": "http://localhost:8000/access/v1/evaluations",
    }


@pytest.mark.rfc("AuthZEN 1.0", "6.2")
def test_a_permitted_question_gets_its_answer_and_nothing_else(
    client: TestClient, policies: Policies
) -> None:
    give(policies, chosen=("age_over_18", "resident_of_city"))
    assert client.post(EVALUATION, json=ask()).json() == {"decision": True}
    # A true no looks different from a refusal.
    assert client.post(EVALUATION, json=ask("resident_of_city")).json() == {"decision": False}


@pytest.mark.row("privacy", "P-4")
def test_every_look_up_is_in_the_citizens_ledger_answered_or_not(
    client: TestClient, policies: Policies
) -> None:
    client.post(EVALUATION, json=ask())
    give(policies)
    client.post(EVALUATION, json=ask())
    assert sorted(kinds(policies)) == ["consent.given", "data.refused", "data.verified"]
    for entry in policies.runtime.audit.ledger("per_anna"):
        if entry.kind.startswith("data."):
            assert entry.actor.id == "svc_parking"
            assert entry.details["purpose"] == "mobility.parking"
            assert entry.details["rule_digest"] == policies.rule_digest


@pytest.mark.row("privacy", "G-4")
def test_after_a_withdrawal_the_next_question_is_refused_with_reason_and_next_step(
    client: TestClient, policies: Policies
) -> None:
    given = give(policies)
    assert client.post(EVALUATION, json=ask()).json() == {"decision": True}
    Withdrawal(policies, []).withdraw(given.id, "per_anna")
    refused = client.post(EVALUATION, json=ask())
    assert refused.status_code == 200
    assert refused.json() == {
        "decision": False,
        "context": {
            "refused": True,
            "code": "withdrawn",
            "reason": "The person withdrew this consent on 2026-03-02.",
            "next_step": "Stop using the data. Ask the person again only if they come back to "
            "your service.",
        },
    }


def test_an_unknown_subject_looks_the_same_as_one_without_consent(
    client: TestClient, people: People
) -> None:
    people.facts["per_anna"] = Facts(level=0, age=9, alive=False, active=False)
    known = client.post(EVALUATION, json=ask())
    unknown = client.post(EVALUATION, json=ask(sub="nobody"))
    of_another = client.post(EVALUATION, json=ask(sub="sub-o"))
    of_a_user = client.post(EVALUATION, json=ask(subject={"type": "user", "id": "sub-anna"}))
    assert known.json() == unknown.json() == of_another.json() == of_a_user.json()
    assert known.json()["context"]["code"] == "no-ground"
    assert people.opened == []


def test_nobodys_data_is_opened_for_a_question_that_is_refused(
    client: TestClient, policies: Policies, people: People
) -> None:
    give(policies)
    client.post(EVALUATION, json=ask("resident_of_city"))
    assert people.opened == []
    client.post(EVALUATION, json=ask())
    assert people.opened == ["per_anna"]


@pytest.mark.row("privacy", "P-2")
@pytest.mark.parametrize(
    ("question", "code"),
    [
        (ask("name"), "yes-or-no-only"),
        (ask("shoe_size"), "unknown-claim"),
        (ask(resource={"type": "document", "id": "age_over_18"}), "unknown-claim"),
        (ask(action={"name": "read"}), "unknown-claim"),
        (ask(context={"purpose": "curiosity"}), "unknown-purpose"),
        (ask(context={}), "unknown-purpose"),
        (ask(context={"purpose": "library"}), "other-purpose"),
    ],
)
def test_what_may_not_be_asked_here_is_refused_with_its_reason(
    client: TestClient, policies: Policies, question: dict[str, Any], code: str
) -> None:
    give(policies, chosen=("age_over_18", "name"))
    answer = client.post(EVALUATION, json=question)
    assert answer.status_code == 200
    body = answer.json()
    assert body["decision"] is False
    assert body["context"]["code"] == code
    assert kinds(policies).count("data.refused") == 1
    assert "Anna" not in answer.text


def test_an_answer_that_is_not_on_record_is_refused_and_not_a_no(
    client: TestClient, policies: Policies, people: People
) -> None:
    give(policies)
    people.claims["per_anna"] = {"age_over_18": "yes"}
    body = client.post(EVALUATION, json=ask()).json()
    assert body["context"]["code"] == "not-known"
    assert "data.verified" not in kinds(policies)


def test_one_service_cannot_use_the_subject_of_another(
    client: TestClient, policies: Policies
) -> None:
    give(policies)
    other = {"Authorization": "Bearer other"}
    stolen = client.post(EVALUATION, json=ask(), headers=other).json()
    assert stolen["context"]["code"] == "no-ground"
    own = client.post(EVALUATION, json=ask(sub="sub-o"), headers=other).json()
    assert own["context"]["code"] == "no-ground"


# ── who calls, and what is malformed ──────────────────────────────────────────────────────────


@pytest.mark.rfc("AuthZEN 1.0", "11.3")
@pytest.mark.parametrize(
    ("caller", "status"),
    [("", 401), ("Bearer wrong", 401), ("Bearer unscoped", 403), ("Bearer citizen", 403)],
)
@pytest.mark.parametrize("endpoint", [EVALUATION, EVALUATIONS])
def test_only_a_service_with_the_scope_may_ask(
    client: TestClient, policies: Policies, endpoint: str, caller: str, status: int
) -> None:
    give(policies)
    answer = client.post(
        endpoint, json=ask(), headers={"Authorization": caller, "X-Request-ID": "r-1"}
    )
    assert answer.status_code == status
    assert "decision" not in answer.json()
    assert answer.headers["x-request-id"] == "r-1"
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.rfc("AuthZEN 1.0", "10.1.3")
def test_the_request_identifier_comes_back_and_is_not_invented(client: TestClient) -> None:
    arbitrary = 'bfe9eb29 / {"a": "b"}; <x>'
    marked = client.post(EVALUATION, json=ask(), headers={"X-Request-ID": arbitrary})
    assert marked.headers["x-request-id"] == arbitrary
    assert "x-request-id" not in client.post(EVALUATION, json=ask()).headers
    long = client.post(EVALUATION, json=ask(), headers={"X-Request-ID": "x" * 300})
    assert long.status_code == 400


def without(member: str) -> dict[str, Any]:
    question = ask()
    del question[member]
    return question


@pytest.mark.rfc("AuthZEN 1.0", "10.1.2")
@pytest.mark.parametrize(
    ("body", "where"),
    [
        (without("subject"), "subject"),
        (without("action"), "action"),
        (without("resource"), "resource"),
        (ask(subject={"type": "person"}), "subject.id"),
        (ask(subject={"id": "sub-anna"}), "subject.type"),
        (ask(subject="sub-anna"), "subject"),
        (ask(subject={"type": "person", "id": 7}), "subject.id"),
        (ask(subject={"type": "person", "id": ""}), "subject.id"),
        (ask(subject={"type": "person", "id": "a\u0000b"}), "subject.id"),
        (ask(subject={"type": "person", "id": "x" * 256}), "subject.id"),
        (ask(action={}), "action.name"),
        (ask(resource={"type": "claim", "id": ["age_over_18"]}), "resource.id"),
        (ask(context="parking"), "context"),
        (ask(context={"purpose": {"id": "x"}}), "context.purpose"),
    ],
)
def test_a_malformed_question_is_a_400_that_names_the_field(
    client: TestClient, policies: Policies, body: dict[str, Any], where: str
) -> None:
    answer = client.post(EVALUATION, json=body)
    assert answer.status_code == 400
    assert answer.json()["where"] == where
    assert kinds(policies) == []


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"subject":{"type":"person","id":"a","id":"b"}}', "application/json", 400),
        (b'{"subject":{"type":"person","id":"\\ud800"}}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"subject=a", "application/x-www-form-urlencoded", 400),
        (b"{}", "text/plain", 400),
        (b"{}", "", 400),
    ],
)
@pytest.mark.parametrize("endpoint", [EVALUATION, EVALUATIONS])
@pytest.mark.rfc("AuthZEN 1.0", "10.1.2")
def test_a_broken_body_or_one_of_another_type_is_a_400(
    client: TestClient, endpoint: str, content: bytes, media_type: str, status: int
) -> None:
    answer = client.post(endpoint, content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status


@pytest.mark.rfc("AuthZEN 1.0", "10.1.1")
def test_members_that_we_do_not_know_are_ignored(client: TestClient, policies: Policies) -> None:
    give(policies)
    question = ask(extra={"a": 1})
    question["subject"]["properties"] = {"department": "x"}
    question["context"]["time"] = "2026-03-02T09:00:00Z"
    assert client.post(EVALUATION, json=question).json() == {"decision": True}


def test_a_service_that_asks_too_much_is_told_to_wait(client: TestClient) -> None:
    statuses = [client.post(EVALUATION, json=ask()).status_code for _ in range(41)]
    assert statuses == [200] * 40 + [429]
    answer = client.post(EVALUATION, json=ask(), headers={"X-Request-ID": "r"})
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-request-id"] == "r"
    other = client.post(EVALUATION, json=ask(), headers={"Authorization": "Bearer other"})
    assert other.status_code == 200


def test_what_is_refused_for_asking_too_much_costs_the_database_nothing(
    client: TestClient, people: People
) -> None:
    for _ in range(41):
        client.post(EVALUATION, json=ask())
    with listening() as said:
        assert client.post(EVALUATION, json=ask()).status_code == 429
    assert said == []


# ── several at once ───────────────────────────────────────────────────────────────────────────

YES, NO = "age_over_18", "resident_of_city"


def batch(*claims: str, **more: Any) -> dict[str, Any]:
    items = [{"resource": {"type": "claim", "id": c}} for c in claims]
    upper = {k: v for k, v in ask().items() if k != "resource"}
    return {**upper, "evaluations": items, **more}


@pytest.fixture
def decisions(client: TestClient, policies: Policies) -> Callable[[dict[str, Any]], list[bool]]:
    give(policies, chosen=(YES, NO))

    def decided(body: dict[str, Any]) -> list[bool]:
        answer = client.post(EVALUATIONS, json=body)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"evaluations"}
        return [item["decision"] for item in answer.json()["evaluations"]]

    return decided


@pytest.mark.rfc("AuthZEN 1.0", "7.1.2.1")
@pytest.mark.parametrize(
    ("semantic", "claims", "expected"),
    [
        (None, (YES, NO, YES), [True, False, True]),
        ("execute_all", (YES, NO, YES), [True, False, True]),
        ("deny_on_first_deny", (YES, NO, YES), [True, False]),
        ("deny_on_first_deny", (YES, "nonsense", YES), [True, False]),
        ("permit_on_first_permit", (NO, YES, NO), [False, True]),
        ("permit_on_first_permit", (NO, NO), [False, False]),
    ],
)
def test_a_batch_stops_where_its_semantic_says(
    decisions: Callable[[dict[str, Any]], list[bool]],
    policies: Policies,
    semantic: str | None,
    claims: tuple[str, ...],
    expected: list[bool],
) -> None:
    options = {} if semantic is None else {"options": {"evaluations_semantic": semantic}}
    assert decisions(batch(*claims, **options)) == expected
    # What was not asked any more was not looked up either.
    assert sum(kind.startswith("data.") for kind in kinds(policies)) == len(expected)


@pytest.mark.rfc("AuthZEN 1.0", "7.1.1")
def test_a_question_of_a_batch_overrides_a_default_whole(
    decisions: Callable[[dict[str, Any]], list[bool]],
) -> None:
    body = batch(YES, YES)
    body["evaluations"][1]["context"] = {"purpose": "library"}
    assert decisions(body) == [True, False]
    body["evaluations"][1]["context"] = {}
    assert decisions(body) == [True, False]


@pytest.mark.rfc("AuthZEN 1.0", "7.1.1")
def test_a_service_with_one_purpose_need_not_name_it_whatever_context_a_question_has(
    client: TestClient, policies: Policies, people: People
) -> None:
    give(policies)
    people.purposes["svc_parking"] = "mobility.parking"
    now = {"time": "2026-03-02T09:00:00Z"}
    for context in (now, {}, {"purpose": ""}):
        assert client.post(EVALUATION, json=ask(context=context)).json() == {"decision": True}
    assert client.post(EVALUATION, json=without("context")).json() == {"decision": True}
    for upper in ({"purpose": "mobility.parking"}, {}, now):
        body = batch(YES, YES, YES, YES, context=upper)
        for item, own in zip(
            body["evaluations"],
            (now, {}, {"purpose": "library"}, {"purpose": "mobility.parking"}),
            strict=True,
        ):
            item["context"] = own
        told = client.post(EVALUATIONS, json=body).json()["evaluations"]
        # What an item names itself counts, and no other.
        assert [item["decision"] for item in told] == [True, True, False, True]


@pytest.mark.rfc("AuthZEN 1.0", "7.2.1")
def test_a_malformed_question_of_a_batch_is_a_no_with_its_error(
    client: TestClient, policies: Policies
) -> None:
    give(policies)
    body = batch(YES, YES)
    body["evaluations"][0] = {"resource": {"type": "claim"}}
    first, second = client.post(EVALUATIONS, json=body).json()["evaluations"]
    assert first["decision"] is False
    assert first["context"]["error"]["status"] == 400
    assert "resource.id" in first["context"]["error"]["message"]
    assert second == {"decision": True}


@pytest.mark.rfc("AuthZEN 1.0", "7.1")
@pytest.mark.parametrize("more", [{}, {"evaluations": []}])
def test_a_batch_without_questions_is_one_question(
    client: TestClient, policies: Policies, more: dict[str, Any]
) -> None:
    give(policies)
    assert client.post(EVALUATIONS, json=ask(**more)).json() == {"decision": True}


@pytest.mark.parametrize(
    "body",
    [
        batch(YES, options={"evaluations_semantic": "deny_all"}),
        batch(YES, options="execute_all"),
        batch(*[YES] * 51),
        ask(evaluations={"0": {}}),
        ask(evaluations=["age_over_18"]),
        {"evaluations": []},
        {},
    ],
)
def test_a_malformed_batch_is_a_400(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post(EVALUATIONS, json=body)
    assert answer.status_code == 400
    assert answer.json()["where"]


def test_the_routes_are_complete_in_openapi(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for endpoint in (EVALUATION, EVALUATIONS):
        described = paths[endpoint]["post"]
        schema = described["requestBody"]["content"]["application/json"]["schema"]
        assert "subject" in schema["properties"]
        assert "$ref" not in json.dumps(schema)
        assert described["summary"]
        assert described["x-specification"].startswith("OpenID AuthZEN")
        assert described["responses"]["200"]["content"]["application/json"]["schema"]


def test_the_keys_of_receipts_are_published(client: TestClient, policies: Policies) -> None:
    assert client.get("/consents/receipts/jwks").json() == policies.receipt_keys()


def test_a_person_is_looked_up_once_for_all_questions_of_a_request(
    client: TestClient, policies: Policies, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(policies, chosen=(YES, NO))
    looked_up: list[str] = []
    known = people.known

    def counted(service_id: str, sub: str) -> Any:
        looked_up.append(sub)
        return known(service_id, sub)

    monkeypatch.setattr(people, "known", counted)
    asked = batch(YES, NO, YES)
    asked["evaluations"].append(
        {**asked["evaluations"][0], "subject": {"type": "person", "id": "x"}}
    )
    for _ in range(2):
        answer = client.post(EVALUATIONS, json=asked).json()
        assert [one["decision"] for one in answer["evaluations"]] == [True, False, True, False]
    assert looked_up == ["sub-anna", "x"] * 2
