"""RSA keys out of a drawer: each costs as much as ten tests, and a founding makes one."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

_DIFFERENT = 8
"""More than any test makes of its own; they come around again for the next."""
_keys: list[rsa.RSAPrivateKey] = []
_drawn = count()


def _draw(public_exponent: int, key_size: int) -> rsa.RSAPrivateKey:
    place = next(_drawn) % _DIFFERENT
    while len(_keys) <= place:
        _keys.append(rsa.generate_private_key(public_exponent, key_size))
    return _keys[place]


DRAWER: Any = SimpleNamespace(**{**vars(rsa), "generate_private_key": _draw})
"""What stands for the library where the program makes its keys."""
