"""A signature that is killed in the middle: no key, no orphan, no signature without its entry."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from documents.signing import SigningSettings
from foundation.clock import FrozenClock
from pki import TimeStampSettings
from pki.tables import certificates
from tests.chaos import points
from tests.chaos.doomed import KILLED
from tests.chaos.points import Point
from tests.support import deployments
from tests.support.deployments import ROOT
from tests.support.signing import NAME, SigningCity, of_files

# Another process of the same deployment, in which the person says yes. It tells the key that it
# made, so that somebody can look for it.
CHILD = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric import ec
from civitas import governance
from foundation.clock import FrozenClock
from tests.chaos.killer import lay_trap
from tests.chaos.test_killed_signatures import SECTIONS
from tests.support import deployments
from tests.support.city import CHEAP
folder, moment, function, nth, transaction, person = sys.argv[1:]
made = ec.generate_private_key
def told(curve):
    key = made(curve)
    print(f"{key.private_numbers().private_value:064x}", flush=True)
    return key
ec.generate_private_key = told
settings = deployments.settings_in(Path(folder), *SECTIONS).with_sections(CHEAP)
clock = FrozenClock(deployments.START)
signing = governance.assemble(settings, clock).parts["signing"]
lay_trap(moment, function, int(nth))
signing.sign(signing.find(transaction), person, 2, clock.now())
"""
SECTIONS = TimeStampSettings(clock="operator"), SigningSettings(least_level=2)


@pytest.fixture
def city(tmp_path: Path, clock: FrozenClock) -> Iterator[SigningCity]:
    made = SigningCity(deployments.settings_in(tmp_path, *SECTIONS), clock)
    yield made
    made.close()


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(p, id=p.name, marks=() if p.first else (pytest.mark.slow,))
        for p in points.SIGNATURE
    ],
)
def test_a_signature_that_is_killed_is_whole_or_was_never_made(
    city: SigningCity, clock: FrozenClock, tmp_path: Path, point: Point
) -> None:
    person = city.citizen(city.persons[0], NAME).id
    asked = city.service.ask(**of_files(form="asic-xades", conformance_level="Ades-B-LT"))
    transaction = asked["transaction"]
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), point.moment, point.function, str(point.nth),
         transaction, person],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert child.returncode == KILLED, child.stderr
    # What a start does, and what the next minutes do.
    for start in city.deployment.on_start:
        start(clock.now())
    clock.advance(timedelta(minutes=3))
    city.signing.settle(clock.now())

    state = city.service.look(transaction)["state"]
    kinds = city.kinds(person)
    begun = point not in points.SIGNATURE[:2]
    assert state == ("signed" if point.done else "failed" if begun else "waiting")
    assert kinds.count("signature.made") == point.done
    assert kinds.count("signature.failed") == (begun and not point.done)
    assert ("files" in city.service.look(transaction)) == point.done
    with city.runtime.database.read() as uow:
        query = select(certificates).where(certificates.c.profile == "citizen-signature-once")
        rows = list(uow.all(query))
    for row in rows:
        good = row.state == "issued" and row.revoked_at is None
        assert good == point.done, (row.state, row.revoked_at)
        assert row.state != "recorded"
    # Nobody has the key any more.
    numbers = child.stdout.split()
    files = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for number in numbers:
        assert bytes.fromhex(number) not in files
        assert number.encode() not in files
    if not begun:
        city.signing.sign(city.signing.find(transaction), person, 2, clock.now())
        assert city.service.look(transaction)["state"] == "signed"
