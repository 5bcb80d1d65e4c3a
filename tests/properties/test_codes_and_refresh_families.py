"""Codes and refresh families under any order of use and misuse — RFC 9700 §4.14."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from foundation.clock import FrozenClock
from idp.oauth import TokensEndWithSession
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer


class Families(RuleBasedStateMachine):
    """A model beside the server: which code is fresh, which family lives, which token is next."""

    codes = Bundle("codes")
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FrozenClock(deployments.START)
        where = deployments.settings_in(Path(self.folder.name))
        self.runtime = deployments.build_runtime(where, self.clock)
        self.server = AuthorizationServer(self.runtime)
        self.server.people.born("per_1")
        self.server.people.sign_in("per_1")
        self.service = self.server.add()
        self.other = self.server.add()
        self.alive: dict[int, bool] = {}
        self.next: dict[int, str] = {}
        self.used: set[str] = set()
        self.made: dict[str, Any] = {}

    def teardown(self) -> None:
        self.runtime.close()
        self.folder.cleanup()

    @rule(target=codes)
    def sign_in(self) -> tuple[int, str]:
        self.server.people.sign_in("per_1")
        # The limit on authorization requests is not what is looked at here.
        self.clock.advance(timedelta(seconds=1))
        code = self.server.sign_in(self.service, scope="openid offline_access")
        family = len(self.alive)
        self.alive[family] = True
        self.made[code] = self.clock.now()
        return family, code

    @rule(target=tokens, code=codes, right=st.booleans())
    def redeem(self, code: tuple[int, str], right: bool) -> tuple[int, str]:
        family, value = code
        fresh = value not in self.used and self.alive[family]
        in_time = self.clock.now() - self.made[value] < timedelta(seconds=60)
        verifier = {} if right else {"code_verifier": "w" * 43}
        response = self.server.redeem(self.service, value, **verifier)
        if fresh and in_time and right:
            assert response.status_code == 200
            self.used.add(value)
            self.next[family] = response.json()["refresh_token"]
            return family, self.next[family]
        assert response.json()["error"] == "invalid_grant"
        if value in self.used or (in_time and not right):
            self.alive[family] = False
        return family, "never-issued"

    @rule(code=codes)
    def a_stranger_redeems(self, code: tuple[int, str]) -> None:
        assert self.server.redeem(self.other, code[1]).json()["error"] == "invalid_grant"

    @rule(target=tokens, token=tokens)
    def refresh(self, token: tuple[int, str]) -> tuple[int, str]:
        family, value = token
        response = self.server.refresh(self.service, value)
        if self.alive[family] and self.next.get(family) == value:
            assert response.status_code == 200
            self.next[family] = response.json()["refresh_token"]
            return family, self.next[family]
        assert response.json()["error"] == "invalid_grant"
        if value != "never-issued":
            self.alive[family] = False
        return family, "never-issued"

    @rule(token=tokens)
    def a_stranger_refreshes(self, token: tuple[int, str]) -> None:
        assert self.server.refresh(self.other, token[1]).json()["error"] == "invalid_grant"

    @rule(token=tokens)
    def revoke(self, token: tuple[int, str]) -> None:
        family, value = token
        self.server.browser().post(
            "/oauth/revoke",
            data={"token": value},
            auth=(self.service.client.id, self.service.secret or ""),
        )
        if value != "never-issued":
            self.alive[family] = False

    @rule(seconds=st.sampled_from([1, 30, 59, 60, 600]))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule()
    def the_session_ends(self) -> None:
        """Offline grants outlive the session by the person's own consent."""
        with self.runtime.database.write() as uow:
            TokensEndWithSession().end_session(uow, "ses_1", "signed out", self.clock.now())

    @invariant()
    def no_ended_family_has_a_live_grant(self) -> None:
        from sqlalchemy import func, select

        from idp.oauth.tables import grants

        with self.runtime.database.read() as uow:
            row = uow.one(
                select(func.count()).select_from(grants).where(grants.c.state == "active")
            )
        assert row is not None
        assert row[0] == sum(self.alive.values())


TestFamilies = Families.TestCase
TestFamilies.settings = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
