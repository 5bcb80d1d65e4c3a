"""Step 9: an outsider verifies the tree from its signed checkpoint; one changed row is found."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

from sqlalchemy import select, update

from civitas.configuration import settings_of
from civitas.tour.deployments import Deployed, clean_environment
from civitas.tour.story import expect
from civitas.tour.world import World
from foundation.audit.tables import events
from foundation.runtime import open_database


def verify(world: World) -> str:
    deployed = world.provider
    time.sleep(2.5)  # the sequencer's bound (two seconds at most)
    sound = outsider(deployed)
    expect(sound["ok"], f"a sound tree, but got {sound['problems']}")
    database = open_database(settings_of(deployed.config))
    try:
        with database.write() as uow:
            row = uow.one(select(events.c.id, events.c.open).order_by(events.c.id).limit(1))
            if row is None:
                raise AssertionError("expected an event")
            here = events.c.id == row.id
            changed = row.open.replace(b'"kind":"', b'"kind":"x', 1)
            uow.execute(update(events).where(here).values(open=changed))
        found = outsider(deployed)
        with database.write() as uow:
            uow.execute(update(events).where(here).values(open=row.open))
    finally:
        database.close()
    expect(not found["ok"], "the changed row to be found")
    expect(outsider(deployed)["ok"], "a sound tree again")
    return f"{sound['tree_size']} leaves under a signed root; then: {found['problems'][0]}"


def outsider(deployed: Deployed) -> Any:
    """Somebody with nothing but the address."""
    done = subprocess.run(
        [sys.executable, "-m", "civitas", "audit", "verify", "--url", deployed.url, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(),
        timeout=120,
    )
    expect(done.stdout, f"a report, but got {done.stderr[-300:]}")
    return json.loads(done.stdout)
