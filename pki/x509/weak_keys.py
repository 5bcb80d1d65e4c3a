"""Keys that were made badly, known by looking at them — NIST SP 800-89 §5.3.3, CVE-2017-15361.

Only what a request's own key shows. Keys that are known to others stand in a table: `banning`.
"""

from __future__ import annotations

from math import gcd, isqrt

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_LARGEST_SMALL = 752
"""SP 800-89 §5.3.3: no factor smaller than this."""
_FERMAT_ROUNDS = 100
"""As many as the CA/Browser Forum asks for (Baseline Requirements §6.1.6)."""
_LARGEST_EXPONENT = 1 << 256  # FIPS 186-5 §5.1
# The discriminants of ROCA: such a modulus is a power of 65537 modulo each of these primes.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
_POWERS = {p: frozenset(pow(65537, i, p) for i in range(p - 1)) for p in _ROCA_PRIMES}
_ENDS_OF_SQUARES = frozenset(i * i & 63 for i in range(64))
_FIELD = (1 << 255) - 19
# y of the eight points of Curve25519 whose order divides eight: anybody can sign for them.
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
            "little",
        ),
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
            "little",
        ),
    }
)


def weakness(key: object) -> str | None:
    """What is wrong with a key, to follow "The key is weak:"; None when nothing is seen."""
    if isinstance(key, rsa.RSAPublicKey):
        return _of_rsa(key.public_numbers())
    if isinstance(key, ed25519.Ed25519PublicKey):
        return _of_ed25519(key)
    return None  # a point beside its curve does not come so far: `cryptography` refuses to load it


def _of_rsa(numbers: rsa.RSAPublicNumbers) -> str | None:
    if not 65537 <= numbers.e < _LARGEST_EXPONENT or numbers.e % 2 == 0:
        return f"its public exponent {numbers.e} is even, less than 65537, or too large"
    if gcd(numbers.n, _SMALL_FACTORS) != 1:
        return "its modulus has a small factor"
    if all(numbers.n % p in _POWERS[p] for p in _ROCA_PRIMES):
        return "its modulus bears the mark of a broken generator (CVE-2017-15361)"
    if _close_primes(numbers.n):
        return "its two primes are close together (CVE-2022-26320)"
    return None


def _close_primes(n: int) -> bool:
    """Whether Fermat's way finds the factors at once."""
    middle = isqrt(n)
    if middle * middle < n:
        middle += 1
    for a in range(middle, middle + _FERMAT_ROUNDS):
        rest = a * a - n
        if rest & 63 in _ENDS_OF_SQUARES and isqrt(rest) ** 2 == rest:
            return True
    return False


def _of_ed25519(key: ed25519.Ed25519PublicKey) -> str | None:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y >= _FIELD or y in _SMALL_ORDER:
        return "it is one of the points for which anybody can sign"
    return None


def _product_of_primes(below: int) -> int:
    product = 1
    for candidate in range(2, below):
        if gcd(candidate, product) == 1:
            product *= candidate
    return product


_SMALL_FACTORS = _product_of_primes(_LARGEST_SMALL)
