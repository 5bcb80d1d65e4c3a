"""The key ceremony: roots made, used and renewed by several people together, away from the net."""

from pki.ceremony.box import Box, Root
from pki.ceremony.conduct import Begun, Signed, TokenChoice, begin, renew, sign
from pki.ceremony.papers import Requests, read
from pki.ceremony.rehearsal import rehearse
from pki.ceremony.transcript import fingerprint, in_fours

__all__ = [
    "Begun",
    "Box",
    "Requests",
    "Root",
    "Signed",
    "TokenChoice",
    "begin",
    "fingerprint",
    "in_fours",
    "read",
    "rehearse",
    "renew",
    "sign",
]
