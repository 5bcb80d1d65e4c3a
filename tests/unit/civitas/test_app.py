"""The assembled application, as somebody sees it who writes headers of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.city import City


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[City]:
    made = City(settings, clock)
    yield made
    made.close()


@pytest.mark.row("failures", "1")
@pytest.mark.parametrize("path", ["/sign-in/", "/account/", "/oauth/authorize/?a=b", "/desk/"])
def test_no_answer_leads_to_the_host_that_a_header_names(city: City, path: str) -> None:
    answer = city.browser().get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 404
    assert "evil.example" not in answer.headers.get("location", "")
