"""Requests linked to their connection, over a real socket: Python's ssl — RFC 7030 §3.5."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AttributeOID

from device_registry import Registered
from tests.support.devices import csr, new_key
from tests.support.listening import Listening, kept, openssl_verifies


class LinkingClient:
    """One TLS connection of Python's ssl module, whose channel binding goes into the request."""

    def __init__(self, listening: Listening, port: int, newest: ssl.TLSVersion) -> None:
        self.listening = listening
        context = ssl.create_default_context(cafile=str(listening.folder / "ca.pem"))
        context.maximum_version = newest
        pair = listening.folder / "linked.pem", listening.folder / "linked.key"
        if pair[0].exists():
            context.load_cert_chain(*pair)
        self.connection = http.client.HTTPSConnection("localhost", port, context=context)
        self.connection.connect()
        sock = self.connection.sock
        assert isinstance(sock, ssl.SSLSocket)
        self.version = sock.version()
        self.unique = base64.b64encode(sock.get_channel_binding("tls-unique") or b"")

    def enrols(
        self, operation: str, registered: Registered, link: bytes, *, token: bool = True
    ) -> tuple[int, bytes]:
        key = new_key()
        body = csr(key, registered.device.id,
                   attributes=[(AttributeOID.CHALLENGE_PASSWORD, link)])  # fmt: skip
        headers = {"Content-Type": "application/pkcs10"}
        if token:
            pair = f"{registered.device.id}:{registered.token}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        self.connection.request("POST", f"/.well-known/est/{operation}", body, headers)
        answer = self.connection.getresponse()
        said = answer.read()
        if answer.status == 200:
            kept(self.listening, said, "linked")
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (self.listening.folder / "linked.key").write_bytes(pem)
        return answer.status, said


@pytest.mark.rfc("7030", "3.5")
def test_a_client_links_its_enrolment_and_its_renewal_to_the_connection(
    listening: Listening,
) -> None:
    registered = listening.city.register()
    client = LinkingClient(listening, listening.linking, ssl.TLSVersion.MAXIMUM_SUPPORTED)
    assert client.version == "TLSv1.2", "the listener stops there, whatever the client offers"
    status, said = client.enrols("simpleenroll", registered, client.unique)
    assert status == 200, said
    again = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    assert again.unique != client.unique
    status, said = again.enrols("simplereenroll", registered, again.unique, token=False)
    assert status == 200, said
    openssl_verifies(listening, "linked.pem")


@pytest.mark.rfc("7030", "3.5")
def test_a_request_that_somebody_passes_on_does_not_fit_his_connection(
    listening: Listening,
) -> None:
    registered = listening.city.register()
    device = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    in_the_middle = LinkingClient(listening, listening.linking, ssl.TLSVersion.TLSv1_2)
    status, said = in_the_middle.enrols("simpleenroll", registered, device.unique)
    assert status == 400
    assert b"Where: attributes.challengePassword" in said


@pytest.mark.rfc("7030", "3.5")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_on_the_ordinary_listener_linking_is_refused(
    listening: Listening, newest: ssl.TLSVersion
) -> None:
    registered = listening.city.register()
    port = int(listening.url.rpartition(":")[2])
    client = LinkingClient(listening, port, newest)
    assert client.version == newest.name.replace("_", ".")
    status, said = client.enrols("simpleenroll", registered, client.unique)
    assert status == 400
    assert f"to port {listening.linking}".encode() in said


@pytest.mark.rfc("7030", "3.5")
def test_nobody_renegotiates_on_the_linking_listener(listening: Listening) -> None:
    said = subprocess.run(
        ("openssl", "s_client", "-connect", f"localhost:{listening.linking}", "-CAfile", "ca.pem"),
        cwd=listening.folder, input=b"R\nQ\n", capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    whole = said.stdout + said.stderr
    assert b"TLSv1.2" in whole
    assert b"RENEGOTIATING" in whole
    assert b"no renegotiation" in whole


@pytest.mark.rfc("7030", "3.5")
def test_no_connection_to_the_linking_listener_takes_up_an_earlier_one(
    listening: Listening,
) -> None:
    context = ssl.create_default_context(cafile=str(listening.folder / "ca.pem"))
    session = None
    for _ in range(2):
        with socket.create_connection(("localhost", listening.linking)) as raw:
            tls = context.wrap_socket(raw, server_hostname="localhost", session=session)
            assert not tls.session_reused
            session = tls.session
            tls.close()
