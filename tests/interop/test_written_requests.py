"""Requests of other people's programs enrol, or are refused by their own sentence — RFC 2986.

Go's are in `test_est_go`, strongSwan's and OpenSSL's in `test_est_clients`, Bouncy Castle's in
`test_est_bouncy_castle`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from device_registry import Registered
from tests.support.listening import Listening, kept, listening_in, openssl_verifies

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
LIBRARIES = {"mbedtls_request": ("mbedx509", "mbedcrypto"), "wolfssl_request": ("wolfssl",)}
NODES = frozenset({"package.json", "package-lock.json", "request.mjs"})


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening_in(tmp_path_factory.mktemp("listening")) as made:
        yield made


@dataclass(frozen=True)
class Programs:
    """Compiled C, and a folder of npm's with its packages: built once, nothing of them is kept."""

    folder: Path

    def c(self, name: str) -> str:
        program = self.folder / name
        if not program.exists():
            libraries = [f"-l{library}" for library in LIBRARIES[name]]
            source = HERE / "c" / f"{name}.c"
            _must(["gcc", "-Wall", "-Werror", "-o", str(program), str(source), *libraries])
        return str(program)

    def node(self) -> str:
        npm = self.folder / "npm"
        if not npm.exists():
            npm.mkdir()
            for name in NODES:
                shutil.copy(HERE / "npm" / name, npm)
            # By the lock alone: versions and digests stand there.
            _must(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], npm)
        return str(npm / "request.mjs")


def _must(command: list[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("programs"))


# ── who writes, each to `request` in its folder ───────────────────────────────────────────

Writer = Callable[[Listening, Programs, str], None]


def keeps(listening: Listening, request: bytes) -> None:
    (listening.folder / "request").write_bytes(request)


def mbed_tls(listening: Listening, programs: Programs, name: str) -> None:
    keeps(listening, listening.run(programs.c("mbedtls_request"), f"CN={name}"))


def wolfssl(listening: Listening, programs: Programs, name: str) -> None:
    keeps(listening, listening.run(programs.c("wolfssl_request"), name, "0"))


def wolfssl_by_default(listening: Listening, programs: Programs, name: str) -> None:
    keeps(listening, listening.run(programs.c("wolfssl_request"), name))


def node(library: str) -> Writer:
    def write(listening: Listening, programs: Programs, name: str) -> None:
        listening.run("node", programs.node(), library, name, "request")

    return write


def gnutls(listening: Listening, programs: Programs, name: str) -> None:
    (listening.folder / "template").write_text(
        f'cn = "{name}"\nsigning_key\ntls_www_client\nchallenge_password = "password"\n'
    )
    listening.run("certtool", "--generate-privkey", "--key-type", "ecdsa", "--curve", "secp256r1",
                  "--outfile", "gnutls.key")  # fmt: skip
    listening.run("certtool", "--generate-request", "--load-privkey", "gnutls.key",
                  "--template", "template", "--outfile", "request")  # fmt: skip


def keytool(listening: Listening, programs: Programs, name: str) -> None:
    store = ("-alias", name, "-keystore", f"{name}.p12", "-storepass", "changeit")
    listening.run("keytool", "-genkeypair", *store, "-keyalg", "EC", "-groupname", "secp256r1",
                  "-dname", f"CN={name}")  # fmt: skip
    listening.run("keytool", "-certreq", *store, "-file", "request")


def openssl_stock(listening: Listening, programs: Programs, name: str) -> None:
    """With `v3_req` as OpenSSL's own configuration has it."""
    (listening.folder / "stock.cnf").write_text(
        "[req]\ndistinguished_name = dn\n[dn]\n[v3_req]\nbasicConstraints = CA:FALSE\n"
        "keyUsage = nonRepudiation, digitalSignature, keyEncipherment\n"
    )
    listening.run(
        "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "stock.key",
        "-config", "stock.cnf", "-reqexts", "v3_req", "-subj", f"/CN={name}", "-out", "request",
    )  # fmt: skip


def enrols(listening: Listening, registered: Registered) -> tuple[int, str, bytes]:
    """What curl gets for `request`: the status, what is said to be left out, and the body."""
    answer = listening.run(
        "curl", "-sS", "--cacert", "ca.pem", "-D", "head", "-o", "body", "-w", "%{http_code}",
        "-u", f"{registered.device.id}:{registered.token}",
        "-H", "Content-Type: application/pkcs10", "--data-binary", "@request",
        f"{listening.url}/.well-known/est/simpleenroll",
    )  # fmt: skip
    head = (listening.folder / "head").read_text().splitlines()
    said = [line.partition(": ")[2] for line in head if line.lower().startswith("civitas-left-out")]
    return int(answer), "".join(said), (listening.folder / "body").read_bytes()


PASSWORD = "attributes.challengePassword"
STOCK = "keyUsage.content_commitment, keyUsage.key_encipherment"


@pytest.mark.rfc("2986", "4")
@pytest.mark.parametrize(
    ("write", "left_out"),
    [
        (mbed_tls, ""),
        (wolfssl, PASSWORD),
        (node("node-forge"),
         f"{PASSWORD}, attributes.unstructuredName, keyUsage.key_encipherment"),
        (node("pkijs"), ""),
        (gnutls, PASSWORD),
        (keytool, ""),
        (openssl_stock, STOCK),
    ],
    ids=["Mbed TLS", "wolfSSL", "node-forge", "PKI.js", "GnuTLS", "keytool", "v3_req"],
)  # fmt: skip
def test_a_request_of_another_program_enrols(
    listening: Listening, programs: Programs, write: Writer, left_out: str
) -> None:
    registered = listening.city.register()
    write(listening, programs, registered.device.id)
    status, said, body = enrols(listening, registered)
    assert (status, said) == (200, left_out), body
    certificate = kept(listening, body, "device")
    openssl_verifies(listening, "device.pem")
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id


@pytest.mark.rfc("2986", "4.1")
@pytest.mark.parametrize(
    ("write", "where", "sentence"),
    [
        (wolfssl_by_default, "version", "The version is written as 2;"),
        (node("node-forge-as-documented"), "attributes", "not in the order of DER (X.690 §11.6)"),
    ],
    ids=["wolfSSL by default", "node-forge as documented"],
)
def test_a_faulty_request_of_another_program_is_told_its_fault(
    listening: Listening, programs: Programs, write: Writer, where: str, sentence: str
) -> None:
    registered = listening.city.register()
    write(listening, programs, registered.device.id)
    status, _, body = enrols(listening, registered)
    assert status == 400
    assert sentence in body.decode()
    assert f"Where: {where}\n" in body.decode()


HELPER = """#!/bin/sh
# certmonger's way to speak to an authority: what to do, and the request, are in the environment.
cd {folder}
[ "$CERTMONGER_OPERATION" = SUBMIT ] || exit 6
printf '%s' "$CERTMONGER_CSR" > request
curl -sS --fail-with-body --cacert ca.pem -u '{id}:{token}' -D head \\
  -H 'Content-Type: application/pkcs10' --data-binary @request \\
  {url}/.well-known/est/simpleenroll > answer || {{ cat answer; exit 2; }}
base64 -d answer | openssl pkcs7 -inform DER -print_certs
"""
ASKING = """#!/bin/sh
getcert add-ca -c EST -e {folder}/helper
getcert request -c EST -G EC -g 256 -k {folder}/monger.key -f {folder}/monger.pem \\
  -N CN={id} -I EST -w
"""


@pytest.mark.rfc("2986", "4")
def test_certmonger_enrols_with_its_own_request(listening: Listening) -> None:
    registered = listening.city.register()
    about = {"id": registered.device.id, "token": registered.token, "url": listening.url}
    for name, template in (("helper", HELPER), ("asking", ASKING)):
        program = listening.folder / name
        program.write_text(template.format(folder=listening.folder, **about))
        program.chmod(0o755)
    said = subprocess.run(
        ["/usr/lib/certmonger/certmonger-session", "-L", "-n", "-c", listening.folder / "asking"],
        env={**os.environ, "HOME": str(listening.folder)}, timeout=60,
        cwd=listening.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    openssl_verifies(listening, "monger.pem")
    certificate = x509.load_pem_x509_certificate((listening.folder / "monger.pem").read_bytes())
    device = listening.city.devices.authenticate(certificate, listening.city.now)
    assert device.id == registered.device.id
    left_out = "civitas-left-out: attributes.friendlyname, subjectkeyidentifier\n"
    assert left_out in (listening.folder / "head").read_text().lower()
