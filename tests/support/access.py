"""Every route × every kind of caller × ids of somebody else: what really happens, as a table.

`python -m tests.support.access` writes docs/access.md anew; the test of the same name compares.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support import deployments
from tests.support.access_walk import IN
from tests.support.access_worlds import worlds

OUTPUT = deployments.ROOT / "docs" / "access.md"
HEAD = """# Who may
Every route of each governance model, who comes in, and what happens to the others. Each line was
tried: every route by every kind of caller, with the ids of somebody else in the path. `make index`
writes this page from what happened, and `test_every_route_is_open_to_whom_the_table_says` compares:
a new route without a line fails.

*The citizen* is the one whose ids the path holds, *another citizen* is not. Staff hold one role
each, and came with their passkey. The service has every scope that a service may have, the device a
token bound to its certificate; the *federated service* describes itself, authenticates by its key,
and came with a token that the citizen gave it. At introspection, revocation and the token endpoint
each of them proves who it is and brings what another service was given, which stays as it is.
*in*: the route let the caller in, if only to say what else is wrong. *sign in*: a browser is sent
to sign in, or to prove once more who is there. Routes of protocols that carry their own proof in
the body (a code, a client's secret, a one-time token) say 400 or 401 to whoever brings none, and so
may be *in* for all here: what they ask for is in their specifications.
"""
TABLES = {
    "provider": "A provider, accredited by a regulator",
    "regulator": "A regulator",
    "broker": "A broker",
}
COLUMNS = """
## {title}
| route | in | others |
|---|---|---|
"""
CALLERS = (
    "nobody",
    "another citizen",
    "officer",
    "operator",
    "auditor",
    "regulator",
    "developer",
    "service",
    "federated service",
    "device",
    "the citizen",
)
PROGRAMS = ("service", "federated service", "device")

Walked = Mapping[str, Mapping[str, str]]
"""Route → caller → what happened."""


def as_page(walked: Mapping[str, Walked]) -> str:
    """docs/access.md, of what happened in each governance model."""
    tables = (COLUMNS.format(title=title) + _rows(walked[m]) for m, title in TABLES.items())
    return HEAD + "".join(tables)


def _rows(walked: Walked) -> str:
    rows = []
    for route, outcomes in sorted(walked.items(), key=lambda item: item[0].split()[::-1]):
        callers = [kind for kind in CALLERS if kind in outcomes]
        others: dict[str, list[str]] = {}
        for kind in callers:
            if outcomes[kind] != IN:
                others.setdefault(outcomes[kind], []).append(kind)
        let_in = _let_in([kind for kind in callers if outcomes[kind] == IN], callers)
        refused = "; ".join(f"{what}: {_listed(kinds, others)}" for what, kinds in others.items())
        rows.append(f"| `{route}` | {let_in} | {refused} |\n")
    return "".join(rows)


def _let_in(kinds: list[str], callers: list[str]) -> str:
    if kinds == callers:
        return "everybody"
    if kinds == [kind for kind in callers if kind not in PROGRAMS]:
        return "every browser"
    return ", ".join(kinds) or "–"


def _listed(kinds: list[str], others: Mapping[str, list[str]]) -> str:
    most = max(map(len, others.values()))
    return "the rest" if len(kinds) == most > 3 else ", ".join(kinds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, worlds(Path(folder)) as made:
        OUTPUT.write_text(as_page({model: world.walk() for model, world in made.items()}), "utf-8")
