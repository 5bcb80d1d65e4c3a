"""A release is made whole, and its signature is checked by minisign itself."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import minisign
import pytest

from scripts.release import signing, wheel
from scripts.release.stop import Stop
from tests.support.deployments import ROOT

PACKAGES = ("civitas", "device_registry", "foundation", "idp", "pki", "policies")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key")
    run("minisign", "-G", "-W", "-p", "key.pub", "-s", "key", cwd=folder)
    return folder / "key"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the work tree, as a commit of a repository of its own."""
    place = tmp_path_factory.mktemp("checkout")
    names = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    for name in (n for n in names if (ROOT / n).is_file()):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes((ROOT / name).read_bytes())
    run("git", "init", "-q", cwd=place)
    run("git", "add", "-A", cwd=place)
    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    run("git", *who, "commit", "-qm", "All of it", cwd=place)
    return place


def a_wheel_is_enough_for_a_deployment(made: Path, folder: Path) -> None:
    """Pages, catalogues and migrations are in it: nothing comes from a checkout (pipx)."""
    with zipfile.ZipFile(made) as packed:
        packed.extractall(folder / "installed")
    run_it = ("import runpy, sys; sys.path.insert(0, 'installed'); sys.argv[0] = 'civitas'; "
              "runpy.run_module('civitas', run_name='__main__')")  # fmt: skip
    for words in ("init --development", "config check --connect", "routes --json"):
        said = run(sys.executable, "-c", run_it, *words.split(), cwd=folder)
    assert {e["file"].split("/")[0] for e in json.loads(said)} <= set(PACKAGES)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_holds_a_reproducible_wheel_its_bill_licences_and_a_signature(checkout, key):
    said = run(sys.executable, "-m", "scripts.release", "--key", key, cwd=checkout)
    assert "6 of 6" in said
    dist = checkout / "dist"
    run("minisign", "-Vm", "SHA256SUMS", "-p", key.with_name("key.pub"), cwd=dist)
    checked = run("sha256sum", "-c", "SHA256SUMS", cwd=dist).splitlines()
    (made,) = dist.glob("*.whl")
    assert sorted(line.partition(":")[0] for line in checked) == sorted(
        p.name for p in dist.iterdir() if not p.name.startswith("SHA256SUMS")
    )
    tracked = run("git", "ls-files", *PACKAGES, cwd=checkout).splitlines()
    assert set(tracked) - set(zipfile.ZipFile(made).namelist()) == set()
    (bill,) = (json.loads(p.read_text()) for p in dist.glob("*.cdx.json"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    components = {c["name"]: c for c in bill["components"]}
    assert {"cryptography", "fastapi", "SQLAlchemy"} <= set(components)
    assert "pip" not in components
    assert all(c["purl"] and c["externalReferences"][-1]["hashes"] for c in components.values())
    a_wheel_is_enough_for_a_deployment(made, checkout.parent / "elsewhere")
    again = wheel.build(checkout, checkout / "build" / "again")
    assert again.read_bytes() == made.read_bytes()


def test_a_checkout_that_was_changed_makes_no_release(checkout):
    stray = checkout / "stray.txt"
    stray.write_text("not committed")
    with pytest.raises(Stop, match=r"stray\.txt"):
        wheel.require_clean(checkout)
    stray.unlink()
    wheel.require_clean(checkout)


def test_minisign_accepts_what_we_signed_and_refuses_it_once_changed(tmp_path, key):
    (tmp_path / "a.whl").write_text("wheel")
    sums = signing.checksums(tmp_path)
    signing.sign(sums, key, "a.whl, made of commit 1")
    verify = ("minisign", "-Vm", "SHA256SUMS", "-p", key.with_name("key.pub"))
    assert "made of commit 1" in run(*verify, cwd=tmp_path)
    sums.write_text(sums.read_text().replace("a.whl", "b.whl"))
    done = subprocess.run(verify, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0


def test_a_key_under_a_password_signs_with_it_only(tmp_path, monkeypatch):
    pair = minisign.KeyPair.generate()
    pair.secret_key.encrypt("correct horse", opslimit=minisign.OPSLIMIT // 64)
    key = tmp_path / "key"
    key.write_bytes(bytes(pair.secret_key))
    file = tmp_path / "SHA256SUMS"
    file.write_text("sums")
    monkeypatch.setenv(signing.PASSWORD, "correct horse")
    signature = minisign.Signature.from_file(signing.sign(file, key, "x"))
    pair.public_key.verify(b"sums", signature)
    monkeypatch.setenv(signing.PASSWORD, "wrong horse")
    with pytest.raises(Stop, match="cannot sign"):
        signing.sign(file, key, "x")
    monkeypatch.delenv(signing.PASSWORD)
    with pytest.raises(Stop, match=signing.PASSWORD):
        signing.sign(file, key, "x")
