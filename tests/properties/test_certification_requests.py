"""Fuzzed certification requests: parsed, or refused with a field; never anything else — 5.13."""

from __future__ import annotations

import base64

import pytest
from asn1crypto import core
from asn1crypto.csr import CertificationRequest as Asn1Request
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import KeyUsage, SubjectAlternativeName, UniformResourceIdentifier
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foundation.errors import Problem
from pki.requests.pkcs10 import UNREADABLE
from pki.requests.request import parse
from tests.support.devices import csr, new_key

KEY = new_key()
GOOD = csr(
    KEY,
    "dev_1",
    (SubjectAlternativeName([UniformResourceIdentifier("urn:dev:os:1-2")]), False),
    (KeyUsage(True, False, False, False, True, False, False, False, False), True),
)

pytestmark = pytest.mark.row("devices", "5.13")


def is_parsed_or_refused(body: bytes) -> None:
    try:
        parse(body)
    except Problem as refusal:
        said = refusal
    else:
        return
    assert 400 <= said.status < 500
    assert said.where
    assert said.next_step


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
@example(b"\x30\x80")
@example(b"\x30\x84\xff\xff\xff\xff")
def test_any_bytes(body: bytes) -> None:
    is_parsed_or_refused(body)


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_a_good_request_with_changed_bytes(changes: list[tuple[int, int]]) -> None:
    body = bytearray(GOOD)
    for place, value in changes:
        body[place] = value
    is_parsed_or_refused(bytes(body))


TO_BE_SIGNED = Asn1Request.load(GOOD)["certification_request_info"].dump()


@settings(max_examples=2500, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TO_BE_SIGNED) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    )
)
def test_a_changed_request_that_is_rightly_signed(changes: list[tuple[int, int]]) -> None:
    """Past the signature lie the subject, the extensions and the attributes."""
    info = bytearray(TO_BE_SIGNED)
    for place, value in changes:
        info[place] = value
    signature = KEY.sign(bytes(info), ec.ECDSA(hashes.SHA256()))
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    bits = core.OctetBitString(signature).dump()
    content = bytes(info) + algorithm + bits
    body = b"\x30\x82" + len(content).to_bytes(2, "big") + content
    is_parsed_or_refused(body)
    is_read_as_by_cryptography(body)


def is_read_as_by_cryptography(body: bytes) -> None:
    """The structure is read by hand: what another reader accepts is accepted, and is the same."""
    try:
        other = x509.load_der_x509_csr(body)
        extensions = {e.oid.dotted_string: e.value for e in other.extensions}
        names = [a.value for a in other.subject]
        list(other.attributes)
        accepted = other.is_signature_valid
    except UNREADABLE:
        return
    if accepted:
        ours = parse(body)
        assert (dict(ours.extensions), [v for _, v in ours.subject]) == (extensions, names)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(GOOD)), st.binary(max_size=40), st.integers(0, len(GOOD)))
def test_a_good_request_cut_and_spliced(start: int, middle: bytes, end: int) -> None:
    body = GOOD[:start] + middle + GOOD[end:]
    is_parsed_or_refused(body)
    is_parsed_or_refused(base64.encodebytes(body))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    is_parsed_or_refused(text.encode())
    is_parsed_or_refused(f"-----BEGIN CERTIFICATE REQUEST-----{text}".encode())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=64))
def test_any_common_name_is_refused_or_kept_as_it_is(name: str) -> None:
    try:
        body = csr(new_key(), name)
    except ValueError:
        return
    try:
        parsed = parse(body)
    except Problem:
        return
    assert dict(parsed.subject).get("CN", "") == name
