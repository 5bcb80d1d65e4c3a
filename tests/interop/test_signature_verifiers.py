"""The EU's DSS, Estonia's digidoc4j, OpenSSL: our signatures before other people's code.

They trust our root alone, accept what is ours, refuse the spoiled. Both libraries come by Maven,
once; each looks at all files in one run.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from documents.signing import SigningSettings, container
from foundation.clock import FrozenClock, SystemClock
from pki import TimeStampSettings
from tests.interop.conftest import JAVA, by_maven
from tests.protocol.asic.test_hostile import DECEPTIONS
from tests.protocol.csc.test_pdf import signed_pdf
from tests.protocol.csc.test_pdf_attacks import ATTACKS
from tests.support import deployments
from tests.support.city import Visitor
from tests.support.pdfs import pdf
from tests.support.signing import (
    DOCUMENT,
    FILES,
    NAME,
    SigningCity,
    for_later,
    in_container,
    of_files,
    openssl_cms,
    sign,
)

pytestmark = [pytest.mark.slow(minutes=2)]
LEVELS = ("Ades-B-B", "Ades-B-T")
BOTH_REFUSE = (
    "a changed file",
    "a file less",
    "a file with its hash in the signature",
    "wrapping",
    "a hash of another length",
    "an empty signature",
    "another time",
)
"""What no validator may accept; the rest is for ours to be stricter than others."""


@pytest.fixture
def clock() -> FrozenClock:
    """Real time: what these verifiers go by."""
    return FrozenClock(SystemClock().now())


@pytest.fixture
def city(tmp_path: Path, clock: FrozenClock) -> Iterator[SigningCity]:
    sections = TimeStampSettings(clock="operator"), SigningSettings(least_level=2)
    made = SigningCity(deployments.settings_in(tmp_path, *sections), clock)
    yield made
    made.close()


@pytest.fixture
def citizen(city: SigningCity) -> Visitor:
    return city.citizen(city.persons[0], NAME)


@pytest.fixture
def folder(city: SigningCity, tmp_path: Path) -> Path:
    """With what the verifiers know: root, lists, files that signatures stand beside."""
    made = tmp_path / "files"
    for name in ("lists", "beside"):
        (made / name).mkdir(parents=True)
    for name, content in FILES.items():
        (made / "beside" / name).write_bytes(content)
    (pem,) = x509.load_pem_x509_certificates(city.root(tmp_path).read_bytes())
    (made / "root.cer").write_bytes(pem.public_bytes(Encoding.DER))
    return made


def lists(city: SigningCity, folder: Path) -> None:
    authority = city.deployment.parts["pki"]
    for name in ("people", "services", "root"):
        (folder / "lists" / name).write_bytes(authority.crl(name, city.clock.now()))


def asked(jars: str, program: str, folder: Path, *arguments: str) -> dict[str, str]:
    """What a verifier says of each file."""
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-Dsun.jnu.encoding=UTF-8", "-Dstdout.encoding=UTF-8",
         "-Dfile.encoding=UTF-8", "-cp", jars, str(JAVA / program), str(folder), *arguments],
        capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (line.partition(" | ") for line in done.stdout.splitlines())
    return {name: said for name, _, said in lines if said}


def written(folder: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return tuple(files)


@pytest.mark.rfc("319162", "4.4")
def test_the_eus_dss_accepts_ours_and_refuses_the_spoiled(
    city: SigningCity, citizen: Visitor, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    jars = by_maven(JAVA / "dss" / "pom.xml", tmp_path_factory.mktemp("dss"))
    good: dict[str, bytes] = {}
    for form in ("asic-xades", "asic-cades"):
        for level in LEVELS:
            inner = in_container(city, citizen, form, level)
            good[f"{form} {level}.asice"] = container(FILES, inner)
    inner = in_container(city, citizen, "asic-xades", "Ades-B-LT")
    good["asic-xades Ades-B-LT.asice"] = container(FILES, inner)
    second = in_container(city, citizen, signatures_before=1)
    good["two asic-xades.asice"] = container(FILES, {**inner, **second})
    for level in LEVELS:
        sent = city.service.ask(**of_files(form="jades", conformance_level=level))
        sign(citizen, f"/sign/{sent['transaction']}")
        good[f"jades {level}.json"] = city.service.signature(sent["transaction"])
        good[f"pades {level}.pdf"] = signed_pdf(city, citizen, level)
    for level in ("Ades-B-LT", "Ades-B-LTA"):
        good[f"pades {level}.pdf"] = for_later(city, citizen, pdf(), level)
    files = {**FILES, **in_container(city, citizen)}
    bad = {f"bad {what}.asice": DECEPTIONS[what][1](files) for what in BOTH_REFUSE}
    bad |= {
        f"bad {number}.pdf": ATTACKS[what](good["pades Ades-B-B.pdf"])
        for number, what in enumerate(("SWA: the range written over", "USF: no range"))
    }
    lists(city, folder)
    at = str(int(city.clock.now().timestamp()) + 60)
    told = asked(jars, "dss/Dss.java", folder, at, *written(folder, {**good, **bad}))
    name = city.signing.parties.name_of(citizen.id)
    for file in good:
        assert told[file].startswith("TOTAL_PASSED"), (file, told[file])
        assert name in told[file]
        if not file.startswith("two"):
            level = file.rpartition("Ades-B-")[2].partition(".")[0]
            assert f"BASELINE-{level}" in told[file], (file, told[file])
    assert told["two asic-xades.asice"].count("TOTAL_PASSED") == 2
    for file in bad:
        assert "TOTAL_PASSED" not in told.get(file, ""), (file, told[file])


def test_digidoc4j_opens_our_containers_and_refuses_the_spoiled(
    city: SigningCity, citizen: Visitor, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    jars = by_maven(JAVA / "digidoc" / "pom.xml", tmp_path_factory.mktemp("digidoc"))
    now, parts = city.clock.now(), city.deployment.parts["pki"]
    stamps = parts._stamp_signer.key(now).certificate
    (folder / "stamps.cer").write_bytes(stamps)
    files = {**FILES, **in_container(city, citizen, "asic-xades", "Ades-B-LT")}
    second = in_container(city, citizen, "asic-xades", "Ades-B-LT", signatures_before=1)
    good = {"one.asice": container(files, {}), "two.asice": container(files, second)}
    bad = {f"bad {what}.asice": DECEPTIONS[what][1](files) for what in BOTH_REFUSE}
    told = asked(jars, "digidoc/Digidoc.java", folder, *written(folder, {**good, **bad}))
    assert told["one.asice"] == f"VALID files={len(FILES)} LT"
    assert told["two.asice"] == f"VALID files={len(FILES)} LT LT"
    for file in bad:
        assert told[file].startswith(("INVALID", "REFUSED")), (file, told[file])


def test_openssl_accepts_what_signs_a_manifest_and_its_time_stamp(
    city: SigningCity, citizen: Visitor, tmp_path: Path
) -> None:
    inner = in_container(city, citizen, "asic-cades")
    manifest, signature = inner["META-INF/ASiCManifest0.xml"], inner["META-INF/signature0.p7s"]
    root, at = city.root(tmp_path), int(city.clock.now().timestamp())
    good = openssl_cms(tmp_path, root, signature, manifest, at)
    assert good.returncode == 0, good.stderr
    assert openssl_cms(tmp_path, root, signature, manifest + b" ", at).returncode != 0
    token = city.signing.authority.time_stamping.stamp_over(DOCUMENT)
    (tmp_path / "token").write_bytes(token)
    for document, accepted in ((DOCUMENT, True), (DOCUMENT + b" ", False)):
        (tmp_path / "document").write_bytes(document)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-data", "document", "-in", "token", "-token_in",
             "-CAfile", str(root)],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == accepted, done.stderr
