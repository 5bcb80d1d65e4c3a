"""A regulator, two providers (levels 2 and 3) and the broker between them and the services."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foundation.clock import FrozenClock
from idp.broker import Broker
from tests.support.federation import (
    BROKER,
    OFFICER,
    PROVIDER,
    SECOND_PROVIDER,
    City,
    Member,
    ScriptedProvider,
)


@dataclass
class Hub:
    """The scene, and the steps of a person in a browser."""

    city: City
    regulator: Member
    first: ScriptedProvider
    second: ScriptedProvider
    member: Member
    broker: Broker

    def slug(self, provider: ScriptedProvider) -> str:
        from idp.broker.upstreams.provider import slug_of

        return slug_of(provider.url)

    def choice(self, **service: str) -> tuple[str, str]:
        """Come from a service; returns the choice page's text and its sealed wish."""
        answer = self.member.browser.get("/service", params=service)
        where = answer.headers["location"]
        page = self.member.browser.get(where)
        return page.text, where.split("for=")[1]

    def choose(self, provider: ScriptedProvider, page: str, sealed: str, **more: str) -> Any:
        return self.member.browser.post(
            "/broker/choose",
            data={
                "csrf_token": field(page, "csrf_token"),
                "for": sealed,
                "provider": self.slug(provider),
                **more,
            },
        )

    def answer_of(self, provider: ScriptedProvider, **service: str) -> str:
        """Go as far as the provider's answer, which the browser has not delivered yet."""
        page, sealed = self.choice(**service)
        sent = self.choose(provider, page, sealed)
        assert sent.status_code == 303, sent.text
        return provider.authorize(sent.headers["location"])

    def sign_in(self, provider: ScriptedProvider, **service: str) -> Any:
        """The whole way; returns the callback's answer."""
        return self.member.browser.get(self.answer_of(provider, **service))

    def here(self, **service: str) -> Any:
        """Who a service finds now."""
        answer = self.member.browser.get("/service", params=service)
        return answer.json() if answer.status_code == 200 else None


def field(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"')[0]


@pytest.fixture
def hub(tmp_path: Path, clock: FrozenClock) -> Iterator[Hub]:
    city = City(tmp_path, clock)
    regulator = city.regulator()
    first, second = city.provider(PROVIDER), city.provider(SECOND_PROVIDER)
    member, broker = city.broker()
    acts = regulator.federation.accreditation
    acts.accredit(PROVIDER, 2, OFFICER)
    acts.accredit(SECOND_PROVIDER, 3, OFFICER)
    acts.accredit(BROKER, None, OFFICER)
    for provider in (first, second):
        provider.member.federation.own_marks.renew()
    yield Hub(city, regulator, first, second, member, broker)
    city.close()
