"""The strongest means that is bound, proven a moment ago — NIST SP 800-63B §6.1.2.1, CM-8, CM-9.

Who changes how a person signs in shows the strongest of what they sign in with now: else a
password that was lured out takes the passkey away that was bound against just that. A passkey is
stronger than a password whatever its level, for nobody can be talked out of it; among passkeys
the ceilings table decides, so a copy in somebody's cloud does not remove a key in hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.clock import recent
from idp.login.credential import PASSKEY, Credential
from idp.login.establishing import best_use
from idp.login.session import HIGHEST, Session
from policies import Policies, Proofing, Used

RECENT = timedelta(minutes=15)
# Here it is compared what proves, not who: as if the person were known as well as can be.
_WELL_KNOWN = Proofing(HIGHEST, in_person=True)


class Strongest:
    """Compares what a session proved lately with what is bound to its subject."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def is_proven(self, session: Session, bound: Sequence[Credential], now: datetime) -> bool:
        """Whether fresh proofs of ``session`` reach the strongest of ``bound``, all active."""
        kinds = {credential.id: credential.kind for credential in bound}
        fresh = [p for p in session.proofs if p.credential in kinds and recent(p.at, RECENT, now)]
        if not fresh:
            return False
        if PASSKEY in kinds.values() and all(kinds[p.credential] != PASSKEY for p in fresh):
            return False
        best = max(self._level([best_use(credential)]) for credential in bound)
        return self._level([proof.as_used() for proof in fresh]) >= best

    def is_fresh(self, session: Session, some: Sequence[Credential], now: datetime) -> bool:
        """Whether the session showed any of ``some`` lately."""
        ids = {credential.id for credential in some}
        return any(p.credential in ids and recent(p.at, RECENT, now) for p in session.proofs)

    def _level(self, used: Sequence[Used]) -> int:
        return self._policies.level_of_session(_WELL_KNOWN, used).level
