"""Identifiers have one canonical form each — RFC 9039, RFC 3061, GS1 TDS."""

from __future__ import annotations

import pytest

from device_registry import identifier
from device_registry.identifiers import SCHEMES

GOOD = [
    ("eui64", "00-24-BE-FF-FE-80-4F-F1", "0024befffe804ff1", "urn:dev:mac:0024befffe804ff1"),
    ("eui64", "0024befffe804ff1", "0024befffe804ff1", "urn:dev:mac:0024befffe804ff1"),
    ("urn_dev", "URN:DEV:MAC:0024BEFFFE804FF1", "urn:dev:mac:0024befffe804ff1", None),
    ("urn_dev", "urn:dev:ow:10e2073a01080063", "urn:dev:ow:10e2073a01080063", None),
    ("urn_dev", "urn:dev:ow:264437f5000000ed_humidity", None, None),
    ("urn_dev", "urn:dev:org:32473-foo", None, None),
    ("urn_dev", "urn:dev:os:32473-123456", None, None),
    ("urn_dev", "urn:dev:ops:32473-Refrigerator-5002", None, None),
    ("urn_oid", "urn:oid:1.3.6.1.4.1.32473.7", None, None),
    ("sgtin", "urn:epc:id:sgtin:0614141.112345.400", None, None),
]
BAD = [
    ("eui64", "00:24:be:ff:fe:80"),
    ("eui64", "00-24:BE-FF-FE-80-4F-F1"),
    ("eui64", "ffffffffffffffff"),
    ("eui64", "0024befffe804fg1"),
    ("urn_dev", "urn:dev:mac:0024be"),
    ("urn_dev", "urn:dev:imei:1"),
    ("urn_dev", "urn:dev:org:032473-foo"),
    ("urn_dev", "urn:dev:os:32473"),
    ("urn_dev", "urn:uuid:1"),
    ("urn_oid", "urn:oid:1.3.06.1"),
    ("urn_oid", "urn:oid:1.40.1"),
    ("urn_oid", "urn:oid:3.1.1"),
    ("urn_oid", "1.3.6.1"),
    ("sgtin", "urn:epc:id:sgtin:0614141.12345.400"),
    ("sgtin", "urn:epc:id:sgtin:0614141.112345."),
    ("sgtin", "urn:epc:id:sgtin:0614141.112345." + "1" * 21),
    ("barcode", "123"),
    ("urn_dev", "urn:dev:os:1-" + "a" * 300),
]


@pytest.mark.rfc("9039", "4")
@pytest.mark.parametrize(("scheme", "written", "canonical", "uri"), GOOD)
def test_a_good_identifier_has_one_form(
    scheme: str, written: str, canonical: str | None, uri: str | None
) -> None:
    parsed = identifier(scheme, f" {written} ")
    assert parsed.value == (canonical or written)
    assert parsed.uri == (uri or parsed.value)
    assert identifier(scheme, parsed.value) == parsed


@pytest.mark.parametrize(("scheme", "written"), BAD)
def test_a_bad_identifier_is_refused_with_a_sentence(scheme: str, written: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        identifier(scheme, written)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)
def test_each_schemes_example_is_good(scheme: object) -> None:
    identifier(scheme.name, scheme.example)  # type: ignore[attr-defined]
