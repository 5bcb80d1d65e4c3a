"""The audit: events written with their act, and a tree that proves them to outsiders — RFC 9162.

`audit` records and tells persons what concerns them, `signed_tree` numbers and signs, `verify` and
`verify_public` recompute it from inside and from outside, `routes` are its public routes.
"""

from foundation.audit.audit import Audit, LedgerEntry
from foundation.audit.entry import SYSTEM, Actor

__all__ = ["SYSTEM", "Actor", "Audit", "LedgerEntry"]
