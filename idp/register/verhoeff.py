"""A check digit that finds every wrong digit and every two that changed places — Verhoeff, 1969.

Over the dihedral group of the pentagon; the permutation is the one that is used everywhere.
"""

from __future__ import annotations

_TURN = "1576283094"


def _product(a: int, b: int) -> int:
    """In the group: 0 to 4 turn the pentagon, 5 to 9 mirror it first."""
    if a < 5:
        return (a + b) % 5 + (0 if b < 5 else 5)
    return (a - b) % 5 + (5 if b < 5 else 0)


_PRODUCT = tuple(tuple(_product(a, b) for b in range(10)) for a in range(10))
_PLACES = [tuple(range(10))]
while len(_PLACES) < 8:
    _PLACES.append(tuple(int(_TURN[digit]) for digit in _PLACES[-1]))


def _checksum(digits: str, first: int) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits), start=first):
        total = _PRODUCT[total][_PLACES[place % 8][int(digit)]]
    return total


def with_check_digit(digits: str) -> str:
    """`digits` and the one that completes them."""
    return digits + str(_PRODUCT[_checksum(digits, 1)].index(0))


def is_valid(digits: str) -> bool:
    """Whether the last digit is the one that belongs to the others."""
    return digits.isascii() and digits.isdigit() and _checksum(digits, 0) == 0
