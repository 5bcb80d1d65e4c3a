"""Whatever is sent to EST, the answer is EST's: no 5xx, no hang, a reason for whoever sent it."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AttributeOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from tests.support import deployments
from tests.support.devices import Town, build_town, csr, found_city, new_key
from tests.support.est import EST
from tests.support.est import enrolled as enrol

KEY = new_key()
POSTS = ("simpleenroll", "simplereenroll", "serverkeygen", "fullcmc")
GETS = ("cacerts", "csrattrs")
LABELS = ("", "/devices", "/devices-mldsa", "/devices-approved", "/devices-made-here", "/none")
SEEDS = (
    csr(KEY, "dev_1"),
    csr(KEY, None, (x509.BasicConstraints(True, None), True)),
    csr(KEY, None, (x509.SubjectAlternativeName([x509.DNSName("a.example")]), False)),
    csr(KEY, None, attributes=[(AttributeOID.CHALLENGE_PASSWORD, b"c2VjcmV0")]),
    csr(KEY, None, attributes=[(x509.ObjectIdentifier("1.2.840.113549.1.9.16.2.54"), b"k")]),
    csr(KEY, "dev_1", hash_used=hashes.SHA512()),
)


@st.composite
def bent_requests(draw: st.DrawFn) -> bytes:
    """A request of ours with some bytes changed, cut out or put in; DER, base64 or PEM."""
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(len(body) - 1, 0)))
        body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    der = bytes(body)
    shape = draw(st.sampled_from(("der", "base64", "wrapped", "pem")))
    if shape == "base64":
        return base64.b64encode(der)
    if shape == "wrapped":
        return base64.encodebytes(der)
    if shape == "pem":
        name = b"CERTIFICATE REQUEST-----"
        return b"-----BEGIN " + name + b"\n" + base64.encodebytes(der) + b"-----END " + name
    return der


BODIES = st.one_of(bent_requests(), st.binary(max_size=300), st.text(max_size=100).map(str.encode))
CALLERS = st.sampled_from(("nobody", "token", "wrong", "certificate", "made here", "approved"))
PASSWORDS = st.text(st.characters(codec="utf-8"), max_size=20)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Town, dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder:
        clock = FrozenClock(deployments.START)
        runtime = deployments.build_runtime(deployments.settings_in(Path(folder)), clock)
        town = build_town(found_city(runtime))
        town.https = type(town.https)(
            town.peer, base_url="https://localhost:8443", raise_server_exceptions=False
        )
        callers: dict[str, Any] = {
            "token": town.city.register(),
            "made here": town.city.register(profile="device-made-here"),
            "approved": town.city.register(profile="device-approved"),
            "certificate": enrol(town)[2],
        }
        yield town, callers
        runtime.close()


def come_as(town: Town, callers: dict[str, Any], caller: str, password: str) -> Any:
    """Who calls: the credentials for HTTP Basic, and the certificate of the connection."""
    town.peer.certificate = callers["certificate"] if caller == "certificate" else None
    if caller in ("nobody", "certificate"):
        return None
    if caller == "wrong":
        return "dev_1", password
    return callers[caller].device.id, callers[caller].token


@pytest.mark.row("devices", "5.13")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(POSTS),
    label=st.sampled_from(LABELS),
    caller=CALLERS,
    password=PASSWORDS,
    body=BODIES,
    media_type=st.sampled_from(("application/pkcs10", "application/pkcs10; x=y", "text/plain")),
    unique=st.one_of(st.none(), st.binary(min_size=1, max_size=36)),
)
def test_no_body_makes_est_fail(
    place: tuple[Town, dict[str, Any]],
    operation: str,
    label: str,
    caller: str,
    password: str,
    body: bytes,
    media_type: str,
    unique: bytes | None,
) -> None:
    town, callers = place
    town.peer.tls_unique = unique
    answer = town.https.post(
        f"{EST}{label}/{operation}",
        content=body,
        headers={"Content-Type": media_type},
        auth=come_as(town, callers, caller, password),
    )
    assert answer.status_code < 500, answer.text
    if answer.status_code not in (200, 405):
        assert answer.headers["content-type"].startswith("text/plain")
        assert "Next step: " in answer.text or answer.status_code == 429, answer.text


@pytest.mark.row("devices", "5.13")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    operation=st.sampled_from(GETS),
    label=st.one_of(
        st.sampled_from(LABELS),
        st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=40).map(
            lambda text: "/" + text.replace("?", "").replace("#", "").replace("%", "%25")
        ),
    ),
    caller=CALLERS,
    header=st.one_of(st.none(), st.binary(max_size=60)),
)
def test_no_question_makes_est_fail(
    place: tuple[Town, dict[str, Any]],
    operation: str,
    label: str,
    caller: str,
    header: bytes | None,
) -> None:
    town, callers = place
    town.peer.tls_unique = None
    auth = come_as(town, callers, caller, "x")
    headers = {}
    if header is not None and auth is None:
        headers["Authorization"] = "Basic " + base64.b64encode(header).decode()
    answer = town.https.get(f"{EST}{label}/{operation}", auth=auth, headers=headers)
    assert answer.status_code < 500, answer.text
