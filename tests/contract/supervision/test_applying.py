"""What a file declares becomes what is registered: all of it, or nothing, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.audit import SYSTEM
from foundation.errors import Conflict
from idp.supervision import FaultyFile, read_declarations
from tests.support.city import City

POOL = """
[clients.pool]
client_name = "Pool"
redirect_uris = ["https://pool.example/cb"]
"""


def applying(city: City):
    return city.deployment.parts["supervision"].applying


def apply(city: City, text: str, *, prune: bool = False, agreed: bool = False):
    file = read_declarations('set = "town"\n' + text, as_json=False)
    return applying(city).apply(file, "a test", SYSTEM, prune=prune, agreed=agreed)


def token(city: City, client_id: str, secret: str) -> int:
    answer = city.browser().http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    return int(answer.status_code)


def test_a_file_adds_changes_and_removes_in_one_unit_of_work(city: City) -> None:
    api = '[clients.api]\nclient_name = "API"\nscope = "access:evaluate"\n'
    done = apply(city, POOL + api)
    assert [(step.act, step.id) for step in done.steps] == [("add", "pool"), ("add", "api")]
    assert token(city, "api", done.steps[1].secret) == 200
    assert not apply(city, POOL + api).steps
    with pytest.raises(Conflict):
        apply(city, POOL.replace("Pool", "Baths"), prune=True)
    clients = city.deployment.parts["oauth"].clients
    assert {c.name for c in clients.list()} == {"Pool", "API"}
    gone = apply(city, POOL.replace("Pool", "Baths"), prune=True, agreed=True)
    assert [step.act for step in gone.steps] == ["change", "remove"]
    assert [c.name for c in clients.list()] == ["Baths"]
    city.clock.advance(timedelta(seconds=2))
    assert token(city, "api", done.steps[1].secret) == 401


def test_a_fault_in_one_service_leaves_all_others_as_they_were(city: City) -> None:
    apply(city, POOL)
    with pytest.raises(FaultyFile) as faulty:
        apply(city, POOL.replace("Pool", "Baths") + '[clients.x]\nclient_name = ""\n')
    assert [fault.place for fault in faulty.value.faults] == ["clients.x.client_name"]
    assert [c.name for c in city.deployment.parts["oauth"].clients.list()] == ["Pool"]
