"""Whatever happens, in whatever order, the audit verifies and tells each person their own."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from foundation.audit import log as audit_log
from foundation.audit import tree as audit_tree
from foundation.audit.checkpoint import Checkpoint, open_note
from foundation.audit.tree import verify_consistency
from foundation.clock import FrozenClock
from tests.support import deployments
from tests.support.audits import record, sequence

PERSONS = ("per_1", "per_2", "per_3")
persons = st.lists(st.sampled_from(PERSONS), unique=True, max_size=3)


class AuditLife(RuleBasedStateMachine):
    """Records, sequences and erases; compares with a model of who should read what."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        settings = deployments.settings_in(Path(self.folder.name))
        self.runtime = deployments.build_runtime(settings, FrozenClock(deployments.START))
        self.expected: dict[str, list[int]] = {person: [] for person in PERSONS}
        self.checkpoints: list[Checkpoint] = []
        self.counted = 0
        for person in PERSONS:
            self.runtime.vault.create(person)

    @rule(about=persons)
    def an_event(self, about: list[str]) -> None:
        record(self.runtime, *about, details={"n": self.counted})
        for person in about:
            self.expected[person].append(self.counted)
        self.counted += 1

    @rule()
    def the_sequencer_runs(self) -> None:
        sequence(self.runtime)
        audit = self.runtime.audit
        self.checkpoints.append(open_note(audit.tree.checkpoint(), audit.tree.verifier_keys()))

    @rule(person=st.sampled_from(PERSONS))
    def an_erasure(self, person: str) -> None:
        self.runtime.vault.erase(person)
        with self.runtime.database.write() as uow:
            self.runtime.audit.forget(uow, person)
        self.runtime.vault.create(person)  # enrolled anew, as somebody without a past
        self.expected[person] = []

    @invariant()
    def everything_verifies(self) -> None:
        report = self.runtime.audit.tree.verify()
        assert report.problems == ()
        assert report.waiting is not None
        assert report.tree_size + report.waiting == self.counted

    @invariant()
    def each_person_reads_their_own_and_nothing_else(self) -> None:
        for person, numbers in self.expected.items():
            ledger = self.runtime.audit.ledger(person, limit=1000)
            assert sorted(entry.details["n"] for entry in ledger) == numbers

    def teardown(self) -> None:
        if not hasattr(self, "runtime"):
            return
        with self.runtime.database.read() as uow:
            for old, new in zip(self.checkpoints, self.checkpoints[1:], strict=False):
                proof = audit_tree.consistency_proof(
                    old.size, new.size, lambda wanted: audit_log.fetch(uow, wanted)
                )
                verify_consistency(old.size, new.size, old.root, new.root, proof)
        self.runtime.close()
        self.folder.cleanup()


TestAuditLife = pytest.mark.timeout(300)(AuditLife.TestCase)
TestAuditLife.settings = examples(max_examples=12, stateful_step_count=20, deadline=None)
