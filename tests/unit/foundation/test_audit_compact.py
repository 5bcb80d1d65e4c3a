"""What the audit stores short comes back as it was written."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation import opaque
from foundation.audit.compact import packed, short, unpacked, written
from foundation.audit.entry import Actor, open_part, read_sealed, refs_of, sealed_part

AT = datetime(2026, 3, 2, 9, 0, 0, 41000, tzinfo=UTC)


def an_open_part(kind: str = "data.verified", persons: int = 1, at: datetime = AT) -> bytes:
    refs = [opaque.secret(12) for _ in range(persons)]
    return open_part(opaque.identifier("evt"), kind, at, "service", opaque.secret(12), refs)


@pytest.mark.parametrize("persons", [1, 2, 30])
@pytest.mark.parametrize("kind", ["a", "data.verified", "a" * 64])
def test_an_open_part_is_short_on_disk_and_comes_back(kind: str, persons: int) -> None:
    public = an_open_part(kind, persons)
    stored = short(public)
    assert written(stored) == public
    assert len(stored) == 1 + 17 + 6 + 2 + len(kind) + 12 * (1 + persons)


@pytest.mark.parametrize(
    "change",
    [
        (b"evt_", b"evu_"),
        (b'"service"', b'"nobody"'),
        (b".041", b".04a"),
        (b"+00:00", b"+01:00"),
        (b"+00:00", b"000000"),
        (b"2026", b"1926"),
        (b'{"id"', b'{ "id"'),
        (b"]}", b"]}\n"),
    ],
)
def test_another_open_part_than_ours_is_kept_as_it_is(change: tuple[bytes, bytes]) -> None:
    other = an_open_part().replace(*change)
    assert short(other) == other
    assert written(other) == other


@given(st.binary(max_size=200))
def test_any_bytes_come_back(public: bytes) -> None:
    assert written(short(public)) == public


@given(st.binary(max_size=100))
def test_what_somebody_else_put_there_is_read_without_a_failure(stored: bytes) -> None:
    written(b"\x01" + stored)


def test_a_form_of_today_is_read_for_ever() -> None:
    """Written once; a change of the code must not change what they say."""
    stored = (
        "0100059e141eec40a72617c2be63a8c913f8019cadc69aa9020d646174612e76657269666965640001020304"
        "05060708090a0bffeeddccbbaa998877665544"
    )
    assert written(bytes.fromhex(stored)) == (
        b'{"id":"evt_0AbCdEfGhIjKlMnOpQrStU","kind":"data.verified",'
        b'"at":"2026-03-02T09:00:00.041+00:00",'
        b'"actor":{"kind":"service","ref":"AAECAwQFBgcICQoL"},"persons":["_-7dzLuqmYh3ZlVE"]}'
    )
    details = (
        "0143f54e416211d0a6747cbe42284171ec7f7b028038df30b0ce13917be3b05c4dfcd0bee41527857f28d5d6"
        "d60200"
    )
    assert unpacked(bytes.fromhex(details)) == (
        b'{"actor":"cli_parking","details":{"service":"cli_parking","rule_digest":"%b",'
        b'"ground":{"kind":"consent","id":"cns_0AbCdEfGhIjKlMnOpQrStU"}}}' % (b"3f" * 32)
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.just("3f" * 32),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=6))
def test_details_come_back_as_they_were(details: dict[str, object]) -> None:
    content = {"actor": "stf_1", "details": details}
    try:
        plain = json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert unpacked(packed(plain)) == plain


def test_details_of_a_decision_are_packed_to_a_third() -> None:
    details = {
        "service": "cli_parking",
        "purpose": "parking-permit",
        "attributes": ["resident_in_district"],
        "asked": "verify",
        "rule_digest": "".join(f"{(n * 37) % 256:02x}" for n in range(32)),
        "ground": {"kind": "consent", "id": opaque.identifier("cns")},
        "obligations": ["notify"],
    }
    content = sealed_part(Actor("service", "cli_parking"), details)
    assert read_sealed(content) == {"actor": "cli_parking", "details": details}
    assert len(content) * 3 <= len(unpacked(content)) + 12


def test_details_of_before_they_were_packed_are_read() -> None:
    assert read_sealed(b'{"actor":"civitas","details":{}}')["actor"] == "civitas"


@pytest.mark.parametrize(
    "public",
    [b"", b"\xff\x00", b"[]", b"{}", b'{"persons":[],"actor":[]}', b"[" * 100_000,
     b'{"persons":{},"actor":{"ref":"x"}}'],
)  # fmt: skip
def test_what_is_no_open_part_has_no_references(public: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        refs_of(public)
