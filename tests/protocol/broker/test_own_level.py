"""The broker is part of the sign-in: it hands on no level above its own — ISO/IEC 29115 §9."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from foundation.clock import FrozenClock
from policies import PoliciesSettings
from tests.protocol.broker.conftest import Hub
from tests.support.authorization_server import AuthorizationServer
from tests.support.federation import BROKER, OFFICER, REGULATOR


def accredited(hub: Hub, level: int | None) -> None:
    hub.regulator.federation.accreditation.accredit(BROKER, level, OFFICER)
    hub.city.clock.advance(timedelta(seconds=3))


@pytest.fixture
def of_level_3(hub: Hub) -> Hub:
    hub.second.acr = "urn:civitas:loa:3"
    return hub


@pytest.mark.parametrize(("own", "handed_on"), [(1, 1), (2, 2), (3, 3), (4, 3), (None, 3)])
def test_a_level_is_handed_on_only_as_far_as_the_broker_is_accredited(
    of_level_3: Hub, own: int | None, handed_on: int
) -> None:
    accredited(of_level_3, own)
    assert of_level_3.sign_in(of_level_3.second, level="3").status_code == 303
    assert of_level_3.here()["level"] == handed_on


@pytest.mark.parametrize("organisation", [1, 2])
def test_a_level_is_handed_on_only_as_far_as_the_organisation_is_assessed(
    of_level_3: Hub, organisation: int
) -> None:
    settings = PoliciesSettings(organisation_level=organisation)
    of_level_3.broker.policies.settings = settings
    assert of_level_3.sign_in(of_level_3.second, level="3").status_code == 303
    assert of_level_3.here(level="3")["level"] == organisation


def test_a_session_of_before_counts_only_as_far_as_the_broker_is_accredited_now(
    of_level_3: Hub,
) -> None:
    hub = of_level_3
    accredited(hub, 3)
    hub.sign_in(hub.second, level="3")
    assert hub.here(level="3")["level"] == 3
    accredited(hub, 1)
    assert hub.here(level="3")["level"] == 1
    request: Any = None
    principals = []
    hub.broker.session = lambda _: hub_session(hub)  # type: ignore[method-assign]
    principals.append(hub.broker.principal_of_session(request))
    assert [p.level for p in principals if p] == [1]


def hub_session(hub: Hub) -> Any:
    from idp.broker import store
    from idp.broker.tables import broker_sessions

    with hub.member.runtime.database.read() as uow:
        (row,) = uow.all(broker_sessions.select())
        return store.session(uow, row.id, hub.city.clock.now())


def test_the_provider_is_asked_for_no_more_than_may_be_handed_on(of_level_3: Hub) -> None:
    accredited(of_level_3, 2)
    of_level_3.answer_of(of_level_3.second, level="3")
    assert of_level_3.second.asked[0]["inner acr_values"] == "urn:civitas:loa:2"


def test_a_broker_that_is_suspended_hands_on_nothing(hub: Hub) -> None:
    hub.sign_in(hub.first)
    assert hub.here() is not None
    hub.regulator.federation.accreditation.suspend(BROKER, OFFICER, "an incident")
    hub.city.clock.advance(timedelta(seconds=3))
    assert hub.broker.ceiling() == 0
    assert hub.here() is None
    where = hub.member.browser.get("/service").headers["location"]
    page = hub.member.browser.get(where)
    assert page.status_code == 503
    assert "does not vouch for us" in page.text


def test_without_its_regulator_a_broker_hands_on_nothing(hub: Hub) -> None:
    hub.sign_in(hub.first)
    del hub.city.network.members[REGULATOR]
    hub.city.clock.advance(timedelta(seconds=3))
    assert hub.broker.ceiling() == 0
    assert hub.here() is None


def test_a_mark_that_was_taken_back_counts_no_more(of_level_3: Hub, clock: FrozenClock) -> None:
    hub = of_level_3
    accredited(hub, 3)
    assert hub.broker.ceiling() == 3
    held = hub.member.federation.own_marks.held()
    accredited(hub, 2)
    # What it holds is still of level 3: the regulator's answer counts.
    assert hub.member.federation.own_marks.held() == held
    assert hub.broker.ceiling() == 2


def test_what_is_issued_later_is_not_above_the_level_of_that_day(
    any_runtime: Any,
) -> None:
    level = [3]
    server = AuthorizationServer(any_runtime, ceiling=lambda: level[0])
    server.people.born("per_1", email="ada@example.org")
    server.people.sign_in("per_1", level=3)
    library = server.add()

    def acr(tokens: dict[str, Any]) -> set[str]:
        return {
            jwt.decode(tokens[name], options={"verify_signature": False})["acr"]
            for name in ("id_token", "access_token")
        }

    tokens = server.tokens(library, scope="openid offline_access")
    assert acr(tokens) == {"urn:civitas:loa:3"}
    level[0] = 2
    refreshed = server.refresh(library, tokens["refresh_token"]).json()
    assert acr(refreshed) == {"urn:civitas:loa:2"}
    assert acr(server.tokens(library)) == {"urn:civitas:loa:2"}
    essential = '{"id_token": {"acr": {"essential": true, "value": "urn:civitas:loa:3"}}}'
    refused = server.authorize(library, claims=essential)
    assert "unmet_authentication_requirements" in refused.headers["location"]
