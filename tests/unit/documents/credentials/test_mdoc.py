"""The form of an mdoc: written, read, spoiled — RFC 8949, RFC 9052, ISO/IEC 18013-5."""

from __future__ import annotations

from typing import Any

import pytest

from documents.credentials.malformed import Malformed
from documents.credentials.mdoc import cbor, cose
from documents.credentials.mdoc.cbor import Tag
from documents.credentials.presenting.mdoc import transcript
from documents.credentials.presenting.verifying import Expected

# Of RFC 8949, Appendix A: those that ISO mdoc may have.
EXAMPLES: list[tuple[Any, str]] = [
    (0, "00"), (23, "17"), (24, "1818"), (100, "1864"), (1000, "1903e8"), (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"), (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"), (-1, "20"), (-100, "3863"), (-1000, "3903e7"),
    (1.1, "fb3ff199999999999a"), (-4.1, "fbc010666666666666"), (1.0e300, "fb7e37e43c8800759c"),
    (False, "f4"), (True, "f5"), (None, "f6"),
    (Tag(0, "2013-03-21T20:04:00Z"), "c074323031332d30332d32315432303a30343a30305a"),
    (Tag(24, bytes.fromhex("6449455446")), "d818456449455446"),
    (b"", "40"), (bytes.fromhex("01020304"), "4401020304"), ("", "60"), ("a", "6161"),
    ("\u00fc", "62c3bc"), ("\u6c34", "63e6b0b4"), ("\U00010151", "64f0908591"),
    ([], "80"), ([1, 2, 3], "83010203"), ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"), ({1: 2, 3: 4}, "a201020304"), ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
]  # fmt: skip
SHORT_FLOATS = [("f90000", 0.0), ("f93c00", 1.0), ("fa47c35000", 100000.0)]
REFUSED = [
    *(("f7", "malformed_cbor"), ("f0", "malformed_cbor"), ("f818", "malformed_cbor")),
    *(
        ("f97c00", "malformed_cbor"),
        ("f97e00", "malformed_cbor"),
        ("fb7ff8000000000000", "malformed_cbor"),
    ),
    *(("5f42010243030405ff", "indefinite_length"), ("9fff", "indefinite_length")),
    *(("bf61610161629f0203ffff", "indefinite_length"), ("ff", "malformed_cbor")),
    *(("1c", "indefinite_length"), ("1817", "not_the_shortest"), ("1900ff", "not_the_shortest")),
    *(("1a0000ffff", "not_the_shortest"), ("1b00000000ffffffff", "not_the_shortest")),
    *(("580161", "not_the_shortest"), ("a201000100", "key_twice"), ("a1f500", "malformed_cbor")),
    *(("a14000", "malformed_cbor"), ("62c328", "malformed_cbor"), ("0000", "malformed_cbor")),
    *(("44010203", "malformed_cbor"), ("8301", "malformed_cbor"), ("", "malformed_cbor")),
]


@pytest.mark.rfc("8949", "A")
def test_values_are_written_and_read_as_the_examples_are() -> None:
    for value, written in EXAMPLES:
        assert cbor.encode(value).hex() == written
        found = cbor.decode(bytes.fromhex(written))
        assert (found, type(found)) == (value, type(value))
    for written, number in SHORT_FLOATS:
        assert cbor.decode(bytes.fromhex(written)) == number


@pytest.mark.rfc("8949", "5.6")
def test_what_has_a_second_spelling_or_none_is_refused() -> None:
    for written, word in REFUSED:
        with pytest.raises(Malformed) as refused:
            cbor.decode(bytes.fromhex(written))
        assert refused.value.code == word, written


def test_what_is_too_long_too_deep_or_too_many_is_refused() -> None:
    for raw, word in (
        (bytes(cbor.MOST_BYTES + 1), "too_long"),
        (b"\x81" * 5000 + b"\x00", "too_deep"),
        (b"\xc1" * 5000 + b"\x00", "too_deep"),
        (b"\x99\x0f\xa0" + bytes(4000), "too_many_items"),
        (b"\x5b\x7f" + b"\xff" * 7, "malformed_cbor"),
        (b"\x9b\x7f" + b"\xff" * 7, "malformed_cbor"),
        (b"\xbb\x7f" + b"\xff" * 7, "malformed_cbor"),
    ):
        with pytest.raises(Malformed) as refused:
            cbor.decode(raw)
        assert refused.value.code == word


@pytest.mark.rfc("OpenID4VP", "B.2.6.1")
def test_the_transcript_is_that_of_the_specifications_example() -> None:
    expected = Expected(
        "https://id.example",
        "x509_san_dns:example.com",
        "exc7gBkxjx1rdc9udRrveKvSsJIq80avlXeLHhGwqtA",
        "https://example.com/response",
        bytes.fromhex("4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047"),
    )
    assert cbor.encode(transcript(expected)).hex() == (
        "83f6f682714f70656e494434565048616e646f7665725820"
        "048bc053c00442af9b8eed494cefdd9d95240d254b046b11b68013722aad38ac"
    )


def test_what_is_neither_number_nor_text_has_no_form() -> None:
    for value in (object(), float("nan"), {1, 2}, 2**64):
        with pytest.raises(TypeError):
            cbor.encode(value)


def test_a_key_of_another_kind_is_none() -> None:
    x = bytes(32)
    for found in (
        None,
        {},
        {1: 2, -1: 9, -2: x, -3: x},
        {1: 1, -1: 1, -2: x, -3: x},
        {1: 2, -1: True, -2: x, -3: x},
        {1: 2, -1: 1, -2: x, -3: x},  # no point of the curve
        {1: 2, -1: 1, -2: x, -3: True},
        {1: 1, -1: 6, -2: b"short"},
    ):
        with pytest.raises(Malformed) as refused:
            cose.public_key(found)
        assert refused.value.code == "no_holder_key"
