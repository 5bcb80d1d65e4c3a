"""A process that is killed while it tells services of a sign-out: another one tells them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from foundation.clock import FrozenClock
from idp import oauth
from idp.oauth.logout import outbox
from tests.support.authorization_server import AuthorizationServer
from tests.support.deployments import ROOT
from tests.support.ears import listening

# Another process on the same tables: it takes up what is due, and is killed in the middle.
CHILD = """
import sys, time
from pathlib import Path
from foundation.clock import FrozenClock
from tests.support import deployments
from tests.support.authorization_server import AuthorizationServer
runtime = deployments.build_runtime(
    deployments.settings_in(Path(sys.argv[1])), FrozenClock(deployments.START)
)
AuthorizationServer(runtime).oauth.sign_outs.start()
time.sleep(60)
"""


def test_a_sign_out_that_a_killed_process_had_in_hand_is_told_by_another(
    authorization_server: AuthorizationServer, clock: FrozenClock, tmp_path: Path
) -> None:
    server = authorization_server
    server.people.born("per_1")
    server.people.sign_in("per_1")
    with listening() as ears:
        ears.silent.add("/library")
        server.tokens(server.add(backchannel_logout_uri=f"{ears.url}/library"))
        with server.runtime.database.write() as uow:
            oauth.TokensEndWithSession().end_session(uow, "ses_1", "signed out", clock.now())
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], cwd=ROOT)
        try:
            deadline = time.monotonic() + 60
            while not ears.heard:
                assert child.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()
        ears.silent.clear()
        # Its lease is over some time later; nothing else has to be mended.
        clock.advance(outbox.LEASE)
        assert server.oauth.sign_outs.run() == 1
        assert len(ears.heard) == 2
        assert server.oauth.sign_outs.run() == 0
