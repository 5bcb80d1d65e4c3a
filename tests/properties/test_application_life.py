"""Whatever is done to applications: none becomes an identity without an officer who has it, none
after it was withdrawn or is over, and what is gone has no key any more."""

from __future__ import annotations

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
    rule,
    run_state_machine_as_test,
)

from foundation.audit import Actor
from foundation.clock import FrozenClock
from foundation.database import UnitOfWork
from foundation.errors import CivitasError
from foundation.runtime import Runtime
from idp.register import (
    Desk,
    Enrolled,
    Evidence,
    Findings,
    IdentityLife,
    Importer,
    OnlineApplications,
    Profile,
    Register,
)
from idp.register.applications import store
from idp.register.applications.application import REACH, WHO, Application
from idp.register.applications.sweeping import sweep
from tests.support.deployments import build_runtime, settings_in

OFFICERS = (Actor("staff", "stf_one"), Actor("staff", "stf_two"))
SEEN = Findings(1, (Evidence("passport", "passport-authority", "presented-in-person"),))
POLICY = "2026-01"
TIMES = (timedelta(minutes=1), timedelta(minutes=31), timedelta(days=15), timedelta(days=31))


class LifeOfApplications(RuleBasedStateMachine):
    """Applicants on two devices, two officers, and time, at random."""

    applications = Bundle("applications")

    # One runtime for all examples, since building it costs more than a walk; numbers differ.
    runtime: Runtime
    clock: FrozenClock
    online: OnlineApplications
    numbers = count(10_000_000)

    @initialize()
    def begin_walk(self) -> None:
        self.clock.advance(timedelta(days=8))  # limits of the walk before have leaked empty
        self.number: dict[str, int] = {}
        # As the walk knows it: draft, sent, asked, refused, enrolled or gone.
        self.state: dict[str, str] = {}
        self.ends: dict[str, datetime] = {}
        self.holder: dict[str, tuple[Actor, datetime]] = {}
        self.identities: dict[str, str] = {}

    @rule(target=applications)
    def begin(self) -> str:
        number = next(self.numbers)
        made = self.online.applying.begin(f"apn_{number}", f"10.0.{number % 250}.1", self.now)
        self.number[made.id], self.state[made.id] = number, "draft"
        self.ends[made.id] = self.now + timedelta(days=30)
        return made.id

    @rule(id_=applications, device=st.integers(0, 2))
    def fill(self, id_: str, device: int) -> None:
        def act(found: Application) -> None:
            applying, now = self.online.applying, self.now
            who = {"given_name": "A" * (device + 1), "family_name": "B"}
            with self.runtime.database.read() as uow:
                seen = store.versions(uow, id_)
            applying.save(
                found, WHO, {**who, "civil_number": self._number(id_)}, seen.get(WHO, 0), now
            )
            applying.save(found, REACH, {"locality": "X", "country": "EE"}, seen.get(REACH, 0), now)
            applying.choose(found, "desk", now)
            applying.agree(found, POLICY, now)

        if self._try(id_, act, {"draft"}):
            self.ends[id_] = self.now + timedelta(days=30)

    @rule(id_=applications)
    def send(self, id_: str) -> None:
        sent: list[bool] = []

        def act(found: Application) -> None:
            sent.append(self.online.applying.send(found, self.now))

        let = self._try(id_, act, {"draft", "sent", "asked", "refused", "enrolled"})
        if let and sent[0] and self.state[id_] == "draft":
            self.state[id_] = "sent"
            self.ends[id_] = self.now + timedelta(days=90)

    @rule(id_=applications)
    def withdraw(self, id_: str) -> None:
        def act(found: Application) -> None:
            self.online.applying.withdraw(found, self.now)

        if self._try(id_, act, {"draft", "sent", "asked", "refused"}):
            self.state[id_] = "gone"

    @rule(id_=applications)
    def answer(self, id_: str) -> None:
        def act(found: Application) -> None:
            self.online.applying.answer(found, "Yes.", self.now)

        if self._try(id_, act, {"asked", "sent"}) and self.state[id_] == "asked":
            self.state[id_] = "sent"
            self.ends[id_] = self.now + timedelta(days=90)

    @rule(id_=applications, nth=st.integers(0, 1))
    def take(self, id_: str, nth: int) -> None:
        officer = OFFICERS[nth]

        def act(found: Application) -> None:
            self.online.cases.take(found.number, officer, self.now)

        held = self._held(id_)
        if self._try(id_, act, {"sent", "asked"}):
            assert held in (None, officer), "a colleague had it"
            self.holder[id_] = (officer, self.now)

    @rule(id_=applications, nth=st.integers(0, 1))
    def ask(self, id_: str, nth: int) -> None:
        officer, held = OFFICERS[nth], self._held(id_)

        def act(found: Application) -> None:
            self.online.cases.ask(found.number, "Really?", officer, self.now)

        if self._try(id_, act, {"sent"}):
            assert held == officer
            self.state[id_] = "asked"
            self.ends[id_] = self.now + timedelta(days=30)
            del self.holder[id_]

    @rule(id_=applications, nth=st.integers(0, 1))
    def refuse(self, id_: str, nth: int) -> None:
        officer, held = OFFICERS[nth], self._held(id_)

        def act(found: Application) -> None:
            self.online.cases.refuse(found.number, "No.", officer, self.now)

        if self._try(id_, act, {"sent", "asked"}):
            assert held == officer
            self.state[id_] = "refused"
            self.ends[id_] = self.now + timedelta(days=90)

    @rule(id_=applications, nth=st.integers(0, 1))
    def enrol(self, id_: str, nth: int) -> None:
        officer, held = OFFICERS[nth], self._held(id_)

        def act(found: Application) -> None:
            profile = Profile(
                self._number(id_), "A", "B", date(1990, 1, 1), locality="X", country="EE"
            )
            made = self.online.cases.enrol(
                found, profile, SEEN, POLICY, officer, self.now, _nothing_more
            )
            self.identities[id_] = made.person.id

        if self._try(id_, act, {"sent", "asked"}):
            assert held == officer, "without having it"
            self.state[id_] = "enrolled"
            self.ends[id_] = self.now + timedelta(days=90)

    @rule(by=st.sampled_from(TIMES), swept=st.booleans())
    def time_goes_by(self, by: timedelta, swept: bool) -> None:
        self.clock.advance(by)
        if swept:
            sweep(self.runtime, self.now)
            for id_, ends in self.ends.items():
                if ends <= self.now:
                    self.state[id_] = "gone"

    @invariant()
    def an_identity_is_there_only_where_an_officer_made_one(self) -> None:
        with self.runtime.database.read() as uow:
            for id_ in self.state:
                there = self.online.register.by_civil_number(uow, self._number(id_))
                assert there == self.identities.get(id_)

    @invariant()
    def what_is_gone_has_no_key(self) -> None:
        for id_, state in self.state.items():
            assert self.runtime.vault.known(id_) == (state != "gone")

    # ── what the walk knows ───────────────────────────────────────────────────────────

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def _number(self, id_: str) -> str:
        return str(self.number[id_])

    def _held(self, id_: str) -> Actor | None:
        officer, at = self.holder.get(id_, (None, self.now))
        return officer if self.now - at <= self.online.cases.lease else None

    def _try(self, id_: str, act, states: set[str]) -> bool:
        """Whether it was let through; then it had to be, by what the walk knows."""
        with self.runtime.database.read() as uow:
            found = store.by_id(uow, id_)
        if found is None:
            assert self.state[id_] == "gone"
            return False
        try:
            act(found)
        except CivitasError:
            return False
        assert self.state[id_] in states, f"{self.state[id_]} let it through"
        if self.state[id_] not in ("enrolled", "refused"):
            assert self.now < self.ends[id_], "it was over"
        return True


def _nothing_more(uow: UnitOfWork, enrolled: Enrolled) -> None:
    pass


def test_no_application_becomes_an_identity_but_by_an_officer_in_time(tmp_path: Path) -> None:
    machine = LifeOfApplications
    machine.clock = FrozenClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    machine.runtime = build_runtime(settings_in(tmp_path), machine.clock)
    register = Register(machine.runtime)
    life = IdentityLife(machine.runtime, register.proofing, ends=())
    machine.online = OnlineApplications(
        machine.runtime,
        Desk(machine.runtime, register, life, Importer(machine.runtime, register, life)),
    )
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=25,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        machine.runtime.close()
