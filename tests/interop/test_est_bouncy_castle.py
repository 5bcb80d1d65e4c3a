"""Bouncy Castle's EST client: authorities, attributes, a certificate, its renewal — RFC 7030.

With its own TLS it links each request to the connection, as few clients can (§3.5).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from tests.support.listening import Listening, openssl_verifies

pytestmark = pytest.mark.slow

PROGRAM = str(Path(__file__).parent / "java" / "Est.java")


@pytest.mark.rfc("7030", "4.2.2")
@pytest.mark.parametrize(
    ("how", "profile", "label"),
    [
        ("plain", "device", "devices"),
        ("plain", "device-short", "devices-short"),
        pytest.param("linked", "device", "devices", marks=pytest.mark.rfc("7030", "3.5")),
    ],
)
def test_bouncy_castle_enrols_and_renews(
    listening: Listening, bouncy_castle: str, how: str, profile: str, label: str
) -> None:
    registered = listening.city.register(profile=profile)
    port = str(listening.linking) if how == "linked" else listening.url.rpartition(":")[2]
    said = listening.run(
        "java", "-cp", bouncy_castle, PROGRAM, port, label, how,
        registered.device.id, registered.token,
    ).decode().splitlines()  # fmt: skip
    assert said[0] == f"authorities {len(listening.city.authority.authorities())}"
    assert said[1] == "attributes true"
    first, second = (certificate_of(listening, name) for name in ("first", "second"))
    assert said[2:] == [f"enrolled {first.serial_number:x}", f"renewed {second.serial_number:x}"]
    device = listening.city.devices.authenticate(second, listening.city.now)
    assert device.id == registered.device.id


def certificate_of(listening: Listening, name: str) -> x509.Certificate:
    openssl_verifies(listening, f"{name}.pem")
    return x509.load_pem_x509_certificate((listening.folder / f"{name}.pem").read_bytes())
