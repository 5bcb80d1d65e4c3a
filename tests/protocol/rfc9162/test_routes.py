"""The audit's public endpoints: what they show, to whom, and how they refuse — RFC 9162 §2.1."""

import base64
from collections.abc import Iterator

import httpx
import pytest

from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import VerifierKey, open_note
from foundation.audit.entry import entry
from foundation.errors import Problem
from foundation.runtime import Runtime
from tests.support.audits import history, outside, record, sequence
from tests.support.client import TestClient


@pytest.fixture
def client(runtime: Runtime) -> Iterator[TestClient]:
    with outside(runtime.audit, rendered=False) as client:
        yield client


def test_an_outsider_proves_every_leaf_with_nothing_but_the_routes(
    runtime: Runtime, client: TestClient
) -> None:
    history(runtime)
    key = VerifierKey.parse(client.get("/audit/key").text)
    signed = open_note(client.get("/audit/checkpoint").text, [key])
    assert (signed.origin, signed.size) == ("localhost:8000/audit", 11)
    for shown in client.get("/audit/entries", params={"count": 11}).json()["entries"]:
        content = entry(shown["open"].encode(), map(bytes.fromhex, shown["sealed"]))
        query = {"index": shown["index"], "size": 11}
        proof = client.get("/audit/proof/inclusion", params=query).json()["proof"]
        audit_tree.verify_inclusion(
            audit_tree.leaf_hash(content), shown["index"], 11, decoded(proof), signed.root
        )


def test_the_tree_only_grows(runtime: Runtime, client: TestClient) -> None:
    history(runtime)
    key = VerifierKey.parse(client.get("/audit/key").text)
    old = open_note(client.get("/audit/checkpoint").text, [key])
    record(runtime)
    sequence(runtime)
    new = open_note(client.get("/audit/checkpoint").text, [key])
    proof = client.get("/audit/proof/consistency", params={"old": old.size, "new": new.size})
    audit_tree.verify_consistency(
        old.size, new.size, old.root, new.root, decoded(proof.json()["proof"])
    )


def test_what_no_checkpoint_covers_is_not_shown(runtime: Runtime, client: TestClient) -> None:
    history(runtime)
    record(runtime)
    assert client.get("/audit/entries").json()["tree_size"] == 11
    assert len(client.get("/audit/entries").json()["entries"]) == 11
    assert client.get("/audit/entries", params={"start": 11}).json()["entries"] == []


def test_public_entries_name_nobody(runtime: Runtime, client: TestClient) -> None:
    history(runtime)
    everything = client.get("/audit/entries").text
    assert "per_" not in everything
    assert set(client.get("/audit/entries").json()["entries"][0]) == {
        "index",
        "event_id",
        "open",
        "sealed",
    }


@pytest.mark.parametrize(
    "endpoint",
    [
        "entries?start=-1",
        "entries?start=x",
        "entries?count=0",
        "entries?count=1001",
        "entries?start=99999999999999999999",
        "leaves?count=-5",
        "proof/inclusion",
        "proof/inclusion?index=1e3",
        "proof/inclusion?index=0&size=0",
        "proof/consistency",
        "proof/consistency?old=0",
    ],
)
def test_a_value_out_of_bounds_is_refused_by_the_types(
    runtime: Runtime, client: TestClient, endpoint: str
) -> None:
    history(runtime)
    assert client.get(f"/audit/{endpoint}").status_code == httpx.codes.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("entries?start=12", "start"),
        ("leaves?start=9007199254740991", "start"),
        ("proof/inclusion?index=11", "index"),
        ("proof/inclusion?index=5&size=5", "index"),
        ("proof/inclusion?index=1&size=12", "size"),
        ("proof/consistency?old=9&new=8", "old"),
        ("proof/consistency?old=3&new=12", "new"),
    ],
)
def test_a_question_about_no_signed_tree_is_a_problem_that_says_where(
    runtime: Runtime, client: TestClient, endpoint: str, where: str
) -> None:
    history(runtime)
    with pytest.raises(Problem) as refused:
        client.get(f"/audit/{endpoint}")
    assert refused.value.status in (400, 404)
    assert (refused.value.where, bool(refused.value.next_step)) == (where, True)


@pytest.mark.parametrize("endpoint", ["checkpoint", "entries", "leaves", "proof/inclusion?index=0"])
def test_before_the_first_checkpoint_the_routes_ask_for_patience(
    client: TestClient, endpoint: str
) -> None:
    with pytest.raises(Problem) as refused:
        client.get(f"/audit/{endpoint}")
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "2"})


def decoded(proof: list[str]) -> list[bytes]:
    return [base64.b64decode(digest, validate=True) for digest in proof]
