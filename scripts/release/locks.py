"""What the locks pin: names, versions and digests, as pip-compile writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*])?==(?P<version>[^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """One package of a lock; `name` is canonical (PEP 503), `digests` are SHA-256 in hex."""

    name: str
    version: str
    digests: tuple[str, ...]


def pins(lock: Path) -> Iterator[Pin]:
    """Every package that the lock pins, in its order."""
    name, version, digests = "", "", list[str]()
    for line in lock.read_text(encoding="utf-8").splitlines():
        if found := _PIN.match(line):
            if name:
                yield Pin(name, version, tuple(digests))
            name, version = canonicalize_name(found["name"]), found["version"]
            digests = []
        digests += _HASH.findall(line)
    if name:
        yield Pin(name, version, tuple(digests))
