"""Sealed values open in their own place only, and never after a change."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from foundation import algorithms
from foundation.keys import CannotOpen, thumbprint
from foundation.runtime import Runtime

quick = examples(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(plaintext=st.binary(max_size=300), purpose=st.text(max_size=20), context=st.text())
def test_what_was_sealed_opens_in_the_same_place(
    runtime: Runtime, plaintext: bytes, purpose: str, context: str
) -> None:
    sealed = runtime.keys.seal(purpose, plaintext, context)
    assert runtime.keys.open(purpose, sealed, context) == plaintext


@quick
@given(data=st.data(), plaintext=st.binary(max_size=80))
def test_any_changed_bit_is_noticed(
    runtime: Runtime, data: st.DataObject, plaintext: bytes
) -> None:
    sealed = bytearray(runtime.keys.seal("purpose", plaintext, "context"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotOpen):
        runtime.keys.open("purpose", bytes(sealed), "context")


def test_a_sealed_value_moved_to_another_place_does_not_open(runtime: Runtime) -> None:
    sealed = runtime.keys.seal("totp", b"value", "per_1")
    for purpose, context in [
        ("totp", "per_2"),
        ("other", "per_1"),
        ("totp", ""),
        ("to", "tpper_1"),
    ]:
        with pytest.raises(CannotOpen):
            runtime.keys.open(purpose, sealed, context)


def test_a_truncated_or_foreign_value_does_not_open(runtime: Runtime) -> None:
    sealed = runtime.keys.seal("purpose", b"value")
    for value in (b"", b"\x01", sealed[:-1], sealed[:20], b"\x02" + sealed[1:], b"plain text"):
        with pytest.raises(CannotOpen):
            runtime.keys.open("purpose", value)


def test_the_same_plaintext_is_never_sealed_alike(runtime: Runtime) -> None:
    assert len({runtime.keys.seal("purpose", b"value") for _ in range(100)}) == 100


def test_a_mac_depends_on_purpose_and_data(runtime: Runtime) -> None:
    macs = {runtime.keys.mac(p, d) for p in ("a", "b") for d in (b"", b"1", b"2")}
    assert len(macs) == 6
    assert runtime.keys.mac("a", b"1") in macs


@pytest.mark.rfc("7638", "3.1")
def test_the_thumbprint_is_that_of_the_rfcs_example() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
        "BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
        "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWh"
        "AI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    modulus = int.from_bytes(base64.urlsafe_b64decode(n + "=="), "big")
    key = rsa.RSAPublicNumbers(65537, modulus).public_key()
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert algorithms.jwk(key) == {"kty": "RSA", "n": n, "e": "AQAB"}


@pytest.mark.rfc("7518", "6.2.1.2")
def test_coordinates_keep_their_leading_zeros() -> None:
    # A key whose x starts with a zero octet: about one in 256.
    while True:
        public = ec.generate_private_key(ec.SECP256R1()).public_key()
        if public.public_numbers().x < 1 << 248:
            break
    jwk = algorithms.jwk(public)
    assert len(jwk["x"]) == len(jwk["y"]) == 43
    assert json.loads(json.dumps(jwk)) == jwk


def test_a_key_of_another_kind_never_passes_for_an_algorithm() -> None:
    made = {name: algorithms.generate(name) for name in ("ES256", "ES384", "EdDSA", "RS256")}
    for name, key in made.items():
        assert algorithms.checked(name, key) is key
        for other in made.keys() - {name}:
            with pytest.raises(algorithms.UnknownAlgorithm):
                algorithms.checked(other, key)
    with pytest.raises(algorithms.UnknownAlgorithm):
        algorithms.generate("none")
