"""An importer of register files, and what closes identities for it."""

from __future__ import annotations

from idp.register import IdentityLife, Importer, Register


def importer_of(register: Register) -> Importer:
    life = IdentityLife(register.runtime, register.proofing, ends=())
    return Importer(register.runtime, register, life)
