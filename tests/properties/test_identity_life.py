"""Whatever is done to identities: who is not active does not get in, and nothing is unaudited."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.errors import CivitasError
from foundation.runtime import Runtime
from idp.register import (
    REGISTER_ROW,
    AlreadyEnrolled,
    Evidence,
    Findings,
    IdentityLife,
    Profile,
    Register,
    State,
    Subject,
)
from idp.register.life import TRANSITIONS
from idp.register.store import steps_of
from idp.register.tables import reference_identifiers
from tests.support.deployments import build_runtime, settings_in

IMPORTER = Actor("staff", "stf_importer")
OFFICER = Actor("staff", "stf_officer")
PASSPORT = Evidence("passport", "passport-authority", "presented-in-person", "K", True, True)
RETENTION = timedelta(days=3650)
# From each state, by which step, to which: the table read independently of `step`.
ALLOWED = {(s, r.name): r.target for r in TRANSITIONS for s in r.sources}


class LifeOfIdentities(RuleBasedStateMachine):
    """Enrols, activates, suspends, archives, restores and deletes at random."""

    people = Bundle("people")

    # One runtime for all examples, since building it costs more than a walk; numbers differ.
    runtime: Runtime
    clock: FrozenClock
    walks = count(1)

    @initialize()
    def begin(self) -> None:
        self.walk = next(self.walks)
        self.register = Register(self.runtime)
        self.life = IdentityLife(self.runtime, self.register.proofing, ())
        self.expected: dict[str, State] = {}
        self.steps: dict[str, list[str]] = {}
        self.numbers: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.ever: set[str] = set()

    @rule(target=people, last=st.integers(0, 5))
    def enrol(self, last: int):
        number = 10 * (self.walk + 1000) + last
        profile = Profile(str(number), "A", "B", date(1990, 1, 1), locality="X", country="EE")
        now = self.clock.now()
        try:
            done = self.register.enrolment.enrol(profile, REGISTER_ROW, IMPORTER, "2026-01", now)
        except AlreadyEnrolled:
            assert str(number) in self.numbers.values()
            return multiple()
        person_id = done.person.id
        assert str(number) not in self.numbers.values()
        assert person_id not in self.ever  # no identifier is used twice
        self.ever.add(person_id)
        self.numbers[person_id] = str(number)
        self.expected[person_id] = State.ESTABLISHED
        self.steps[person_id] = ["enrol"]
        return person_id

    @rule(person=people)
    def send_letter(self, person: str) -> None:
        try:
            with self.runtime.database.write() as uow:
                issued = self.register.codes.issue(uow, person, OFFICER, self.clock.now())
            self.codes[person] = issued.code
            assert self.expected[person] is State.ESTABLISHED
        except CivitasError:
            assert self.expected[person] is not State.ESTABLISHED

    @rule(person=people)
    def activate(self, person: str) -> None:
        code = self.codes.get(person, "nothing")

        def redeem() -> None:
            with self.runtime.database.write() as uow:
                now = self.clock.now()
                self.register.activate(uow, self.register.redeem_activation(uow, code, now), now)

        if self.take(person, "activate", redeem):
            del self.codes[person]

    @rule(person=people)
    def suspend(self, person: str) -> None:
        self.take(person, "suspend", lambda: self.life.suspend(person, OFFICER, "x", self.now()))

    @rule(person=people, level=st.integers(1, 2))
    def reactivate(self, person: str, level: int) -> None:
        self.take(
            person,
            "reactivate",
            lambda: self.life.reactivate(person, OFFICER, "x", level, self.now()),
        )

    @rule(person=people)
    def archive(self, person: str) -> None:
        self.take(person, "archive", lambda: self.life.archive(person, OFFICER, "x", self.now()))

    @rule(person=people)
    def die(self, person: str) -> None:
        def act() -> None:
            with self.runtime.database.write() as uow:
                self.life.died(uow, person, self.now().date(), OFFICER, self.now())

        self.take(person, "die", act)

    @rule(person=people)
    def restore(self, person: str) -> None:
        findings = Findings(2, (PASSPORT,))
        self.take(
            person,
            "restore",
            lambda: self.life.restore(person, "2026-01", findings, OFFICER, "1", self.now()),
        )

    @precondition(lambda self: any(s is State.ARCHIVED for s in self.expected.values()))
    @rule(person=people)
    def delete(self, person: str) -> None:
        self.clock.advance(RETENTION)
        gone = self.take(
            person, "delete", lambda: self.life.delete(person, OFFICER, "x", self.now())
        )
        if gone:
            del self.numbers[person]

    def now(self) -> datetime:
        return self.clock.now()

    def take(self, person: str, name: str, act: Callable[[], object]) -> bool:
        before = self.expected[person]
        try:
            act()
        except CivitasError:
            return False
        assert (before, name) in ALLOWED
        self.expected[person] = ALLOWED[before, name]
        self.steps[person].append(name)
        return True

    @invariant()
    def only_active_identities_authenticate(self) -> None:
        with self.runtime.database.read() as uow:
            for person, state in self.expected.items():
                found = self.register.person(uow, person)
                assert (found.state if found else State.UNKNOWN) is state
                may = self.register.may_sign_in(uow, Subject("citizen", person))
                assert may == (state is State.ACTIVE)

    def teardown(self) -> None:
        if hasattr(self, "steps"):
            self.every_transition_stands_in_the_history_and_the_audit()

    def every_transition_stands_in_the_history_and_the_audit(self) -> None:
        with self.runtime.database.read() as uow:
            for person, names in self.steps.items():
                assert [s.transition for s in steps_of(uow, person)] == names
        for person, names in self.steps.items():
            if self.expected[person] is State.UNKNOWN:
                continue
            kinds = [e.kind for e in self.runtime.audit.ledger(person, limit=1000)]
            for name in set(names):
                assert kinds.count(f"register.{name}") == names.count(name)

    @invariant()
    def identifiers_are_kept_for_ever(self) -> None:
        with self.runtime.database.read() as uow:
            kept = {row.id for row in uow.all(select(reference_identifiers.c.id))}
        assert self.ever <= kept


def test_nobody_gets_in_outside_active_and_every_step_is_audited(tmp_path: Path) -> None:
    LifeOfIdentities.clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    LifeOfIdentities.runtime = build_runtime(settings_in(tmp_path), LifeOfIdentities.clock)
    try:
        run_state_machine_as_test(
            LifeOfIdentities,
            settings=settings(
                max_examples=15,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        LifeOfIdentities.runtime.audit.tree.sequence(LifeOfIdentities.clock.now())
        assert LifeOfIdentities.runtime.audit.tree.verify().ok
    finally:
        LifeOfIdentities.runtime.close()
