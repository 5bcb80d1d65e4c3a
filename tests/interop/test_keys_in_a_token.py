"""Every classical key of an authority in a PKCS#11 token: the same tests hold, none leaves it.

SoftHSM stands for the token. ML-DSA keys stay sealed: no token offers them yet.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support import softhsm
from tests.support.deployments import IN_TOKEN, ROOT

# What issues, enrols, renews, revokes, answers, rolls over and recovers.
SAME = (
    "tests/unit/pki",
    "tests/contract/devices",
    "tests/protocol/rfc7030",
    "tests/protocol/rfc5280",
    "tests/protocol/rfc6960",
    "tests/chaos/test_enrolment.py",
)
# They bring a token of their own, or pretend that a key is not there.
APART = "not token and not offline"


@pytest.fixture
def token() -> Iterator[softhsm.SoftToken]:
    with softhsm.tokens() as folder:
        yield softhsm.new_token(folder)


@pytest.mark.slow(minutes=8)
@pytest.mark.timeout(2700)
def test_the_same_tests_hold_with_every_classical_key_in_a_token(
    token: softhsm.SoftToken,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-k", APART, *SAME],
        cwd=ROOT,
        env={**os.environ, IN_TOKEN: token.uri()},
        capture_output=True,
        text=True,
        check=False,
    )
    summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", summary)
    assert passed is not None
    assert int(passed[1]) > 200, summary
