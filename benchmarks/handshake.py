"""What a TLS handshake costs the server, in processor time: ours beside uvicorn's own.

`python -m benchmarks.handshake` prints a line for each way to connect: TLS 1.3, with a client's
certificate, resumed, TLS 1.2, and a request on a connection that is open. Processor time is that of
the server's process, so a busy machine matters little.
"""

from __future__ import annotations

import resource
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from civitas.connection import Connection
from civitas.server import spoken
from civitas.tls import CIPHERS, TlsListener

TIMES = 1000
_REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def _app(scope: object, receive: object, send: Callable[..., object]) -> None:
    """Says what its process has used up so far, in microseconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    said = f"{round((used.ru_utime + used.ru_stime) * 1e6):020}".encode()
    headers = [(b"content-length", b"20")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[misc]
    await send({"type": "http.response.body", "body": said})  # type: ignore[misc]


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(written)


def _serve(way: str, folder: Path) -> None:
    files = folder / "cert.pem", folder / "key.pem"
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    shared = {"lifespan": "off", "log_level": "error", "access_log": False}
    if way == "ours":
        config = uvicorn.Config(_app, http=spoken(TlsListener(*files)), **shared)  # type: ignore[arg-type]
    else:
        config = uvicorn.Config(
            _app,
            http=Connection,
            ssl_certfile=files[0],
            ssl_keyfile=files[1],
            ssl_ca_certs=str(files[0]),
            ssl_cert_reqs=ssl.CERT_OPTIONAL,
            ssl_ciphers=CIPHERS.decode(),
            **shared,  # type: ignore[arg-type]
        )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _server(way: str, folder: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.handshake", way, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(20)


def _context(folder: Path, newest: ssl.TLSVersion, certificate: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    context.check_hostname = False
    context.maximum_version = newest
    if certificate:
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def _connected(
    port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    return context.wrap_socket(plain, session=session)


def _asked(stream: ssl.SSLSocket) -> int:
    stream.sendall(_REQUEST)
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < 20:
        answer += stream.recv(4096)
    return int(answer[-20:])


def _handshakes(port: int, context: ssl.SSLContext, resumed: bool = False) -> float:
    """Microseconds of the server for a connection that is opened, asks once, and is closed."""
    with _connected(port, context) as first:
        before = after = _asked(first)
        session = first.session
    for _ in range(TIMES):
        with _connected(port, context, session if resumed else None) as stream:
            after = _asked(stream)
            assert stream.session_reused == resumed
    return (after - before) / TIMES


def _requests(port: int, context: ssl.SSLContext) -> float:
    with _connected(port, context) as stream:
        before = after = _asked(stream)
        for _ in range(TIMES * 3):
            after = _asked(stream)
    return (after - before) / (TIMES * 3)


def main() -> None:
    new, old = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        _certificate(folder)
        ways: dict[str, Callable[[int], float]] = {
            "TLS 1.3": lambda port: _handshakes(port, _context(folder, new, False)),
            "TLS 1.3, certificate": lambda port: _handshakes(port, _context(folder, new, True)),
            "TLS 1.3, resumed": lambda port: _handshakes(port, _context(folder, new, False), True),
            "TLS 1.2": lambda port: _handshakes(port, _context(folder, old, False)),
            "request": lambda port: _requests(port, _context(folder, new, False)),
        }
        with _server("ours", folder) as ours, _server("uvicorn", folder) as bare:
            print(f"{'µs of the server':22} {'ours':>8} {'uvicorn':>8}")
            for name, way in ways.items():
                print(f"{name:22} {way(ours):8.0f} {way(bare):8.0f}")


if __name__ == "__main__":
    _serve(sys.argv[1], Path(sys.argv[2])) if len(sys.argv) > 1 else main()
