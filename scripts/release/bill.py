"""The bill of materials of what is locked — CycloneDX 1.6, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from scripts.release.locks import Pin, pins
from scripts.release.stop import Stop

Bill = dict[str, Any]


def make(root: Path, python: Path, instant: int) -> Bill:
    """Of the packages that `python`'s environment holds, which must be those of the runtime lock.

    `instant`: when the commit was made, in seconds since 1970, so that the bill is reproducible.
    Each component has a `distribution` reference with the digests that the lock allows.
    """
    tool = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [tool, "environment", "--sv", "1.6", "--output-reproducible"]
    command += ["--pyproject", str(root / "pyproject.toml"), str(python)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(instant)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(f"the bill of materials was not made:\n{done.stderr[-2000:]}")
    bill: Bill = json.loads(done.stdout)
    locked = {pin.name: pin for pin in pins(root / "requirements/runtime.txt")}
    # The environment's own installer is no part of what is shipped.
    outside = {c["bom-ref"] for c in bill["components"] if _name(c) not in locked}
    bill["components"] = [c for c in bill["components"] if c["bom-ref"] not in outside]
    bill["dependencies"] = [d for d in bill["dependencies"] if d["ref"] not in outside]
    for dependency in bill["dependencies"]:
        if needed := [r for r in dependency.pop("dependsOn", ()) if r not in outside]:
            dependency["dependsOn"] = needed
    _compare(bill, locked)
    for component in bill["components"]:
        component.setdefault("externalReferences", []).append(_digests(locked[_name(component)]))
    return bill


def _name(component: Mapping[str, Any]) -> str:
    return str(canonicalize_name(component["name"]))


def _compare(bill: Bill, locked: Mapping[str, Pin]) -> None:
    found = {_name(c): c["version"] for c in bill["components"]}
    if astray := sorted(n for n in locked if found.get(n) != locked[n].version):
        raise Stop(f"the environment differs from the lock in {', '.join(astray)}")


def _digests(pin: Pin) -> dict[str, Any]:
    """One file of these digests was installed: which one depends on the machine."""
    return {
        "type": "distribution",
        "url": f"pkg:pypi/{pin.name}@{pin.version}",
        "comment": "digests that the lock allows",
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.digests],
    }
