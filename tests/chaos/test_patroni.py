"""The leader of a Patroni pair dies under load: nothing that was answered is lost, and the service
goes on by the other without a restart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from civitas.configuration import settings_of
from civitas.tour.world import World
from foundation.runtime import open_database
from tests.chaos.acts import Revoking
from tests.support import patroni

pytestmark = [
    pytest.mark.slow(minutes=2),
    pytest.mark.timeout(600),
    pytest.mark.skipif(patroni.missing() is not None, reason=str(patroni.missing())),
]


def test_a_leader_that_dies_under_load_takes_no_answered_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIVITAS_SERVER__WORKERS", "2")
    with patroni.pair() as pair:
        world = World(tmp_path, pair.url())
        try:
            server = world.provider
            acts = Revoking(world.service(server))
            with acts.by(8):
                acts.wait_for(100)
                leader = pair.leader()
                assert leader is not None
                leader.die()
                acts.wait_for(1, seconds=120)
                acts.wait_for(100)
            assert server.process is not None
            assert server.process.poll() is None
            new = pair.leader()
            assert new is not None
            assert new is not leader
            assert {status for status, _ in acts.refused} <= {503}
            database = open_database(settings_of(server.config))
            lost = acts.not_found(database)
            database.close()
            assert lost == set()
            report = world.run_json(server, "audit", "verify")
            assert report["ok"], report["problems"]
            sys.stderr.write(
                f"{len(acts.revoked)} acts answered, none lost; {len(acts.refused)} were told 503; "
                f"no answer for {acts.longest_pause():.1f} s (leader's time to live: "
                f"{patroni.TTL} s)\n"
            )
        finally:
            world.close()
