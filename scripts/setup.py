"""Make `.venv` and install what the demo or the tests need; a second run takes a blink.

Only the standard library, and any Python from 3.11: this runs before anything is installed.

    python3 scripts/setup.py demo     # what `civitas` itself needs
    python3 scripts/setup.py tests    # and what the tests need, system parts included
    … --this-python                   # with the Python that runs it, however slow it is
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
PACKAGES = ("civitas", "device_registry", "documents", "foundation", "idp", "pki", "policies")
LOCKS = {"demo": "requirements/runtime.txt", "tests": "requirements/dev.txt"}
INSTALLER = "requirements/installer.txt"

# What pip may have been told, and how uv is told the same; and what only pip understands.
TOLD_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
PIP_ALONE = {"no-index", "proxy", "client-cert", "trusted-host", "constraint", "target", "user"}

# What must be found → the Debian package that brings it.
SYSTEM_PARTS = {
    "apache2": "apache2-bin",
    "certmonger": "certmonger",
    "certtool": "gnutls-bin",
    "certutil": "libnss3-tools",
    "chromium": "chromium",
    "curl": "curl",
    "faketime": "faketime",
    "gcc": "gcc",
    "go": "golang-go",
    "javac": "openjdk-17-jdk-headless",
    "minisign": "minisign",
    "mvn": "maven",
    "nginx": "nginx-light",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "pdfsig": "poppler-utils",
    "pgbouncer": "pgbouncer",
    "pki": "strongswan-pki",
    "softhsm2-util": "softhsm2",
    "ssh-agent": "openssh-client",
    "/usr/lib/apache2/modules/mod_auth_openidc.so": "libapache2-mod-auth-openidc",
    # Small programs in C write requests with these libraries.
    "/usr/include/stdio.h": "libc6-dev",
    "/usr/include/mbedtls/x509_csr.h": "libmbedtls-dev",
    "/usr/include/wolfssl/ssl.h": "libwolfssl-dev",
    # Without these, strongSwan's client reads no elliptic curves and fetches nothing.
    "/usr/lib/ipsec/plugins/libstrongswan-curl.so": "libstrongswan-extra-plugins",
    "/usr/lib/ipsec/plugins/libstrongswan-openssl.so": "libstrongswan-standard-plugins",
}
SYSTEM_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")
WORTH_A_CHANGE = 1.05
LOOPS = """
import ensurepip, sys, time, venv
assert "%d.%d" % sys.version_info[:2] == sys.argv[1]
def loops():
    began, found = time.process_time(), {}
    for number in range(60_000):
        found[str(number)] = [number, (number * number) % 7]
    sum(len(one) for one in found.values())
    return time.process_time() - began
print(min(loops() for _ in range(7)))
"""
SBIN = ("/usr/sbin", "/usr/local/sbin", "/sbin")


class Stop(Exception):
    """Set-up cannot go on; the message says what to do."""


def say(sentence: str) -> None:
    print(f"setup: {sentence}", flush=True)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what begins and, at its end, how long it took."""
    say(f"{what} …")
    began = time.monotonic()
    yield
    say(f"{what}: done in {time.monotonic() - began:.1f} s")


def run(command: Sequence[str], **environment: str) -> None:
    """Run to the end, output shown only when it fails."""
    outcome = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if outcome.returncode:
        sys.stderr.write(outcome.stdout[-4000:])
        raise Stop(f"`{' '.join(command)}` failed; its last words stand above.")


# --- Which Python ----------------------------------------------------------------------------


def quickest() -> str:
    """The Python for `.venv`: the one that runs this, unless the system's own of the same version
    is faster. One that a version manager built is often built without optimisation."""
    timed = {}
    for python in dict.fromkeys((sys.executable, *SYSTEM_PYTHONS)):
        if (seconds := plain_loops(python)) is not None:
            timed[python] = seconds
    best = min(timed, key=timed.__getitem__, default=sys.executable)
    own = timed.get(sys.executable)
    if own is None or own < timed[best] * WORTH_A_CHANGE:
        return sys.executable
    say(f"taking {best}, {own / timed[best]:.2f} times as fast as {sys.executable}")
    return best


def plain_loops(python: str) -> float | None:
    """How long it takes for plain loops, in seconds; None where it is no Python for us."""
    version = ".".join(map(str, sys.version_info[:2]))
    try:
        found = subprocess.run(
            [python, "-c", LOOPS, version],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return float(found.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


# --- Python packages -------------------------------------------------------------------------


def key(purpose: str) -> str:
    """What an installation depends on; it is made again when any of this changes."""
    material = hashlib.sha256()
    for name in (LOCKS[purpose], "pyproject.toml"):
        material.update((ROOT / name).read_bytes())
    material.update(f"{sys.version_info[:2]} {ROOT}".encode())
    return material.hexdigest()


def stamp(purpose: str) -> Path:
    return VENV / f".civitas-{purpose}"


def installed(purpose: str) -> bool:
    """Whether the packages are there; those of the tests include those of the demo."""
    if not (VENV / "bin" / "civitas").exists():
        return False
    wanted = ("demo", "tests") if purpose == "demo" else ("tests",)
    return any(stamp(p).exists() and stamp(p).read_text() == key(p) for p in wanted)


def install_python_packages(purpose: str, this_python: bool = False) -> None:
    if installed(purpose):
        return
    python = str(VENV / "bin" / "python")
    if not (VENV / "bin" / "pip").exists():
        chosen = sys.executable if this_python else quickest()
        with step("making .venv"):
            try:
                run([chosen, "-m", "venv", str(VENV)])
            except Stop:
                raise Stop(
                    "Python's venv module is missing or broken; "
                    "on Debian run: apt-get install python3-venv"
                ) from None
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    with step(f"installing {LOCKS[purpose]}"):
        install_locked(pip, LOCKS[purpose])
    with step("installing civitas from this checkout"):
        run([*pip, "--no-deps", "--no-build-isolation", "--no-index", "--editable", "."])
    stamp(purpose).write_text(key(purpose))


def install_locked(pip: Sequence[str], lock: str) -> None:
    """By uv, which needs a quarter of pip's time, where it can be told all that pip was; by pip
    where it cannot, or where uv does not come."""
    locked = ["--no-deps", "--require-hashes", "-r"]
    told = as_told_to_uv(told_to_pip(pip[0]))
    if told is not None:
        try:
            run([*pip, *locked, INSTALLER])
            uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", pip[0]]
            run([*uv, "--compile-bytecode", *locked, lock], **told)
            return
        except Stop as reason:
            say(f"{reason} Trying with pip alone …")
    run([*pip, "--retries", "5", *locked, lock])


def told_to_pip(python: str) -> str:
    """Its configuration, from files and the environment: a line a value."""
    asked = [python, "-m", "pip", "config", "list"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def as_told_to_uv(configuration: str) -> dict[str, str] | None:
    """What pip was told here (an index, certificates, folders of wheels), as uv reads it: it looks
    into no file of pip's. None where it was told what we cannot tell on."""
    told: dict[str, str] = {}
    for line in configuration.splitlines():
        name, _, value = line.partition("=")
        name, words = name.rpartition(".")[2], value.strip("'").replace("\\n", " ").split()
        if name in PIP_ALONE:
            return None
        if name == "find-links":
            words = [w for w in words if "://" in w or Path(w).exists()]
        if name in TOLD_TO_UV and words:
            told[TOLD_TO_UV[name]] = (" " if name == "extra-index-url" else ",").join(words)
    return told


def compile_packages() -> None:
    """Bytecode for what changed, also where Python was told to write none by itself: compiling all
    of it anew takes half a second of every start."""
    run([str(VENV / "bin" / "python"), "-m", "compileall", "-q", *PACKAGES])


# --- System parts ----------------------------------------------------------------------------


def missing_parts() -> list[str]:
    """The Debian packages whose programs, or files, are not found."""
    return sorted(package for name, package in SYSTEM_PARTS.items() if not found(name))


def found(name: str) -> bool:
    """Whether a program is on the path, or a file, named from the root, is there."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SBIN))
    return Path(name).exists() if name.startswith("/") else bool(shutil.which(name, path=path))


def privilege() -> list[str] | None:
    """What to write before `apt-get`, or None when we may not install."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if not sudo:
        return None
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return [sudo, "-n"] if asked.returncode == 0 else None


def install_system_parts() -> None:
    missing = missing_parts()
    if not missing:
        return
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    before = privilege()
    if not shutil.which("apt-get"):
        raise Stop(
            f"the tests run on Debian 12 or newer and miss {', '.join(missing)}; on this system "
            "install what provides them, or run the tests in a Debian container."
        )
    if before is None:
        raise Stop(f"the tests miss system parts; as root run: {command}")
    apt = [*before, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"]
    apt += ["-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"]
    with step("reading the list of system packages"):
        again(3, [*apt, "update"])
    with step(f"installing {', '.join(missing)}"):
        again(3, [*apt, "install", "--no-install-recommends", *missing])
    if left := missing_parts():
        raise Stop(f"{', '.join(left)} did not bring what the tests look for.")


def again(times: int, command: Sequence[str]) -> None:
    """Run, and on failure again: package mirrors hiccup."""
    for attempt in range(1, times + 1):
        try:
            run(command)
        except Stop:
            if attempt == times:
                raise
            say(f"attempt {attempt} of {times} failed; trying again in {5 * attempt} s")
            time.sleep(5 * attempt)
        else:
            return


def main(arguments: Sequence[str]) -> int:
    this_python = "--this-python" in arguments
    purpose = next((a for a in arguments if a != "--this-python"), "tests")
    if purpose not in LOCKS:
        print(f"setup: write {' or '.join(LOCKS)}, not {purpose}", file=sys.stderr)
        return 2
    try:
        if sys.version_info < OLDEST:
            raise Stop(
                f"Python {platform.python_version()} is too old; make PYTHON=python3.11 (or newer)"
            )
        if purpose == "tests":
            install_system_parts()
        install_python_packages(purpose, this_python)
        compile_packages()
    except Stop as problem:
        print(f"setup: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
