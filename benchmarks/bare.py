"""The bare equivalents: the same server, storage and cryptography, with no product around them.

`python -m benchmarks.bare PORT DATABASE_URL [SCHEMA]` answers:
POST /token       one read, one ES256 signature: a client-credential grant, which consumes nothing
POST /introspect  one read for the caller, one ES256 verification, one read for revocations
POST /sign-in     one Argon2id verification, one read, one durable write
POST /certificate parse and check a CSR, write, sign a P-256 certificate, write
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import jwt
import uvicorn
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select, update
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foundation.database import Database

CLIENT, SECRET, PASSWORD = "client", "secret", "correct horse battery"
metadata = MetaData()
clients = Table(
    "bare_clients",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("secret", LargeBinary),
    Column("password", String(200)),
)
rows = Table(
    "bare_rows",
    metadata,
    Column("id", LargeBinary, primary_key=True),
    Column("value", LargeBinary),
)

Answer = Callable[[dict[str, str]], Response]


class Bare:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._key.public_key()
        # The parameters that Civitas has by default: 19 MiB, two passes, one lane.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bare")])
        metadata.create_all(database.engine)
        with database.write() as uow:
            digest = hashlib.sha256(SECRET.encode()).digest()
            password = self._hasher.hash(PASSWORD)
            uow.execute(insert(clients).values(id=CLIENT, secret=digest, password=password))

    def _client(self, name: str) -> tuple[bytes, str]:
        with self._database.read() as uow:
            row = uow.one(select(clients.c.secret, clients.c.password).where(clients.c.id == name))
        assert row is not None
        return row.secret, row.password

    def _keep(self, key: bytes, value: bytes) -> None:
        with self._database.write() as uow:
            uow.execute(insert(rows).values(id=key, value=value))

    def _authenticate(self, form: dict[str, str]) -> None:
        secret, _ = self._client(form["client_id"])
        given = hashlib.sha256(form["client_secret"].encode()).digest()
        assert hmac.compare_digest(secret, given)

    def token(self, form: dict[str, str]) -> Response:
        self._authenticate(form)
        now = int(time.time())
        value = secrets.token_urlsafe(16)
        claims = {"iss": "bare", "sub": CLIENT, "iat": now, "exp": now + 300, "jti": value}
        token = jwt.encode(claims, self._key, "ES256")
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def introspect(self, form: dict[str, str]) -> Response:
        self._authenticate(form)
        claims = jwt.decode(form["token"], self._public, ["ES256"])
        key = hashlib.sha256(claims["jti"].encode()).digest()
        with self._database.read() as uow:
            row = uow.one(select(rows.c.id).where(rows.c.id == key))
        return JSONResponse({"active": row is None, **claims})

    def sign_in(self, form: dict[str, str]) -> Response:
        _, password = self._client(form["name"])
        self._hasher.verify(password, form["password"])
        self._keep(secrets.token_bytes(32), b"session")
        return Response(status_code=303, headers={"location": "/"})

    def certificate(self, form: dict[str, str]) -> Response:
        request = x509.load_pem_x509_csr(form["csr"].encode())
        assert request.is_signature_valid
        serial = x509.random_serial_number()
        key = serial.to_bytes(20, "big")
        self._keep(key, b"")
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(self._issuer)
            .public_key(request.public_key())
            .serial_number(serial)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=90))
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .sign(self._key, SHA256())
            .public_bytes(Encoding.DER)
        )
        with self._database.write() as uow:
            uow.execute(update(rows).where(rows.c.id == key).values(value=made))
        return Response(made, media_type="application/pkix-cert")

    def app(self) -> Starlette:
        answers = (self.token, self.introspect, self.sign_in, self.certificate)
        return Starlette(
            routes=[
                Route(f"/{answer.__name__.replace('_', '-')}", _endpoint(answer), methods=["POST"])
                for answer in answers
            ]
        )


def _endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode())
        form = {name: values[0] for name, values in fields.items()}
        return await run_in_threadpool(answer, form)

    return endpoint


def main(port: int, url: str, schema: str | None = None) -> None:
    app = Bare(Database(url, schema)).app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4])
