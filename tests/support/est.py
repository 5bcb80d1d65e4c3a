"""EST as a client speaks it, to an application in this process — RFC 7030."""

from __future__ import annotations

import base64
import email
import email.message
from typing import Any

from cryptography import x509
from httpx import Response

from device_registry import Registered
from tests.support.devices import LAMPS, Town, certificates_in, csr, new_key

EST = "/.well-known/est"
PKCS10 = {"Content-Type": "application/pkcs10"}


def ask(
    town: Town,
    operation: str,
    body: bytes,
    registered: Registered | None = None,
    *,
    label: str | None = None,
) -> Response:
    """POST `body`; with the device's one-time token, if it is given."""
    path = "/".join(part for part in (EST, label, operation) if part)
    auth = (registered.device.id, registered.token) if registered is not None else None
    answer: Any = town.https.post(path, content=body, headers=PKCS10, auth=auth)
    return answer  # type: ignore[no-any-return]


def enrolled(
    town: Town, profile: str = "device", *names: tuple[str, str]
) -> tuple[Registered, Any, x509.Certificate]:
    """A device that holds a certificate of its own kind, with its key."""
    registered = town.city.register("Lamp", LAMPS, *names, profile=profile)
    key = new_key()
    answer = ask(town, "simpleenroll", csr(key, registered.device.id), registered)
    assert answer.status_code == 200, answer.text
    (certificate,) = certificates_in(answer.content)
    return registered, key, certificate


def says_why(answer: Response, status: int, where: str) -> None:
    """§4.2.3: text/plain, for a person to read: what, where, what next."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"Where: {where}\n" in answer.text
    assert "Next step: " in answer.text


def parts(answer: Response) -> list[tuple[str, bytes]]:
    """The parts of a multipart answer: media type, and what its base64 holds."""
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + answer.content)
    assert message.get_content_type() == "multipart/mixed"
    found = message.get_payload()
    assert isinstance(found, list)
    read = []
    for part in found:
        assert isinstance(part, email.message.Message)
        text = part.get_payload()
        assert isinstance(text, str)
        read.append((part.get_content_type(), base64.b64decode(text, validate=False)))
    return read
