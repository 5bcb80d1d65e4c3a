"""Receipts: signed, complete by ISO/IEC TS 27560, verifiable by anybody — RFC 7515, RFC 8725."""

from __future__ import annotations

import json

import jwt
import pytest
from joserfc import jwt as other_library
from joserfc.jwk import KeySet

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from policies import NotAReceipt, Policies, Withdrawal
from tests.support.decisions import give, ready_policies


@pytest.fixture
def policies(runtime: Runtime) -> Policies:
    return ready_policies(runtime)


def test_a_receipt_verifies_with_the_published_keys_and_a_library_we_did_not_write(
    policies: Policies,
) -> None:
    token = policies.receipt(give(policies).id, "per_anna")
    keys = KeySet.import_key_set(json.loads(json.dumps(policies.receipt_keys())))
    read = other_library.decode(token, keys, algorithms=["ES256"])
    assert read.header["typ"] == "consent-receipt+jwt"
    assert read.claims == policies.verify_receipt(token)


@pytest.mark.row("privacy", "G-3")
def test_a_receipt_has_what_ISO_27560_asks(policies: Policies) -> None:
    given = give(policies)
    record = policies.verify_receipt(policies.receipt(given.id, "per_anna"))
    assert record["header"]["record_id"] == given.id
    assert record["header"]["schema_version"].startswith("ISO/IEC TS 27560")
    processing = record["processing"]
    assert given.notice is not None
    assert processing["privacy_notice"]["text"] == given.notice.text
    assert processing["privacy_notice"]["version"] == given.notice.version
    (purpose,) = processing["purposes"]
    assert purpose["lawful_basis"] == "consent"
    assert purpose["purpose_type"] == "https://w3id.org/dpv#ServiceRegistration"
    assert [p["pii_attribute_id"] for p in purpose["pii_information"]] == ["age_over_18"]
    assert purpose["pii_not_given"] == ["resident_of_city", "name"]
    assert purpose["retention_period"] == "P90D"
    assert processing["jurisdiction"] == "EE"
    for mandatory in ("withdrawal_method", "privacy_rights", "storage_locations", "language"):
        assert processing[mandatory]
    roles = {p["party_role"] for p in record["party_identification"]}
    assert roles == {"pii_controller", "recipient"}
    (event,) = record["event"]
    assert event["state"] == "https://w3id.org/dpv#ConsentGiven"
    assert event["event_time"] == given.given_at.isoformat()


def test_withdrawing_gives_a_receipt_of_both_events(policies: Policies, clock: FrozenClock) -> None:
    from datetime import timedelta

    given = give(policies)
    clock.advance(timedelta(hours=1))
    receipt = Withdrawal(policies, []).withdraw(given.id, "per_anna")
    record = policies.verify_receipt(receipt.token)
    assert [e["act"] for e in record["event"]] == ["given", "withdrawn"]
    assert record["jti"] == f"{given.id}.withdrawn"
    assert record["iat"] == int(clock.now().timestamp())


def test_a_refusal_has_a_receipt_too(policies: Policies) -> None:
    refused = give(policies, chosen=())
    record = policies.verify_receipt(policies.receipt(refused.id, "per_anna"))
    assert [e["act"] for e in record["event"]] == ["refused"]


@pytest.mark.row("privacy", "P-1")
def test_two_receipts_of_one_person_share_nothing_that_joins_them(policies: Policies) -> None:
    one = policies.receipt(give(policies).id, "per_anna")
    two = policies.receipt(give(policies, service="svc_other").id, "per_anna")
    principals = {policies.verify_receipt(t)["header"]["pii_principal_id"] for t in (one, two)}
    assert len(principals) == 2
    assert all("per_anna" not in json.dumps(policies.verify_receipt(t)) for t in (one, two))


def test_a_receipt_still_verifies_after_its_key_was_replaced(policies: Policies) -> None:
    token = policies.receipt(give(policies).id, "per_anna")
    policies.runtime.keys.rotate("receipt")
    assert policies.verify_receipt(token)


def _parts(token: str) -> list[str]:
    return token.split(".")


@pytest.mark.row("failures", "10")
def test_a_changed_unsigned_or_foreign_token_is_no_receipt(policies: Policies) -> None:
    token = policies.receipt(give(policies).id, "per_anna")
    header, payload, signature = _parts(token)
    kid = jwt.get_unverified_header(token)["kid"]
    typ = {"typ": "consent-receipt+jwt", "kid": kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    policies.runtime.keys.ensure("jwt", "ES256")
    foreign = policies.runtime.keys.signer("jwt")
    hostile = [
        "",
        "a.b.c",
        f"{header}.{payload}.",
        f"{header}.{payload[:-4]}AAAA.{signature}",
        jwt.encode(claims, "", algorithm="none", headers=typ),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers=typ),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={**typ, "typ": "JWT"}),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={**typ, "kid": foreign.kid}),
        jwt.encode(claims, "x" * 32, algorithm="HS256", headers={**typ, "kid": "unknown"}),
    ]
    for value in hostile:
        with pytest.raises(NotAReceipt):
            policies.verify_receipt(value)
