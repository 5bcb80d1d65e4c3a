"""Keys that were made badly, each kind made here on purpose, and keys that are known to others."""

from __future__ import annotations

import hashlib
import random
from math import gcd, prod
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from foundation.errors import BadRequest
from pki import RequestRefused
from pki.requests.request import parse
from pki.revocation.banning import ban, digests
from pki.x509.public_key import describe
from pki.x509.weak_keys import _ROCA_PRIMES, weakness
from tests.support.devices import City, csr, new_key
from tests.support.statements import listening

pytestmark = pytest.mark.row("devices", "issuance")

DICE = random.Random(20260302)
SIEVE = prod(p for p in range(3, 2000, 2) if all(p % q for q in range(3, 45, 2) if q < p))


def is_prime(n: int) -> bool:
    """Miller and Rabin, forty rounds."""
    if n % 2 == 0 or gcd(n, SIEVE) != 1:
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(40):
        x = pow(DICE.randrange(2, n - 1), odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def next_prime(n: int) -> int:
    n |= 1
    while not is_prime(n):
        n += 2
    return n


def a_prime(bits: int) -> int:
    return next_prime(DICE.getrandbits(bits) | 3 << (bits - 2))


def modulus(n: int, e: int = 65537) -> str | None:
    return weakness(rsa.RSAPublicNumbers(e, n).public_key())


@pytest.fixture(scope="module")
def good() -> int:
    return rsa.generate_private_key(65537, 2048).public_key().public_numbers().n


def test_a_good_key_is_not_called_weak(good: int) -> None:
    assert modulus(good) is None
    assert all(weakness(key.public_key()) is None for key in (
        ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate(),
    ))  # fmt: skip


@pytest.mark.parametrize("exponent", [3, 17, 65535, 65539 << 256 | 1])
def test_a_small_or_huge_exponent_is_weak(good: int, exponent: int) -> None:
    said = modulus(good, exponent)
    assert said is not None
    assert "exponent" in said


@pytest.mark.parametrize("factor", [3, 79, 83, 751])
def test_a_small_factor_is_found(factor: int) -> None:
    said = modulus(factor * a_prime(1016))
    assert said is not None
    assert "small factor" in said


def test_primes_close_to_each_other_are_found() -> None:
    p = a_prime(512)
    for distance in (2, 1 << 190):
        said = modulus(p * next_prime(p + distance))
        assert said is not None
        assert "close together" in said
    assert modulus(p * a_prime(512)) is None


def test_the_square_of_a_prime_is_found() -> None:
    p = a_prime(512)
    assert modulus(p * p)


def test_the_mark_of_roca_is_found() -> None:
    """Primes as the broken generator makes them: k·M + (65537^a mod M)."""
    m = 1
    for prime in (2, 3, 5, 7, 23, 29, 31, 41, 43, 47, 59, 67, *_ROCA_PRIMES):
        m *= prime

    def broken() -> int:
        while True:
            k = DICE.getrandbits(512 - m.bit_length()) | 1 << (511 - m.bit_length())
            candidate = k * m + pow(65537, DICE.getrandbits(60), m)
            if is_prime(candidate):
                return candidate

    said = modulus(broken() * broken())
    assert said is not None
    assert "CVE-2017-15361" in said


@pytest.mark.parametrize(
    "raw",
    [
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "ff",
    ],
)
def test_a_point_for_which_anybody_can_sign_is_weak(raw: str) -> None:
    assert weakness(ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw)))


def test_a_point_beside_its_curve_is_refused() -> None:
    key = new_key()
    body = _der(csr(key, None))
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    at = bytes(body).index(point)
    body[at + 40] ^= 1
    with pytest.raises(RequestRefused) as caught:
        parse(bytes(body))
    assert caught.value.where == "subjectPKInfo"


def _der(body: bytes) -> bytearray:
    from pki.requests.request import decode

    return bytearray(decode(body))


# ── known to others ───────────────────────────────────────────────────────────────────────


def banned(city: City, *keys: str) -> None:
    ban(city.runtime.database, city.runtime.audit, keys, "found in a firmware image", city.now)


def test_nobody_gets_a_certificate_for_a_banned_key(city: City) -> None:
    key = new_key()
    registered = city.register()
    banned(city, describe(key.public_key()).digest)
    with pytest.raises(RequestRefused) as caught:
        city.enrol(registered, csr(key, registered.device.id))
    assert caught.value.where == "subjectPKInfo"
    assert "known to others" in caught.value.description
    city.enrol(registered, csr(new_key(), registered.device.id))


def test_a_key_that_is_banned_later_cannot_renew(city: City) -> None:
    registered, key, certificate = city.enrolled()
    banned(city, describe(key.public_key()).digest)
    with pytest.raises(RequestRefused):
        city.renew(certificate, csr(key, registered.device.id))
    city.renew(certificate, csr(new_key(), registered.device.id))


def test_banning_twice_is_banning_once_and_stands_in_the_audit(city: City) -> None:
    key = describe(new_key().public_key()).digest
    banned(city, key, key)
    banned(city, key)
    assert city.events().count("keys.banned") == 2


def test_the_list_costs_an_issuance_no_question_of_its_own(city: City) -> None:
    registered, key = city.register(), new_key()
    with listening() as asked:
        city.enrol(registered, csr(key, registered.device.id))
    naming = [one for one in asked if "pki_banned_keys" in one]
    # In the statements that hold the key and that complete the serial: each does its own work.
    assert [one.split()[0] for one in naming] == ["INSERT", "UPDATE"]
    assert naming[0].startswith("INSERT INTO pki_held_keys")


def test_files_of_every_form_name_the_same_key(city: City) -> None:
    registered, key, certificate = city.enrolled()
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    request = _der(csr(key, registered.device.id))
    expected = hashlib.sha256(der).hexdigest()
    shown = ":".join(expected[i : i + 2] for i in range(0, 64, 2)).upper()
    for content in (
        der,
        pem,
        certificate.public_bytes(Encoding.DER),
        certificate.public_bytes(Encoding.PEM),
        bytes(request),
        f"# leaked\n\n{expected}  # lamp 114\n".encode(),
        f"{shown}\r\n".encode(),
    ):
        assert digests(content) == (expected,)
    assert digests(pem + certificate.public_bytes(Encoding.PEM)) == (expected, expected)
    assert load_der_x509_certificate(certificate.public_bytes(Encoding.DER)) == certificate


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"\x30\x03\x02\x01\x81", "DER"),
        (b"0123\n", "line 1"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PUBLIC KEY"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PRIVATE KEY"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(content: bytes, where: str) -> None:
    with pytest.raises(BadRequest) as caught:
        digests(content)
    assert where in caught.value.description
    assert caught.value.next_step


def test_the_command_bans_what_a_file_names(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from civitas.commands import ca

    key = new_key().public_key()
    (tmp_path / "key.pem").write_bytes(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    done = CliRunner().invoke(ca.app, ["ban", str(tmp_path / "key.pem"), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "1 keys" in done.output
    (tmp_path / "empty.txt").write_bytes(b"\n")
    for name in ("missing.pem", "empty.txt"):
        done = CliRunner().invoke(ca.app, ["ban", str(tmp_path / name)])
        assert done.exit_code == 1
