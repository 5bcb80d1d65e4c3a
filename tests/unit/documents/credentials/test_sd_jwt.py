"""The form of SD-JWT: written, read, spoiled — RFC 9901."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from documents.credentials import sd_jwt
from documents.credentials.sd_jwt import Hidden, Malformed, base64url, concealed, disclosed

CLAIMS: dict[str, Any] = {
    "iss": "https://id.example",
    "name": Hidden("Léïda"),
    "holder": {"birthdate": Hidden("1990-05-17")},
    "address": Hidden({"street": Hidden("Long Street 1"), "town": "Tallinn"}),
}


def part(*said: Any) -> str:
    return base64url(json.dumps(said).encode())


def digest(disclosure: str) -> str:
    return base64url(hashlib.sha256(disclosure.encode()).digest())


@pytest.mark.rfc("9901", "4.2")
def test_what_is_hidden_stands_nowhere_until_it_is_disclosed() -> None:
    payload, disclosures = concealed(CLAIMS, places=9)
    assert "Léïda" not in json.dumps(payload, ensure_ascii=False)
    assert disclosed(payload, ()) == {"iss": "https://id.example", "holder": {}}
    whole = disclosed(payload, disclosures)
    assert whole["name"] == "Léïda"
    assert whole["holder"] == {"birthdate": "1990-05-17"}
    assert whole["address"] == {"street": "Long Street 1", "town": "Tallinn"}
    assert len(payload["_sd"]) == 9
    assert payload["_sd"] == sorted(payload["_sd"])


@pytest.mark.rfc("9901", "4.2.1")
def test_no_salt_or_digest_comes_twice() -> None:
    first, second = concealed(CLAIMS, places=9), concealed(CLAIMS, places=9)
    assert not set(first[0]["_sd"]) & set(second[0]["_sd"])
    assert not set(first[1]) & set(second[1])


def test_an_inner_claim_without_its_outer_one_is_not_disclosed() -> None:
    payload, disclosures = concealed(CLAIMS)
    street = [d for d in disclosures if b"street" in sd_jwt.from_base64url(d)[:40]]
    with pytest.raises(Malformed) as refused:
        disclosed(payload, street)
    assert refused.value.code == "disclosure_not_signed"


NAME = part("salt", "name", "Ada")


@pytest.mark.rfc("9901", "7.1")
@pytest.mark.parametrize(
    ("payload", "disclosures", "code"),
    [
        ({"_sd": [digest(NAME)]}, [NAME, NAME], "disclosed_twice"),
        ({"_sd": [digest(NAME)] * 2}, [NAME], "digest_twice"),
        ({"_sd": [digest(NAME)], "a": {"_sd": [digest(NAME)]}}, [NAME], "digest_twice"),
        ({"_sd": []}, [NAME], "disclosure_not_signed"),
        ({"_sd": [digest(NAME)], "name": "Eve"}, [NAME], "claim_twice"),
        ({"_sd": "x"}, [], "malformed_digests"),
        ({"_sd": [7]}, [], "malformed_digests"),
        ({"...": "x"}, [], "reserved_name"),
        ({"_sd_alg": "md5"}, [], "unknown_hash"),
        ({}, ["!"], "malformed_disclosure"),
        ({}, [part("salt")], "malformed_disclosure"),
        ({}, [part(1, "name", "x")], "malformed_disclosure"),
        ({}, [base64url(b"[" * 100_000)], "malformed_disclosure"),
    ],
)
def test_what_is_spoiled_has_a_word(
    payload: dict[str, Any], disclosures: list[str], code: str
) -> None:
    with pytest.raises(Malformed) as refused:
        disclosed(payload, disclosures)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["_sd", "..."])
def test_a_disclosure_never_brings_digests_in(name: str) -> None:
    one = part("salt", name, ["x"])
    with pytest.raises(Malformed) as refused:
        disclosed({"_sd": [digest(one)]}, [one])
    assert refused.value.code == "reserved_name"


def test_an_element_of_a_list_is_disclosed_by_itself() -> None:
    one = part("salt", "FR")
    payload = {"nationalities": [{"...": digest(one)}, {"...": "x"}, "EE"]}
    assert disclosed(payload, [one]) == {"nationalities": ["FR", "EE"]}
    with pytest.raises(Malformed):
        disclosed({"a": [{"...": digest(NAME)}]}, [NAME])
    with pytest.raises(Malformed):
        disclosed({"_sd": [digest(one)]}, [one])


def test_what_is_too_long_or_no_sd_jwt_is_refused() -> None:
    for text, code in (
        ("a.b.c", "not_an_sd_jwt"),
        ("a" * 100_001, "too_long"),
        ("a.b.c" + "~x" * 201 + "~", "too_many_disclosures"),
    ):
        with pytest.raises(Malformed) as refused:
            sd_jwt.split(text)
        assert refused.value.code == code
    assert sd_jwt.split("a.b.c~").key_binding is None
