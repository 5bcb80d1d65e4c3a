"""smallstep step-ca beside us: a Go program, built on first use from its locked modules.

It signs with the same kind of keys (a P-256 root and issuing authority), keeps its certificates
where we keep ours (PostgreSQL; beside SQLite its own embedded store, Badger, which waits for the
disk too), and admits each request by a one-time token of its own (JWK provisioner), which it
verifies and uses up, as we do with ours. Renewals with a new key go to `/rekey` over mutual TLS.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateSchema, DropSchema

from benchmarks import kinds, servers
from benchmarks.certificates import Holder, name_of, tls
from benchmarks.kinds import Work
from benchmarks.load import Lane, Request, lanes
from benchmarks.servers import ROOT, Measured, Missing
from benchmarks.subjects import CONNECTIONS
from civitas.tour.deployments import free_port
from foundation import algorithms
from foundation.signing_keys import thumbprint

MODULE = ROOT / "benchmarks" / "step"
PROGRAM = MODULE / "build" / "step-ca"
JSON = {"Content-Type": "application/json"}


class StepCa:
    """The running program, and what it can do of ours."""

    name = "step-ca"
    puts_off = 0.0
    warm_up = 0

    def __init__(self, process: Measured, folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self.process = process
        self._folder = folder
        self._key = key
        self._kid = thumbprint(key.public_key())
        self._anchors = folder / "root.pem"
        self._devices: list[tuple[Holder, ssl.SSLContext]] = []

    @property
    def offers(self) -> Mapping[str, Callable[[int], Work]]:
        return {
            kinds.ENROLMENTS: self._enrolments,
            kinds.FRESH_ENROLMENTS: lambda n: self._enrolments(n, fresh=True),
            kinds.ISSUANCES: self._issuances,
        }

    def _enrolments(self, count: int, *, fresh: bool = False) -> Work:
        requests = [self._sign(Holder.make(f"dev-{secrets.token_hex(8)}")) for _ in range(count)]
        return Work(
            self.process.port, lanes(CONNECTIONS, requests, tls(self._anchors), fresh=fresh)
        )

    def _sign(self, holder: Holder) -> Request:
        body = {"csr": _pem(holder.request()), "ott": self._token(holder.name)}
        return Request("POST", "/1.0/sign", json.dumps(body).encode(), JSON, 201)

    def _token(self, name: str) -> str:
        """A one-time token for this name, as its provisioner gives one out."""
        now = int(time.time())
        claims = {
            "iss": "bench", "aud": f"https://localhost:{self.process.port}/1.0/sign",
            "sub": name, "sans": [name], "jti": secrets.token_hex(16),
            "iat": now, "nbf": now, "exp": now + 290,
        }  # fmt: skip
        return jwt.encode(claims, self._key, "ES256", {"kid": self._kid})

    def _issuances(self, count: int) -> Work:
        if not self._devices:
            self._devices = [self._device(n) for n in range(CONNECTIONS)]
        each = count // len(self._devices)
        return Work(
            self.process.port,
            [
                Lane(
                    [Request("POST", "/1.0/rekey", _rekey(holder), JSON, 201) for _ in range(each)],
                    context,
                )
                for holder, context in self._devices
            ],
        )

    def _device(self, number: int) -> tuple[Holder, ssl.SSLContext]:
        holder = Holder.make(f"dev-kept-{number}-{secrets.token_hex(4)}")
        asked = self._sign(holder)
        answer = httpx.post(
            f"https://localhost:{self.process.port}{asked.path}",
            content=asked.body, headers=JSON, verify=tls(self._anchors),
        ).raise_for_status().json()  # fmt: skip
        path = self._folder / f"{holder.name}.pem"
        key = holder.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + answer["crt"].encode() + answer["ca"].encode())
        context = tls(self._anchors)
        context.load_cert_chain(path)
        return holder, context


@contextmanager
def step_ca_running(folder: Path, database: str | None = None) -> Iterator[StepCa]:
    """`database`: the URL of a PostgreSQL, where it gets a schema of its own for this run.

    Raises servers.Missing where there is no Go, or its modules cannot be had.
    """
    program = _built()
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    port = free_port()
    with _store(folder, database) as store:
        _configure(folder, port, key, store)
        command = [str(program), str(folder / "ca.json")]
        with servers.started(command, port, folder / "log") as process:
            time.sleep(1.1)  # it refuses tokens of the second in which it started
            yield StepCa(process, folder, key)


@contextmanager
def _store(folder: Path, database: str | None) -> Iterator[Mapping[str, str]]:
    """What its configuration says under `db`."""
    if database is None:
        yield {"type": "badgerv2", "dataSource": str(folder / "db")}
        return
    url = make_url(database)
    engine = create_engine(url)
    schema = f"step_ca_{secrets.token_hex(4)}"
    with engine.begin() as connection:
        connection.execute(CreateSchema(schema))
    place = {**url.translate_connect_args(database="dbname", username="user"), **url.query}
    source = " ".join(f"{name}='{value}'" for name, value in place.items())
    try:
        yield {"type": "postgresql", "dataSource": f"{source} search_path={schema}"}
    finally:
        with engine.begin() as connection:
            connection.execute(DropSchema(schema, cascade=True))
        engine.dispose()


def _built() -> Path:
    if PROGRAM.exists():
        return PROGRAM
    go = shutil.which("go")
    if go is None:
        raise Missing("step-ca is left out: it needs Go (https://go.dev/doc/install).")
    done = subprocess.run(
        [go, "build", "-o", str(PROGRAM), "github.com/smallstep/certificates/cmd/step-ca"],
        cwd=MODULE,
        env={**os.environ, "CGO_ENABLED": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise Missing(f"step-ca is left out: `go build` said {done.stderr.strip()[-200:]!r}.")
    return PROGRAM


def _configure(
    folder: Path, port: int, key: ec.EllipticCurvePrivateKey, store: Mapping[str, str]
) -> None:
    """A root, an issuing authority below it, and one provisioner."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _authority("bench root", root_key, "bench root", root_key, 1, now)
    issuing = _authority("bench issuing", issuing_key, "bench root", root_key, 0, now)
    (folder / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "issuing.pem").write_bytes(issuing.public_bytes(Encoding.PEM))
    (folder / "issuing.key").write_bytes(
        issuing_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    public = {**algorithms.jwk(key.public_key()), "use": "sig", "alg": "ES256",
              "kid": thumbprint(key.public_key())}  # fmt: skip
    lasts = {"maxTLSCertDuration": "2160h", "defaultTLSCertDuration": "2160h"}
    document = {
        "root": str(folder / "root.pem"),
        "crt": str(folder / "issuing.pem"),
        "key": str(folder / "issuing.key"),
        "address": f"127.0.0.1:{port}",
        "dnsNames": ["localhost", "127.0.0.1"],
        "logger": {"format": "json"},
        "db": store,
        "authority": {
            "provisioners": [{"type": "JWK", "name": "bench", "key": public, "claims": lasts}],
        },
    }
    (folder / "ca.json").write_text(json.dumps(document))


def _authority(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    path_length: int,
    now: datetime,
) -> x509.Certificate:
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(name_of(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=400))
        .add_extension(x509.BasicConstraints(True, path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False
        )
        .sign(issuer_key, SHA256())
    )


def _rekey(holder: Holder) -> bytes:
    return json.dumps({"csr": _pem(holder.next_request())}).encode()


def _pem(request: bytes) -> str:
    der = base64.b64decode(request)
    return x509.load_der_x509_csr(der).public_bytes(Encoding.PEM).decode()
