"""Certificates on their way to a client — RFC 5272 §4.1, RFC 5652 §5.1."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from pki.est.messages import certs_only
from tests.support.devices import City


@pytest.mark.rfc("5652", "5.1")
@pytest.mark.parametrize("many", [1, 7])
def test_certificates_alone_are_written_as_the_library_writes_them(city: City, many: int) -> None:
    certificates = city.authority.authorities()[:many]
    answer = certs_only(c.public_bytes(Encoding.DER) for c in certificates)
    expected = pkcs7.serialize_certificates(list(certificates), Encoding.DER)
    assert base64.b64decode(answer.body, validate=True) == expected
