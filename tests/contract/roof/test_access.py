"""Who may come through which door: tried with every kind of caller, and with ids of others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from civitas import governance
from civitas.governance import MODELS
from civitas.system import doors as system_doors
from foundation.settings import Jurisdiction, Server, Settings
from tests.support import access
from tests.support.deployments import lay_ground

SIGN_IN = {"/sign-in", "/activate/set-up"}
HASHING = {
    "provider": {*SIGN_IN, "/account/credentials/password"},
    "regulator": SIGN_IN,
    "broker": set(),
}
Walked = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def walked() -> Iterator[Walked]:
    with access.world() as world:
        yield world.walk()


def test_every_door_opens_for_whom_the_table_says(walked: Walked) -> None:
    table = access.OUTPUT.read_text("utf-8")
    assert access.as_page(walked) == table, "look at each change, then run `make index`"


def test_no_door_breaks_whoever_asks(walked: Walked) -> None:
    broken = [(d, k) for d, kinds in walked.items() for k, said in kinds.items() if said >= "5"]
    assert not [(door, kind) for door, kind in broken if walked[door][kind].isdigit()]


def test_what_is_one_citizens_opens_for_nobody_else(walked: Walked) -> None:
    own = {door for door in walked if "{consent_id}" in door or "{credential_id}" in door}
    let_in = {d: {k for k, said in walked[d].items() if said == access.IN} for d in own}
    assert all(kinds <= {"the citizen"} for kinds in let_in.values()), let_in
    assert sum(map(bool, let_in.values())) >= 5, "the ids are those of something that is there"


def test_pages_of_staff_open_for_one_role_and_no_program(walked: Walked) -> None:
    for prefix, role in (("/desk", "officer"), ("/staff", "operator"), ("/devices", "operator")):
        for door, kinds in walked.items():
            path = door.split()[1]
            if not path.startswith(prefix) or "/v1" in path:
                continue
            assert {kind for kind, said in kinds.items() if said == access.IN} <= {role}, door


@pytest.mark.row("failures", "15")
@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_door_that_costs_much_asks_first_who_brings_it_or_waits_with_its_like(
    model: str, settings: Settings
) -> None:
    regulator = "https://regulator.example" if model == "broker" else None
    chosen = settings.with_sections(Jurisdiction(governance=model, regulator=regulator))  # type: ignore[arg-type]
    lay_ground(chosen, None).close()  # type: ignore[arg-type]
    deployment = governance.assemble(chosen)
    groups = {**deployment.doors, "civitas": system_doors(deployment.ground, dict)}
    most = settings.of(Server).max_body
    hashing = {d.path for group in groups.values() for d in group if d.hashes}
    assert hashing >= HASHING[model], "a password is hashed behind it: it waits with its like"
    large = [d for group in groups.values() for d in group if (d.max_body or 0) > most]
    assert [d.path for d in large if d.admits is None] == []
    assert [d.path for d in large] == (["/desk/imports"] if model == "provider" else [])
    deployment.ground.close()
