"""The listeners: plain, TLS with an optional client certificate, Unix socket."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from civitas.tls import TlsListener
from tests.support.deployments import START, free_port

APP = """
    import sys
    from pathlib import Path
    from civitas.server import serve
    from foundation.limits import Limits
    from foundation.settings import Development, Server, Settings

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        der = scope["extensions"]["tls"]["client_cert_der"]
        said = f"{scope['scheme']} {scope['client'] is not None} {len(der) if der else 0}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})

    folder, plain, tls = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    server = Server(listen=f"127.0.0.1:{plain}", tls_listen=f"127.0.0.1:{tls}",
                    unix_socket="app.sock", tls_certificate="cert.pem", tls_key="key.pem")
    limits = Limits(connections=16, head_seconds=0.5)
    settings = Settings(folder / "civitas.toml", {}).with_sections(server, limits)
    serve(app, settings, lambda: print("ready", flush=True))
"""


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START - timedelta(days=900))
        .not_valid_after(START + timedelta(days=9000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Listening:
    def __init__(self, folder: Path, plain: int, tls: int) -> None:
        self.folder, self.plain, self.tls = folder, plain, tls

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    certificate(tmp_path)
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    plain, tls = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "app.py"), str(tmp_path), str(plain), str(tls)],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield Listening(tmp_path, plain, tls)
    process.terminate()
    assert process.wait(20) == 0


def test_one_application_answers_on_three_listeners(listening: Listening) -> None:
    plain = httpx.get(f"http://127.0.0.1:{listening.plain}/")
    assert plain.text == "http True 0"
    secure = httpx.get(f"https://localhost:{listening.tls}/", verify=listening.trusting())
    assert secure.text == "https True 0"
    transport = httpx.HTTPTransport(uds=str(listening.folder / "app.sock"))
    with httpx.Client(transport=transport) as client:
        assert client.get("http://proxy/").text == "http False 0"
    assert (listening.folder / "app.sock").stat().st_mode & 0o777 == 0o660


@pytest.mark.rfc("8705", "2")
def test_a_client_certificate_reaches_the_application(listening: Listening) -> None:
    context = listening.trusting()
    context.load_cert_chain(listening.folder / "cert.pem", listening.folder / "key.pem")
    answer = httpx.get(f"https://localhost:{listening.tls}/", verify=context)
    scheme, _, size = answer.text.split()
    assert scheme == "https"
    assert int(size) > 200


@pytest.mark.row("failures", "15")
def test_a_head_that_never_ends_is_cut_off(listening: Listening) -> None:
    with socket.create_connection(("127.0.0.1", listening.plain), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        with pytest.raises(ConnectionError):
            connection.sendall(b"a" * 65_536 * 256)
        with suppress(ConnectionError):
            assert connection.recv(1000).startswith(b"HTTP/1.1 431 ")
            assert connection.recv(1000) == b""


@pytest.mark.row("failures", "15")
@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc", b"\x16\x03\x01"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_a_head_or_a_handshake_that_never_comes_ends(
    listening: Listening, sent: bytes, secure: bool
) -> None:
    port = listening.tls if secure else listening.plain
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        with suppress(ConnectionError):
            while connection.recv(1000):  # a timeout of this would fail the test
                pass


@pytest.mark.row("failures", "15")
def test_when_all_connections_are_taken_by_half_requests_a_whole_one_still_comes_in(
    listening: Listening,
) -> None:
    half = [socket.create_connection(("127.0.0.1", listening.plain), timeout=20) for _ in range(60)]
    for number, connection in enumerate(half):
        with suppress(ConnectionError):
            body = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
            connection.sendall(body if number % 2 else b"GET / HT")
    assert httpx.get(f"http://127.0.0.1:{listening.plain}/").text == "http True 0"
    for connection in half:
        connection.close()


def test_a_whole_head_after_a_large_body_on_one_connection_is_read(listening: Listening) -> None:
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
    follows = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", listening.plain), timeout=20) as connection:
        connection.sendall(request + b"a" * 300_000 + follows)
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answers.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.row("assurance", "AU-7")
@pytest.mark.row("devices", "5.5")
def test_what_is_captured_stays_closed_to_who_gets_the_servers_key_later(tmp_path: Path) -> None:
    certificate(tmp_path)
    offered = TlsListener(tmp_path / "cert.pem", tmp_path / "key.pem").accept().get_cipher_list()
    # TLS 1.3 agrees on a key of its own each time; of 1.2 only what does so as well.
    assert [name for name in offered if not name.startswith(("TLS_", "ECDHE-"))] == []


@pytest.mark.row("devices", "5.5")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(listening: Listening) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", listening.tls)) as raw,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        context.wrap_socket(raw)


def test_a_port_in_use_stops_the_start_with_a_sentence(listening: Listening) -> None:
    arguments = [str(listening.folder), str(listening.plain), str(free_port())]
    second = subprocess.run(
        [sys.executable, str(listening.folder / "app.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode != 0
    assert "stop what listens there" in second.stderr


@pytest.mark.rfc("8446", "2.2")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_connection_that_takes_up_an_earlier_one_has_its_certificate(
    listening: Listening, newest: ssl.TLSVersion
) -> None:
    context = listening.trusting()
    context.load_cert_chain(listening.folder / "cert.pem", listening.folder / "key.pem")
    context.maximum_version = newest
    session, said = None, []
    for resumed in (False, True):
        with (
            socket.create_connection(("127.0.0.1", listening.tls), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as stream,
        ):
            stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said.append(b"".join(iter(lambda: stream.recv(4096), b"")).split()[-2])
            assert stream.session_reused == resumed
            session = stream.session
    assert said[0] == said[1]
    assert int(said[0]) > 200


@pytest.mark.row("failures", "15")
def test_handshakes_that_nobody_goes_on_with_keep_nobody_out(listening: Listening) -> None:
    half = [socket.create_connection(("127.0.0.1", listening.tls), timeout=20) for _ in range(60)]
    for connection in half:
        with suppress(ConnectionError):
            connection.sendall(b"\x16\x03\x01")
    secure = httpx.get(f"https://localhost:{listening.tls}/", verify=listening.trusting())
    assert secure.text == "https True 0"
    for connection in half:
        connection.close()
