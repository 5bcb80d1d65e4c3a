"""Hold the locks against a file of known vulnerabilities — OSV schema 1.x.

    python -m scripts.release.vulnerabilities osv-pypi.zip

The file is a zip of OSV records as osv.dev publishes one for each ecosystem, a folder of them (the
advisory database of the PyPA is one), or one record; JSON or YAML. Nothing is asked of any network.
"""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.release.locks import Pin, pins
from scripts.release.stop import Stop

ROOT = Path(__file__).resolve().parents[2]
LOCKS = tuple(ROOT / "requirements" / f"{n}.txt" for n in ("runtime", "dev", "fuzz"))
ACCEPTED = ROOT / "requirements" / "accepted-vulnerabilities.toml"


@dataclass(frozen=True)
class Finding:
    """A pinned package that a record names."""

    lock: str
    pin: Pin
    record: str
    aliases: tuple[str, ...]
    summary: str
    fixed: tuple[str, ...]

    def __str__(self) -> str:
        cure = f"mended in {', '.join(self.fixed)}" if self.fixed else "no version mends it yet"
        names = ", ".join((self.record, *self.aliases))
        return f"{self.lock}: {self.pin.name} {self.pin.version}: {names}: {self.summary} ({cure})"


# --- the records -----------------------------------------------------------------------------


def records(source: Path) -> Iterator[Mapping[str, Any]]:
    """The OSV records of a zip, a folder or one file; raises Stop when there is none."""
    count = 0
    for name, content in _files(source):
        record = _parse(name, content)
        if not isinstance(record, dict) or "id" not in record:
            continue  # another file of the same folder
        count += 1
        yield record
    if not count:
        raise Stop(f"{source} holds no OSV record: give a zip, a folder or a file of them")


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if source.is_dir():
            wanted = (p for p in sorted(source.rglob("*")) if _is_record(p.name))
            yield from ((str(p), p.read_bytes()) for p in wanted)
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                names = sorted(n for n in archive.namelist() if _is_record(n))
                yield from ((n, archive.read(n)) for n in names)
        else:
            yield str(source), source.read_bytes()
    except (OSError, zipfile.BadZipFile) as problem:
        raise Stop(f"{source} cannot be read: {problem}") from None


def _is_record(name: str) -> bool:
    return name.endswith((".json", ".yaml", ".yml")) and not Path(name).name.startswith(".")


def _parse(name: str, content: bytes) -> Any:
    try:
        if name.endswith((".yaml", ".yml")):
            return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return json.loads(content)
    except (ValueError, yaml.YAMLError) as problem:
        raise Stop(f"{name} is no record that can be read: {problem}") from None


# --- what they say of a version ---------------------------------------------------------------


def affects(affected: Mapping[str, Any], version: str) -> bool:
    """Whether a version is affected: listed, or in one of the ranges (OSV, "Evaluation")."""
    try:
        asked = Version(version)
    except InvalidVersion:
        return version in affected.get("versions", ())
    if any(_version(v) == asked for v in affected.get("versions", ())):
        return True
    return any(
        _in_range(found.get("events", ()), asked)
        for found in affected.get("ranges", ())
        if found.get("type") in ("ECOSYSTEM", "SEMVER")
    )


def _in_range(events: Iterable[Mapping[str, str]], asked: Version) -> bool:
    """Events in the order of versions: each turns the vulnerability on or off."""
    turns = []
    for event in events:
        for kind, written in event.items():
            at = Version("0") if written == "0" else _version(written)
            if at is not None and kind in ("introduced", "fixed", "last_affected"):
                turns.append((at, kind))
    inside = False
    for at, kind in sorted(turns, key=lambda turn: (turn[0], turn[1] != "introduced")):
        if kind == "introduced" and asked >= at:
            inside = True
        elif (kind == "fixed" and asked >= at) or (kind == "last_affected" and asked > at):
            inside = False
    return inside


def _version(written: str) -> Version | None:
    try:
        return Version(written)
    except InvalidVersion:
        return None


# --- the check -------------------------------------------------------------------------------


def findings(source: Path, locks: Iterable[Path] = LOCKS) -> list[Finding]:
    """Every pinned package that a record of `source` names, withdrawn records left out."""
    pinned: dict[str, list[tuple[str, Pin]]] = {}
    for lock in locks:
        for pin in pins(lock):
            pinned.setdefault(pin.name, []).append((lock.name, pin))
    found = []
    for record in records(source):
        if record.get("withdrawn"):
            continue
        for affected in record.get("affected", ()):
            package = affected.get("package", {})
            if package.get("ecosystem") != "PyPI":
                continue
            for lock_name, pin in pinned.get(canonicalize_name(package.get("name", "")), ()):
                if affects(affected, pin.version):
                    found.append(_finding(lock_name, pin, record, affected))
    return sorted(found, key=str)


def _finding(
    lock: str, pin: Pin, record: Mapping[str, Any], affected: Mapping[str, Any]
) -> Finding:
    events = [e for r in affected.get("ranges", ()) if r.get("type") != "GIT" for e in r["events"]]
    first_line = (record.get("summary") or record.get("details") or "").strip().partition("\n")[0]
    return Finding(
        lock,
        pin,
        str(record["id"]),
        tuple(record.get("aliases") or ()),
        first_line[:200] or "no summary",
        tuple(e["fixed"] for e in events if "fixed" in e),
    )


def accepted(today: date, file: Path = ACCEPTED) -> frozenset[str]:
    """Ids that somebody looked at and accepted, with a reason, until a date that is not over."""
    rows = tomllib.loads(file.read_text(encoding="utf-8")).get("accepted", [])
    for row in rows:
        if not row.get("reason") or not isinstance(row.get("until"), date):
            raise Stop(f"{file.name}: {row.get('id')}: write a reason and `until`, a date")
    return frozenset(row["id"] for row in rows if row["until"] >= today)


def open_findings(source: Path, today: date, locks: Iterable[Path] = LOCKS) -> list[Finding]:
    """The findings that nobody accepted."""
    known = accepted(today)
    return [f for f in findings(source, locks) if not known & {f.record, *f.aliases}]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("write: python -m scripts.release.vulnerabilities FILE", file=sys.stderr)
        return 2
    try:
        found = open_findings(Path(arguments[0]), date.today())
    except Stop as problem:
        print(f"vulnerabilities: {problem}", file=sys.stderr)
        return 2
    for finding in found:
        print(finding)
    print(f"vulnerabilities: {len(found)} in {', '.join(lock.name for lock in LOCKS)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
