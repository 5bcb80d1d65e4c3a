"""The wheel, built twice from the committed files: both must be the same bytes.

Two folders, so that no path gets in; the commit's own time, so that no clock does. See
reproducible-builds.org, SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from scripts.release.stop import Stop


def commit_time(root: Path) -> int:
    """When the commit was made, in seconds since 1970."""
    return int(_git(root, "log", "-1", "--format=%ct"))


def commit(root: Path) -> str:
    """Its full name."""
    return _git(root, "rev-parse", "HEAD")


def require_clean(root: Path) -> None:
    """A release is made of what was committed, and of nothing else."""
    if changed := _git(root, "status", "--porcelain"):
        raise Stop(f"commit or remove first what differs from the commit:\n{changed}")


def build(root: Path, work: Path) -> Path:
    """The wheel of the commit that is checked out at `root`; raises Stop when two builds differ."""
    first, second = (_build_once(root, work / name) for name in ("one", "a-second-folder"))
    if first.read_bytes() != second.read_bytes():
        raise Stop(f"two builds of one commit differ: {_difference(first, second)}")
    return first


def _build_once(root: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / "source"
    source.mkdir(parents=True)
    archive = folder / "source.tar"
    with archive.open("wb") as file:
        subprocess.run(["git", "archive", "HEAD"], cwd=root, stdout=file, check=True)
    with tarfile.open(archive) as tar:
        # Debian 12's own Python (3.11.2) knows no filter yet; what comes out is our own tree.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        tar.extractall(source)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(commit_time(root)), "TZ": "UTC"}
    done = subprocess.run(
        command,
        cwd=source,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        umask=0o22,
    )
    if done.returncode:
        raise Stop(f"the wheel was not built:\n{(done.stdout + done.stderr)[-2000:]}")
    return next(folder.glob("*.whl"))


def _difference(first: Path, second: Path) -> str:
    """Which members differ, or the order of them."""
    members = [
        {i.filename: (i.date_time, i.external_attr, i.CRC) for i in zipfile.ZipFile(w).infolist()}
        for w in (first, second)
    ]
    names = sorted(n for n in {*members[0], *members[1]} if members[0].get(n) != members[1].get(n))
    digests = [hashlib.sha256(w.read_bytes()).hexdigest()[:16] for w in (first, second)]
    return f"{', '.join(names) or 'the order of the members'} ({digests[0]}… and {digests[1]}…)"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Stop(f"a release is made from a git checkout: {done.stderr.strip()}")
    return done.stdout.strip()
