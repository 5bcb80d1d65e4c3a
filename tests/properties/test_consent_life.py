"""Any order of giving, withdrawing and waiting: a release follows the last answer, and no other."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from foundation.clock import FrozenClock
from foundation.errors import Conflict
from policies import Permit, Withdrawal
from tests.support import deployments
from tests.support.decisions import ADULT, give, question, ready_policies

CLAIMS = ("age_over_18", "resident_of_city", "name")
ASKED = st.lists(st.sampled_from(CLAIMS), min_size=1, unique=True)


class ConsentLife(RuleBasedStateMachine):
    """Beside the real thing runs a model: which claims are allowed, and until when."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FrozenClock(deployments.START)
        settings_ = deployments.settings_in(Path(self.folder.name))
        self.runtime = deployments.build_runtime(settings_, self.clock)
        self.policies = ready_policies(self.runtime)
        self.allowed: set[str] = set()
        self.refused: set[str] = set()
        self.until: datetime = deployments.START
        self.given: list[str] = []
        self.active: str | None = None

    def teardown(self) -> None:
        self.runtime.close()
        self.folder.cleanup()

    def _lapse(self) -> None:
        if self.clock.now() >= self.until:
            self.allowed, self.refused, self.active = set(), set(), None

    @rule(asked=ASKED, data=st.data())
    def answers(self, asked: list[str], data: st.DataObject) -> None:
        self._lapse()
        chosen = data.draw(st.lists(st.sampled_from(asked), unique=True))
        consent = give(self.policies, asked=asked, chosen=chosen)
        kept = self.allowed - set(asked)
        self.refused = (self.refused - set(asked)) | (set(asked) - set(chosen))
        self.allowed = kept | set(chosen)
        longest = self.clock.now() + timedelta(days=365)
        self.until = min(longest, self.until) if kept else longest
        self.given.append(consent.id)
        self.active = consent.id if self.allowed else None
        assert set(consent.attributes) == self.allowed
        assert set(consent.refused) == self.refused

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def withdraws(self, data: st.DataObject) -> None:
        self._lapse()
        which = data.draw(st.sampled_from(self.given))
        try:
            Withdrawal(self.policies, []).withdraw(which, "per_anna")
            done = True
        except Conflict:
            done = False
        if which == self.active:
            assert done
            self.allowed, self.refused, self.active = set(), set(), None
        else:
            # One whose time is over, but not yet marked, may still be withdrawn: to no effect.
            assert not done or which == self.given[-1]

    @rule(days=st.integers(min_value=1, max_value=200), mark=st.booleans())
    def waits(self, days: int, mark: bool) -> None:
        self.clock.advance(timedelta(days=days))
        if mark:
            Withdrawal(self.policies, []).expire(self.clock.now())

    @invariant()
    def releases_exactly_what_is_allowed(self) -> None:
        self._lapse()
        for claim in CLAIMS:
            asked = question(attributes=(claim,), kind="release", at=self.clock.now())
            answer = self.policies.decide(asked, ADULT, record=False)
            assert isinstance(answer, Permit) == (claim in self.allowed)

    @invariant()
    def standing_agrees_with_the_decision(self) -> None:
        self._lapse()
        standing = self.policies.consent.standing(
            "per_anna", "svc_parking", "mobility.parking", CLAIMS
        )
        assert set(standing.covered) == self.allowed
        assert standing.consent_id == self.active

    @invariant()
    def at_most_one_is_active(self) -> None:
        states = [c.state for c in self.policies.consent.list("per_anna")]
        assert states.count("active") <= 1


TestConsentLife = ConsentLife.TestCase
TestConsentLife.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)
