"""released ⊆ registered ∩ requested ∩ chosen ∩ permitted — privacy P-2."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from policies import Facts
from policies.loading import packaged
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer

CATALOGUE = packaged()
NAMES = sorted(CATALOGUE.purposes["library"].attributes)
SOME = st.sets(st.sampled_from(NAMES))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthorizationServer]:
    folder: Path = tmp_path_factory.mktemp("release")
    clock = FrozenClock(deployments.START)
    runtime = deployments.build_runtime(deployments.settings_in(folder), clock)
    yield AuthorizationServer(runtime)
    runtime.close()


@pytest.mark.row("privacy", "P-2")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(registered=SOME, requested=SOME, ticked=SOME, known=SOME, level=st.integers(0, 4))
def test_no_more_is_released_than_all_four_allow(
    server: AuthorizationServer,
    registered: set[str],
    requested: set[str],
    ticked: set[str],
    known: set[str],
    level: int,
) -> None:
    person = f"per_{len(server.people.claims)}"
    server.people.born(person, **{name: f"value of {name}" for name in known})
    server.people.sign_in(person)
    server.people.facts = Facts(level=level, age=40)
    service = server.add(attributes=sorted(registered), scope="openid")
    wish = json.dumps({"userinfo": dict.fromkeys(sorted(requested))})
    give = ticked & registered & requested
    # A name is one thing to a person: one tick gives all of it that is asked for.
    together = CATALOGUE.choices(sorted(registered & requested))
    chosen = {name for tick in give for name in together.get(tick, (tick,))}
    tokens = server.tokens(service, *give, claims=wish)
    released = set(server.userinfo(tokens["access_token"]).json()) - {"sub"}
    assert released <= registered & requested & chosen & known
    if level == 4:
        assert released == chosen & known
