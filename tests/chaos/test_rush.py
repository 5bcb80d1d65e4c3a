"""Half requests, large bodies and guesses from a whole /40 at once: everybody else is served.

How long that takes is measured by `python -m benchmarks.rush`; here is what can be counted.
"""

from __future__ import annotations

import pytest

from benchmarks.rush import Outcome, rush
from foundation.settings import Server

HALF, BODIES, SECONDS = 1000, 50, 12
MEMORY = 150
"""MB above what it takes at rest; three bodies in memory would be more."""
WRONG_OF_A_40 = 4 * 100


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return rush(tmp_path_factory.mktemp("rush"), SECONDS, HALF, BODIES, rounds=5)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.row("failures", "15")
class TestARush:
    def test_everybody_else_is_answered_rightly_all_the_time(self, outcome: Outcome) -> None:
        assert outcome.statuses() == {"sign-in": {303}, "enrolment": {200}, "health": {200}}
        assert len(outcome.meanwhile) >= 3

    def test_memory_and_threads_stay_within_their_bounds(self, outcome: Outcome) -> None:
        assert outcome.memory_most - outcome.memory_before < MEMORY
        assert outcome.threads_most <= Server().threads + 24

    def test_the_attacker_gets_what_is_due_and_no_more(self, outcome: Outcome) -> None:
        seen = outcome.attacked
        assert 0 < seen["spray"].get("422", 0) <= WRONG_OF_A_40 + SECONDS
        assert set(seen["spray"]) <= {"422", "429", "503", "closed"}
        assert set(seen["large"]) <= {"401", "503", "closed"}
        assert set(seen["half"]) <= {"408", "503", "closed"}

    def test_who_repeats_what_is_refused_is_slowed_down(self, outcome: Outcome) -> None:
        # Each would come back twenty times a second.
        assert sum(outcome.attacked["large"].values()) <= BODIES * SECONDS
