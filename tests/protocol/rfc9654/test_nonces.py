"""Nonces: an answer for this question alone — RFC 9654."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from pki.x509 import der
from tests.support.devices import Town
from tests.support.status import about, asking, get, issue, issuer_of, post

STATUS = ocsp.OCSPResponseStatus


def nonce_of(found: ocsp.OCSPResponse) -> bytes:
    return found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce


@pytest.mark.rfc("9654", "2.1")
@pytest.mark.parametrize("size", [1, 16, 32, 128])
def test_a_nonce_comes_back_signed(town: Town, size: int) -> None:
    certificate = issue(town.city, "lamp")
    found = about(town, certificate, nonce=b"\x80" * size)
    assert nonce_of(found) == b"\x80" * size


@pytest.mark.rfc("9654", "2.1")
@pytest.mark.parametrize("nonce", [b"", b"x" * 129])
def test_a_nonce_of_another_length_is_malformed(town: Town, nonce: bytes) -> None:
    certificate = issue(town.city, "lamp")
    assert about(town, certificate, nonce=nonce).response_status is STATUS.MALFORMED_REQUEST


@pytest.mark.rfc("9654", "2.1")
def test_a_nonce_that_is_no_octet_string_or_comes_twice_is_malformed(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    body = asking(certificate, issuer_of(town.city, certificate).certificate)
    begin, end = der.only(body, der.SEQUENCE)
    _, first, last = der.read(body, begin, end)
    right = der.extension("1.3.6.1.5.5.7.48.1.2", der.octets(b"n"))
    for wrong in (der.extension("1.3.6.1.5.5.7.48.1.2", b"bare"), right + right):
        more = body[first:last] + der.explicit(2, der.sequence(wrong))
        found = post(town, der.sequence(der.sequence(more)))
        assert found.response_status is STATUS.MALFORMED_REQUEST


def test_an_answer_with_a_nonce_is_made_for_its_asker_and_kept_by_nobody(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    body = asking(certificate, issuer_of(town.city, certificate).certificate, nonce=b"n" * 32)
    one, two = get(town, body), get(town, body)
    assert one.headers["cache-control"] == "no-store"
    assert one.content != two.content
    plain = about(town, certificate)
    with pytest.raises(x509.ExtensionNotFound):
        nonce_of(plain)
