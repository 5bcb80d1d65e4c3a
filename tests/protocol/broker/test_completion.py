"""How sign-ins end, counted per provider, and who may see it: operator and regulator."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from civitas.commands import providers
from foundation.clock import FrozenClock
from foundation.web import Principal
from idp import federation
from idp.broker import completion, store
from idp.broker.tables import broker_begun, broker_outcomes
from idp.federation import Completion
from tests.protocol.broker.conftest import Hub
from tests.support.federation import (
    BROKER,
    OFFICER,
    PROVIDER,
    REGULATOR,
    SECOND_PROVIDER,
    SERVICE,
)

MONTH = "2026-03"


def counted(hub: Hub, day: str = "2026-03-02", **outcomes: int) -> None:
    """As if that many sign-ins had been begun at the first provider, and had ended so."""
    slug = hub.slug(hub.first)
    hub.broker.providers.refresh()
    with hub.member.runtime.database.write() as uow:
        for _ in range(outcomes.pop("begun", 0)):
            store.count_begun(uow, slug, day)
        for outcome, times in outcomes.items():
            for _ in range(times):
                store.count(uow, slug, outcome, day)


def test_every_sign_in_is_counted_where_it_begins_and_where_it_ends(hub: Hub) -> None:
    hub.sign_in(hub.first)
    hub.member.browser.cookies.clear()
    hub.answer_of(hub.first)  # given up
    hub.first.acr = "0"
    hub.member.browser.cookies.clear()
    hub.sign_in(hub.first)
    with hub.member.runtime.database.read() as uow:
        begun = [(r.provider, r.times) for r in uow.all(broker_begun.select())]
        ended = {(r.provider, r.outcome, r.times) for r in uow.all(broker_outcomes.select())}
    slug = hub.slug(hub.first)
    assert begun == [(slug, 3)]
    assert ended == {(slug, "completed", 1), (slug, "level_too_low", 1)}


@pytest.mark.parametrize("slug", ["x", "y" * 33, "z" * 5000, "per_1", "\u202e"])
def test_a_provider_that_was_never_offered_is_not_counted(hub: Hub, slug: str) -> None:
    page, sealed = hub.choice()
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    answer = hub.member.browser.post(
        "/broker/choose", data={"csrf_token": token, "for": sealed, "provider": slug}
    )
    assert answer.status_code == 200
    with hub.member.runtime.database.read() as uow:
        assert uow.all(broker_begun.select()) == []
        assert uow.all(broker_outcomes.select()) == []


def test_the_count_of_a_provider_holds_on_every_database(any_runtime: Any) -> None:
    now = any_runtime.clock.now()
    with any_runtime.database.write() as uow:
        store.remember_providers(uow, {"a" * 20: PROVIDER}, now)
        assert not store.count_begun(uow, "b" * 20, "2026-03-02")
        assert not store.count_begun(uow, "b" * 5000, "2026-03-02")
        assert [store.count_begun(uow, "a" * 20, "2026-03-02") for _ in range(7)] == [True] * 7
        for _ in range(6):
            store.count(uow, "a" * 20, "completed", "2026-03-02")
        store.count(uow, "a" * 20, "refused", "2026-03-02")
    with any_runtime.database.read() as uow:
        (row,) = completion.by_month(uow)
        assert completion.by_month(uow, date(2026, 3, 2)) == ()
    assert row == Completion(MONTH, PROVIDER, 5, 5, {"refused": 0})


def test_the_operator_sees_the_rate_and_the_reasons_of_each_provider(hub: Hub) -> None:
    counted(hub, begun=40, completed=25, refused=10, unreachable=3)
    (row,) = hub.broker.completion()
    assert row == Completion(MONTH, PROVIDER, 40, 25, {"refused": 10, "unreachable": 0})
    assert row.rate == 62


def test_small_numbers_are_told_of_nobody(hub: Hub) -> None:
    counted(hub, begun=4, completed=3, refused=1)
    (row,) = hub.broker.completion()
    assert (row.begun, row.completed, row.failed, row.rate) == (0, 0, {"refused": 0}, None)


def reports(hub: Hub) -> dict[str, Any]:
    return dict(hub.regulator.federation.completions())


def test_the_regulator_sees_what_its_brokers_count_up_to_yesterday(
    hub: Hub, clock: FrozenClock
) -> None:
    counted(hub, begun=20, completed=15, level_too_low=5)
    assert reports(hub) == {BROKER: ()}
    clock.advance(timedelta(days=1))
    row = Completion(MONTH, PROVIDER, 20, 15, {"level_too_low": 5})
    assert reports(hub) == {BROKER: (row,)}
    hub.regulator.sign_in(Principal("staff", OFFICER, frozenset({"regulator"})))
    page = hub.regulator.browser.get("/regulator/completion").text
    assert "The provider 9201" in page
    assert "75 %" in page
    assert "the level was not reached: 5" in page
    assert 'href="/regulator/completion"' in hub.regulator.browser.get("/regulator").text


def test_a_broker_that_does_not_answer_or_is_not_accredited_is_not_believed(
    hub: Hub, clock: FrozenClock
) -> None:
    hub.city.service()
    hub.regulator.federation.accreditation.accredit(SERVICE, None, OFFICER)
    assert reports(hub) == {BROKER: ()}  # a service is no broker, and has nothing to report
    member = hub.city.network.members.pop(BROKER)
    assert reports(hub) == {BROKER: None}
    hub.city.network.members[BROKER] = member
    hub.regulator.federation.accreditation.suspend(BROKER, OFFICER, "an incident")
    assert reports(hub) == {}


@pytest.mark.parametrize("roles", [None, frozenset[str](), frozenset({"officer"})])
def test_the_page_is_for_the_regulators_staff_alone(hub: Hub, roles: frozenset[str] | None) -> None:
    if roles is not None:
        hub.regulator.sign_in(Principal("staff", "sta_1", roles))
    assert hub.regulator.browser.get("/regulator/completion").status_code in (401, 403)


def test_a_broker_reports_to_its_regulator_alone(hub: Hub, clock: FrozenClock) -> None:
    from idp.federation.completion import asking

    now = clock.now()
    regulator = hub.regulator.runtime.keys.signer("federation")
    provider = hub.first.member.runtime.keys.signer("federation")

    def ask(token: str | None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        status: int = hub.member.browser.get("/federation/completion", headers=headers).status_code
        return status

    assert ask(asking(regulator, REGULATOR, BROKER, now)) == 200
    assert ask(None) == 401
    assert ask("x") == 401
    assert ask(asking(provider, REGULATOR, BROKER, now)) == 401
    assert ask(asking(provider, PROVIDER, BROKER, now)) == 401
    assert ask(asking(regulator, REGULATOR, SECOND_PROVIDER, now)) == 401
    assert ask(asking(regulator, REGULATOR, BROKER, now - timedelta(hours=1))) == 401
    assert ask(federation.sign(regulator, "JWT", {"iss": REGULATOR, "aud": BROKER})) == 401
    assert hub.first.member.browser.get("/federation/completion").status_code == 404


def test_what_a_broker_reads_of_a_provider_stands_in_the_table(hub: Hub) -> None:
    read: set[str] = set()

    class Watched(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return super().get(name, default)

        def __getitem__(self, name: str) -> Any:
            read.add(name)
            return super().__getitem__(name)

    real = hub.broker.providers.find

    def find(slug: str) -> Any:
        found = real(slug)
        return found and dataclasses.replace(found, metadata=Watched(found.metadata))

    hub.broker.providers.find = find  # type: ignore[method-assign]
    assert hub.sign_in(hub.first).status_code == 303
    assert read
    assert read <= federation.members("openid_provider", "entity")


def test_a_provider_is_offered_under_the_name_that_the_regulator_took_it_up_by(
    hub: Hub, clock: FrozenClock
) -> None:
    allied = hub.first.member.federation
    real = allied._federation_entity
    allied._federation_entity = (  # type: ignore[method-assign]
        lambda: {**real(), "organization_name": "The Other Bank"}
    )
    honest = hub.first.metadata()["openid_provider"]
    renamed = {"openid_provider": {**honest, "organization_name": "The Other Bank"}}
    allied._metadata = lambda: renamed
    hub.regulator.federation.accreditation.refresh_keys()
    clock.advance(timedelta(seconds=3))
    names = {p.entity_id: p.name for p in hub.broker.providers.offered(1)}
    assert names[PROVIDER] == "The provider 9201"
    register = hub.regulator.browser.get("/register-of-providers").text
    assert "The Other Bank" not in register


def test_an_entity_becomes_nothing_more_than_what_it_was_taken_up_as(
    hub: Hub, clock: FrozenClock
) -> None:
    honest = hub.first.metadata()
    service = {"client_name": "Also a shop", "redirect_uris": [f"{PROVIDER}/callback"]}
    hub.first.member.federation._metadata = lambda: {**honest, "openid_relying_party": service}
    hub.first.member.runtime.keys.rotate("federation")
    clock.advance(timedelta(seconds=5))
    hub.regulator.federation.accreditation.refresh_keys()
    assert hub.second.member.federation.relying_party(PROVIDER) is None


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_shows_a_brokers_own_numbers_and_a_regulator_those_of_all(
    hub: Hub, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    counted(hub, begun=20, completed=15, refused=5)
    clock.advance(timedelta(days=1))
    for parts in (
        {"broker": hub.broker, "federation": hub.member.federation},
        {"federation": hub.regulator.federation},
    ):

        @contextmanager
        def deployment_of(config: Any, parts: Any = parts) -> Iterator[Any]:
            yield SimpleNamespace(parts=parts)

        monkeypatch.setattr(providers, "deployment_of", deployment_of)
        arguments = ["completion", *(["--json"] if as_json else [])]
        said = CliRunner().invoke(providers.app, arguments, env={"COLUMNS": "200"})
        assert said.exit_code == 0, said.output
        if as_json:
            (told,) = json.loads(said.stdout)
            assert (told["broker"], told["reports"]) == (BROKER, True)
            (row,) = told["completion"]
            assert (row["provider"], row["rate"], row["failed"]) == (PROVIDER, 75, {"refused": 5})
