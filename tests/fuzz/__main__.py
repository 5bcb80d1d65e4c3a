"""One target for some minutes: `python -m tests.fuzz est --seconds 600`; without a name, all.

Each target runs in a process of its own, since libFuzzer ends the process that it runs in. A 5xx,
an exception, an answer that takes ten seconds, or memory that grows without end is a finding: the
input is kept in the folder that the last line names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS

SLOW_SECONDS = 10
MOST_MEGABYTES = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--corpus", type=Path, help="where inputs that reached new code are kept")
    chosen = parser.parse_args()
    if chosen.target is not None:
        folder = chosen.corpus or Path(tempfile.mkdtemp(prefix="civitas-fuzz-"))
        _fuzz(chosen.target, chosen.seconds, folder)
        return
    failed = [name for name in sorted(TARGETS) if not _apart(name, chosen.seconds)]
    sys.exit(f"found something in: {', '.join(failed)}" if failed else 0)


def _apart(name: str, seconds: int) -> bool:
    print(f"{name}: {seconds} s …", flush=True)
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith(("Done ", "==", "stat::"))]
    print(f"{name}: {'ok' if done.returncode == 0 else 'FOUND SOMETHING'} "
          f"after {time.monotonic() - began:.0f} s; {' '.join(said[:1])}", flush=True)  # fmt: skip
    if done.returncode != 0:
        print(done.stderr[-4000:], flush=True)
    return done.returncode == 0


def _fuzz(name: str, seconds: int, folder: Path) -> None:
    import atheris

    corpus, findings = folder / "corpus", folder / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    with atheris.instrument_imports(include=["pki", "device_registry", "asn1crypto"]):
        target = TARGETS[name]()
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        sys.argv[0], f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}",
        f"-rss_limit_mb={MOST_MEGABYTES}", f"-artifact_prefix={findings}/", "-max_len=4096",
        "-print_final_stats=1", str(corpus),
    ]  # fmt: skip
    print(f"findings go to {findings}", file=sys.stderr, flush=True)
    atheris.Setup(options, target.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
