"""One deployment for the kills of a module: it has to survive them all anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.chaos.doomed import Doomed

Founded = Callable[[str], Doomed]


@pytest.fixture(scope="module")
def founded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Founded]:
    """The module's deployment on SQLite or PostgreSQL, made when it is first asked for."""
    with ExitStack() as stack:
        made: dict[str, Doomed] = {}

        def found(kind: str) -> Doomed:
            if kind not in made:
                url = None
                if kind == "postgresql":
                    server = request.getfixturevalue("postgresql_server")
                    url = stack.enter_context(server.database())
                made[kind] = Doomed(tmp_path_factory.mktemp(kind), url)
                stack.callback(made[kind].close)
            return made[kind]

        yield found


@pytest.fixture
def doomed(request: pytest.FixtureRequest, founded: Founded) -> Doomed:
    """Parametrized indirectly: "sqlite" or "postgresql"."""
    return founded(request.param)
