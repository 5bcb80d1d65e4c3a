"""Lists of codes that each work once: the code card, recovery codes — NIST SP 800-63B §5.1.2, AU-4.

Of each code a keyed hash is kept, under the master key, bound to list and place: who copies the
database cannot try them. Which code of a card is asked for next is told by its id, in an order that
nobody knows who has not our key.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from foundation import opaque
from foundation.keys import Keys
from idp.login.authenticators.totp import digits

CARD, CARD_DIGITS = 148, 6
"""As on the card of NemID."""
RECOVERY = 12
FEW = 20
"""Codes of a card that are left when a new one is offered."""
_SIZE = 16
_PURPOSE = "login-code-list"
_ORDER = "login-code-card-order"
_SPENT = bytes(_SIZE)


@dataclass(frozen=True, slots=True)
class Printed:
    """A new list: its codes, shown once, and what is kept of them."""

    id: str
    codes: tuple[str, ...]
    verifiers: bytes


class CodeLists:
    """Makes lists and looks whether a code is on one. ``of``: the id of the credential."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def card(self, of: str) -> Printed:
        codes = tuple(f"{secrets.randbelow(10**CARD_DIGITS):0{CARD_DIGITS}}" for _ in range(CARD))
        return self._printed(of, codes)

    def recovery(self, of: str) -> Printed:
        return self._printed(of, tuple(opaque.code(groups=3) for _ in range(RECOVERY)))

    def asked(self, of: str, used: int) -> int | None:
        """The number, from 1, of the code of a card that is asked for when so many were used;
        None at its end. The same one is asked for until it was shown."""
        order = sorted(range(1, CARD + 1), key=lambda n: self._keys.mac(_ORDER, _said(of, n, "")))
        return order[used] if used < CARD else None

    def is_on_card(self, of: str, verifiers: bytes, number: int, typed: str) -> bool:
        return self._fits(verifiers, number, self._verifier(of, number, digits(typed)))

    def place_of(self, of: str, verifiers: bytes, typed: str) -> int | None:
        """The number of a recovery code that was not used yet, in whatever order they are used."""
        code = opaque.normalise_code(typed[:40])
        places = range(1, len(verifiers) // _SIZE + 1)
        fitting = [n for n in places if self._fits(verifiers, n, self._verifier(of, n, code))]
        return fitting[0] if fitting else None

    def _fits(self, verifiers: bytes, number: int, shown: bytes) -> bool:
        kept = verifiers[(number - 1) * _SIZE : number * _SIZE]
        return kept != _SPENT and hmac.compare_digest(kept, shown)

    def _verifier(self, of: str, number: int, code: str) -> bytes:
        return self._keys.mac(_PURPOSE, _said(of, number, code))[:_SIZE]

    def _printed(self, of: str, codes: tuple[str, ...]) -> Printed:
        kept = (self._verifier(of, n, code) for n, code in enumerate(codes, start=1))
        return Printed(of, codes, b"".join(kept))


def without(verifiers: bytes, number: int) -> bytes:
    """What is kept once the code of that number was used."""
    at = (number - 1) * _SIZE
    return verifiers[:at] + _SPENT + verifiers[at + _SIZE :]


def left(verifiers: bytes) -> int:
    """How many codes were not used yet."""
    places = range(0, len(verifiers), _SIZE)
    return sum(verifiers[at : at + _SIZE] != _SPENT for at in places)


def _said(of: str, number: int, code: str) -> bytes:
    return f"{of}\0{number}\0{code}".encode()
