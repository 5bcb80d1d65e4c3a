"""Whatever is sent to the place of developers is answered — failures 22, and each door's own."""

from __future__ import annotations

import re

import pytest

from foundation import middleware
from tests.protocol.developers.conftest import Place
from tests.protocol.openapi.test_hostile_input import BODIES, QUERIES, check


def test_a_hostile_body_or_query_of_a_developer_is_answered(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "LINGER_PAUSE", 0)
    developer = place.city.staff("developer")
    client_id, _ = place.register(developer)
    developer.http.headers["X-CSRF-Token"] = developer.token("/developers/services/add")
    before = place.tokens.clients.list()
    for route in place.city.deployment.routes["developers"]:
        path = re.sub(r"\{client_id\}", client_id, route.path).replace("{secret}", "x")
        if route.methods == ("GET",):
            for query in QUERIES.values():
                check(developer.http.get(f"{path}?{query.decode('ascii')}"))
            continue
        for kind, content in BODIES.values():
            headers = {b"Content-Type": kind.encode()} if kind else {}
            check(developer.http.post(path, content=content, headers=headers))
    assert place.tokens.clients.list() == before
