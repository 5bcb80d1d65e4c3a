"""The strongest means that is bound, proven a moment ago — NIST SP 800-63B §6.1.2.1, CM-8, CM-9.

Who changes how a person signs in shows the strongest of what they sign in with now: else a
password that was lured out takes the passkey away that was bound against just that. A passkey, or a
chip card, is stronger than a password whatever its level, for nobody can be talked out of it; among
those the ceilings table decides, so a copy in somebody's cloud does not remove a key in hardware.
Who has a password and an app or a code card shows both; who lost what is asked for shows a recovery
code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.clock import recent
from idp.login.credential import CHIP_CARD, PASSKEY, Credential
from idp.login.establishing import best_use
from idp.login.session import HIGHEST, Proof, Session, with_proof
from policies import Policies, Proofing, Used

RECENT = timedelta(minutes=15)
# Here it is compared what proves, not who: as if the person were known as well as can be.
# What answers to the page that asked alone, so that nobody is talked out of it.
_FOR_THIS_ORIGIN = frozenset({PASSKEY, CHIP_CARD})
_WELL_KNOWN = Proofing(HIGHEST, in_person=True)


class Strongest:
    """Compares what a session proved lately with what is bound to its subject."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def is_proven(self, session: Session, bound: Sequence[Credential], now: datetime) -> bool:
        """Whether fresh proofs of ``session`` reach what all of ``bound``, active, do together."""
        return self._suffice(session.proofs, bound, now)

    def would_do(
        self, session: Session, bound: Sequence[Credential], more: Credential, now: datetime
    ) -> bool:
        """Whether they would with one more proof, of ``more``."""
        used = best_use(more)
        proof = Proof(used.authenticator, more.id, now, managed=used.managed)
        return self._suffice(with_proof(session.proofs, proof), bound, now)

    def _suffice(self, proofs: Sequence[Proof], bound: Sequence[Credential], now: datetime) -> bool:
        bound = [credential for credential in bound if credential.usable]
        kinds = {credential.id: credential.kind for credential in bound}
        fresh = [p for p in proofs if p.credential in kinds and recent(p.at, RECENT, now)]
        if self.binding(fresh):
            return True
        lured = all(kinds[p.credential] not in _FOR_THIS_ORIGIN for p in fresh)
        if lured and _FOR_THIS_ORIGIN & set(kinds.values()):
            return False
        all_of_them = [best_use(credential) for credential in bound]
        shown = [proof.as_used() for proof in fresh]
        # Once as they are managed, and once as what they are: an app that was bound with a password
        # alone raises nobody, but keeps a thief of the password out all the same.
        return bool(fresh) and all(
            self._level(as_they(shown)) >= self._level(as_they(all_of_them))
            for as_they in (_are_managed, _are)
        )

    def binding(self, proofs: Sequence[Proof]) -> int:
        """Up to which level counts what is bound with a recovery code, shown beside something that
        signs in; 0 without."""
        binds = [min(p.managed, b) for p in proofs if (b := self._policies.binds(p.authenticator))]
        alone = len(binds) == len(proofs)
        return 0 if alone else max(binds, default=0)

    def not_fresh(
        self, session: Session, bound: Sequence[Credential], now: datetime
    ) -> list[Credential]:
        """What of ``bound`` the session has not shown lately."""
        return [one for one in bound if not self.is_fresh(session, [one], now)]

    def is_fresh(self, session: Session, some: Sequence[Credential], now: datetime) -> bool:
        """Whether the session showed any of ``some`` lately."""
        ids = {credential.id for credential in some}
        return any(p.credential in ids and recent(p.at, RECENT, now) for p in session.proofs)

    def _level(self, used: Sequence[Used]) -> int:
        return self._policies.level_of_session(_WELL_KNOWN, used).level


def _are_managed(used: Sequence[Used]) -> Sequence[Used]:
    return used


def _are(used: Sequence[Used]) -> Sequence[Used]:
    return [Used(one.authenticator) for one in used]
