"""The bare equivalents: the same server, storage and cryptography, with no product around them.

`python -m benchmarks.bare PORT TLS_PORT FOLDER DATABASE_URL [SCHEMA]` answers, each with as many
durable writes and signatures as the product's own answer:

POST /token       a client-credential grant: one read, one ES256 signature
POST /introspect  one read for the caller, one ES256 verification, one read for revocations
POST /sign_in     a write that counts the attempt, one read, one Argon2id, a write of the session
POST /hash        one Argon2id, as many at once as there are processors: the hash alone
GET  /authorize   a read for the session, one for the client, a write of the code
POST /redeem      two reads, a write that uses the code up and notes it, two ES256 signatures
POST /evaluate    one ES256 verification, two reads, a write that notes the question
POST /enrol       over TLS: a read for the token, parse and check the CSR, a write of the serial,
                  sign, a write of the certificate, certs-only PKCS #7
POST /ocsp        parse the request, one read, an answer signed by the authority's key
POST /renew       the same with the caller's certificate, over mutual TLS, in the token's place
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import uvicorn
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp
from sqlalchemy import Column, LargeBinary, MetaData, String, Table, insert, select, update
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.certificates import Authority
from civitas.server import spoken
from civitas.tls import TlsListener
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

Answer = Callable[["Call"], Response]


class Call:
    """What an answer needs of a request: fields, body, the caller's certificate (DER)."""

    def __init__(self, request: Request, body: bytes) -> None:
        self.body = body
        self.headers: Mapping[str, str] = request.headers
        self.certificate: bytes | None = (
            request.scope.get("extensions", {}).get("tls", {}).get("client_cert_der")
        )
        text = request.url.query or body.decode("ascii", "replace")
        self.form = {name: values[0] for name, values in parse_qs(text).items()}


class Bare:
    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._key.public_key()
        # The parameters that Civitas has by default: 19 MiB, two passes, one lane.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._hashing = threading.Semaphore(os.cpu_count() or 1)
        metadata.create_all(database.engine)
        with database.write() as uow:
            digest = hashlib.sha256(SECRET.encode()).digest()
            self._hashed = password = self._hasher.hash(PASSWORD)
            uow.execute(insert(clients).values(id=CLIENT, secret=digest, password=password))
            uow.execute(insert(rows).values(id=b"session", value=b""))
            uow.execute(insert(rows).values(id=b"token", value=b""))

    def _client(self, name: str) -> tuple[bytes, str]:
        with self._database.read() as uow:
            row = uow.one(select(clients.c.secret, clients.c.password).where(clients.c.id == name))
        assert row is not None
        return row.secret, row.password

    def _value(self, key: bytes) -> bytes | None:
        with self._database.read() as uow:
            row = uow.one(select(rows.c.value).where(rows.c.id == key))
        return None if row is None else row.value

    def _keep(self, key: bytes, value: bytes) -> None:
        with self._database.write() as uow:
            uow.execute(insert(rows).values(id=key, value=value))

    def _authenticate(self, form: Mapping[str, str]) -> None:
        secret, _ = self._client(form["client_id"])
        given = hashlib.sha256(form["client_secret"].encode()).digest()
        assert hmac.compare_digest(secret, given)

    def _jwt(self, **more: str) -> str:
        now = int(time.time())
        claims = {"iss": "bare", "sub": CLIENT, "iat": now, "exp": now + 36_000, **more}
        return jwt.encode(
            {**claims, "jti": secrets.token_urlsafe(16)}, self._key, algorithm="ES256"
        )

    def token(self, call: Call) -> Response:
        self._authenticate(call.form)
        body = {"access_token": self._jwt(), "token_type": "Bearer", "expires_in": 300}
        return JSONResponse(body)

    def introspect(self, call: Call) -> Response:
        self._authenticate(call.form)
        claims = self._verified(call.form["token"])
        revoked = self._value(hashlib.sha256(claims["jti"].encode()).digest())
        return JSONResponse({"active": revoked is None, **claims})

    def _verified(self, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(token, self._public, ["ES256"])
        return claims

    def sign_in(self, call: Call) -> Response:
        self._keep(secrets.token_bytes(32), b"attempt")
        _, password = self._client(call.form["name"])
        self._hasher.verify(password, call.form["password"])
        self._keep(secrets.token_bytes(32), b"session")
        return Response(status_code=303, headers={"location": "/"})

    def hash(self, call: Call) -> Response:
        with self._hashing:
            self._hasher.verify(self._hashed, call.form["password"])
        return Response(status_code=303, headers={"location": "/"})

    def authorize(self, call: Call) -> Response:
        assert self._value(b"session") is not None
        self._client(call.form["client_id"])
        code = secrets.token_urlsafe()
        self._keep(hashlib.sha256(code.encode()).digest(), call.form["code_challenge"].encode())
        return Response(status_code=303, headers={"location": f"/callback?code={code}"})

    def redeem(self, call: Call) -> Response:
        self._authenticate(call.form)
        key = hashlib.sha256(call.form["code"].encode()).digest()
        challenge = self._value(key)
        verifier = hashlib.sha256(call.form["code_verifier"].encode()).digest()
        assert challenge == base64.urlsafe_b64encode(verifier).rstrip(b"=")
        with self._database.write() as uow:
            unused = (rows.c.id == key) & (rows.c.value == challenge)
            assert uow.changed(update(rows).where(unused).values(value=b"used")) == 1
            uow.execute(insert(rows).values(id=secrets.token_bytes(32), value=b"signed in"))
        return JSONResponse({"access_token": self._jwt(), "id_token": self._jwt(nonce="n")})

    def evaluate(self, call: Call) -> Response:
        self._verified(call.headers["authorization"].removeprefix("Bearer "))
        self._value(b"revoked")
        decision = self._value(b"session") is not None
        self._keep(secrets.token_bytes(32), b"asked")
        return JSONResponse({"decision": decision})

    def enrol(self, call: Call) -> Response:
        assert self._value(b"token") is not None
        return self._certificate(call.body)

    def ocsp(self, call: Call) -> Response:
        asked = ocsp.load_der_ocsp_request(call.body)
        known = self._value(asked.serial_number.to_bytes(20, "big"))
        now = datetime.now(UTC)
        answer = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                asked.issuer_name_hash,
                asked.issuer_key_hash,
                asked.serial_number,
                asked.hash_algorithm,
                ocsp.OCSPCertStatus.GOOD if known is None else ocsp.OCSPCertStatus.REVOKED,
                now,
                now + timedelta(hours=1),
                None if known is None else now,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, self._authority.certificate)
            .sign(self._authority.key, SHA256())
        )
        der = answer.public_bytes(Encoding.DER)
        return Response(der, media_type="application/ocsp-response")

    def renew(self, call: Call) -> Response:
        assert call.certificate is not None
        known = hashlib.sha256(call.certificate).digest()
        assert self._value(known) is not None
        return self._certificate(call.body)

    def _certificate(self, body: bytes) -> Response:
        request = x509.load_der_x509_csr(base64.b64decode(body))
        assert request.is_signature_valid
        serial = x509.random_serial_number()
        self._keep(serial.to_bytes(20, "big"), b"")
        now = datetime.now(UTC)
        issued = self._authority.issue(
            request.subject, request.public_key(), serial, now, now + timedelta(days=90)
        )
        der = issued.public_bytes(Encoding.DER)
        with self._database.write() as uow:
            at = rows.c.id == serial.to_bytes(20, "big")
            # Found again by its thumbprint, when its holder renews.
            uow.execute(update(rows).where(at).values(id=issued.fingerprint(SHA256()), value=der))
        answer = pkcs7.serialize_certificates([issued], Encoding.DER)
        return Response(base64.b64encode(answer), media_type="application/pkcs7-mime")

    def app(self) -> Starlette:
        posts = (self.token, self.introspect, self.sign_in, self.hash, self.redeem, self.evaluate)
        answers = (*posts, self.enrol, self.renew, self.ocsp)
        routes = [Route(f"/{a.__name__}", _endpoint(a), methods=["POST"]) for a in answers]
        return Starlette(routes=[*routes, Route("/authorize", _endpoint(self.authorize))])


def _endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, Call(request, await request.body()))

    return endpoint


async def _serve(app: Starlette, ports: tuple[int, int], folder: Path) -> None:
    listener = TlsListener(folder / "server.pem", folder / "server.key")
    servers = [
        uvicorn.Server(
            uvicorn.Config(
                app,
                port=port,
                http=spoken(tls),  # type: ignore[arg-type]
                log_level="warning",
                access_log=False,
            )
        )
        for port, tls in zip(ports, (None, listener), strict=True)
    ]
    await asyncio.gather(*(server.serve() for server in servers))


def main(ports: tuple[int, int], folder: Path, url: str, schema: str | None = None) -> None:
    import uvloop

    app = Bare(Database(url, schema), Authority.load(folder)).app()
    uvloop.run(_serve(app, ports, folder))


if __name__ == "__main__":
    main((int(sys.argv[1]), int(sys.argv[2])), Path(sys.argv[3]), *sys.argv[4:6])
