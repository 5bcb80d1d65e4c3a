"""Make a release in dist/: `make release KEY=minisign.key VULNERABILITIES=osv-pypi.zip`."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import venv
from datetime import UTC, date, datetime
from pathlib import Path

from scripts.release import bill, licences, signing, vulnerabilities, wheel
from scripts.release.stop import Stop

ROOT = Path(__file__).resolve().parents[2]


def say(sentence: str) -> None:
    print(f"release: {sentence}", flush=True)


def environment_of_the_lock(folder: Path) -> Path:
    """A fresh environment that holds exactly what the runtime lock pins; its Python."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    _pip(python, "--no-deps", "--require-hashes", "-r", str(ROOT / "requirements/runtime.txt"))
    return python


def try_wheel(python: Path, made: Path) -> None:
    """The wheel stands without its checkout: it is installed and answers."""
    _pip(python, "--no-deps", "--no-index", str(made))
    done = subprocess.run(
        [str(python.with_name("civitas")), "--help"], capture_output=True, cwd="/", check=False
    )
    if done.returncode:
        raise Stop(f"the installed wheel does not start:\n{done.stderr.decode()[-2000:]}")


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Stop(f"pip could not install what a release needs:\n{done.stderr[-2000:]}")


def write(made: Path, contents: bill.Bill, texts: str, found: str, output: Path) -> None:
    """The release's files, named after the wheel's version."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    shutil.copy2(made, output)
    name = "-".join(made.name.split("-")[:2])
    (output / f"{name}.cdx.json").write_text(json.dumps(contents, indent=1) + "\n", "utf-8")
    (output / f"{name}-licences.txt").write_text(texts, encoding="utf-8")
    (output / f"{name}-vulnerabilities.txt").write_text(found, encoding="utf-8")
    shutil.copyfile(ROOT / "requirements/runtime.txt", output / f"{name}-requirements.txt")


def known_vulnerabilities(source: Path | None) -> str:
    """What the release says of them; raises Stop when there is one that nobody accepted."""
    if source is None:
        return "Not compared with any database of known vulnerabilities.\n"
    if found := vulnerabilities.open_findings(source, date.today()):
        lines = "\n".join(str(f) for f in found)
        raise Stop(f"known vulnerabilities, accepted nowhere:\n{lines}")
    digest = f"{source.name}, compared on {datetime.now(UTC):%Y-%m-%d}"
    return f"No known vulnerability of a locked package that is not accepted: {digest}.\n"


def release(key: Path | None, source: Path | None, output: Path) -> None:
    """Every step in its order; raises Stop, and then `output` is as it was."""
    wheel.require_clean(ROOT)
    if key is not None and not key.is_file():
        raise Stop(f"KEY={key}: no such file; `minisign -G` makes one")
    work = ROOT / "build" / "release"
    say("1 of 6: known vulnerabilities …")
    found = known_vulnerabilities(source)
    say("2 of 6: the wheel, twice …")
    made = wheel.build(ROOT, work)
    say("3 of 6: an environment of the lock …")
    python = environment_of_the_lock(work / "environment")
    say("4 of 6: bill of materials, licences …")
    contents = bill.make(ROOT, python, wheel.commit_time(ROOT))
    table = licences.check(contents, ROOT / "requirements/licences.toml")
    texts = licences.texts(work / "environment", table)
    say("5 of 6: the wheel is tried …")
    try_wheel(python, made)
    say("6 of 6: checksums, signature …")
    write(made, contents, texts, found, output)
    sums = signing.checksums(output)
    if key is not None:
        signing.sign(sums, key, f"{made.name}, made of commit {wheel.commit(ROOT)}")
    for file in sorted(output.iterdir()):
        print(f"  {file.stat().st_size:>9}  {file.name}")
    if source is None:
        say("not compared with known vulnerabilities: VULNERABILITIES=osv-pypi.zip")
    if key is None:
        say("not signed: KEY=minisign.key, a key that `minisign -G` made")


def main() -> int:
    parser = argparse.ArgumentParser(prog="release", description=__doc__)
    parser.add_argument("--key", type=Path, help="secret key in minisign's format")
    parser.add_argument("--vulnerabilities", type=Path, help="OSV records: zip, folder or file")
    parser.add_argument("--output", type=Path, default=ROOT / "dist")
    chosen = parser.parse_args()
    try:
        release(chosen.key, chosen.vulnerabilities, chosen.output)
    except Stop as problem:
        print(f"release: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
