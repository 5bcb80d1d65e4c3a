"""Whatever bytes come in place of an mdoc are read or refused in a word, and no more happens."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from documents.credentials.malformed import Malformed
from documents.credentials.mdoc import cbor, cose, issued
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.mdoc.issued import SecurityObject

NUMBERS = st.integers(-(2**64), 2**64 - 1)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.binary(max_size=8)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NUMBERS | st.text(max_size=4), inner, max_size=3)
        | st.builds(Tag, st.sampled_from([0, 24, 1004]), inner)
    ),
    max_leaves=12,
)
NAMES = (
    *("version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "deviceKey", "docType"),
    *("validityInfo", "signed", "validFrom", "validUntil", "status"),
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES | st.sampled_from(["1.0", "SHA-256"]))


@given(VALUES)
def test_a_value_comes_back_and_has_one_spelling(value: Any) -> None:
    raw = cbor.encode(value)
    found = cbor.decode(raw)
    assert found == value
    assert cbor.encode(found) == raw


@given(st.binary(max_size=64))
def test_any_bytes_are_read_in_their_one_spelling_or_refused(raw: bytes) -> None:
    try:
        found = cbor.decode(raw)
    except Malformed:
        return
    # Only a float may be written shorter than we do.
    if not any(byte in raw for byte in (0xF9, 0xFA)):
        assert cbor.encode(found) == raw


@given(VALUES, st.data())
def test_a_value_that_lost_its_end_is_refused(value: Any, data: st.DataObject) -> None:
    raw = cbor.encode(value)
    at = data.draw(st.integers(0, len(raw) - 1))
    with suppress(Malformed):
        cbor.decode(raw[:at])
        raise AssertionError("it was read")


@given(VALUES)
def test_any_signature_and_key_is_read_or_refused(value: Any) -> None:
    with suppress(Malformed):
        cose.read(value).chain()
    with suppress(Malformed):
        cose.public_key(value)


@given(st.lists(st.binary(max_size=8) | VALUES, min_size=4, max_size=4))
def test_any_four_parts_are_a_signature_or_refused(parts: list[Any]) -> None:
    with suppress(Malformed):
        found = cose.read(parts)
        assert found.algorithm in (None, *cose.ALGORITHMS)


@given(OBJECTS | VALUES, VALUES)
def test_any_security_object_is_read_or_refused(said: Any, shown: Any) -> None:
    with suppress(Malformed):
        found = issued.security_object(cbor.encode(cbor.embedded(said)))
        issued.disclosed(found, shown)


@given(st.dictionaries(st.text(max_size=4), st.lists(VALUES.map(cbor.embedded), max_size=3)))
def test_nothing_that_was_not_signed_is_disclosed(shown: dict[str, Any]) -> None:
    validity: Any = None
    said = SecurityObject("x", "sha256", {"x": {0: bytes(32)}}, {}, validity, {})
    with suppress(Malformed):
        assert not any(issued.disclosed(said, shown).values())
