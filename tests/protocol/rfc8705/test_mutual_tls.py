"""Mutual TLS: devices as clients, and tokens bound to their certificate — RFC 8705."""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from starlette.requests import Request

from foundation.web import Principal
from idp.oauth import InvalidClientMetadata, TokensEndWithDevice
from idp.oauth.errors import InvalidToken
from tests.support.authorization_server import AuthorizationServer

DEVICE = "dev-lamp"


@pytest.fixture
def server(authorization_server: AuthorizationServer) -> AuthorizationServer:
    authorization_server.people.active_devices.add(DEVICE)
    return authorization_server


def certificate_of(
    server: AuthorizationServer,
    name: str,
    device: str | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
    names: Sequence[x509.GeneralName] = (),
) -> str:
    """A header of the trusted proxy with a new certificate, known to the registry as `device`."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = server.runtime.clock.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    made = builder.sign(key, SHA256())
    if device is not None:
        server.people.certificates[made.fingerprint(SHA256()).hex()] = device
    return f":{base64.b64encode(made.public_bytes(Encoding.DER)).decode()}:"


def ask(server: AuthorizationServer, certificate: str | None, **form: str) -> Any:
    return server.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", "client_id": DEVICE, **form},
        headers={} if certificate is None else {"Client-Cert": certificate},
    )


def principal(server: AuthorizationServer, token: str, certificate: str | None) -> Principal | None:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    if certificate is not None:
        headers.append((b"client-cert", certificate.encode()))
    scope = {
        "type": "http", "method": "GET", "path": "/devices/v1/self", "headers": headers,
        "query_string": b"", "client": ("testclient", 1), "civitas": _Context(),
    }  # fmt: skip
    return server.oauth.principal_of_token(Request(scope))


class _Context:
    trusted_proxies = ("testclient",)
    client_certificate_header = "Client-Cert"


@pytest.mark.rfc("8705", "2.1")
@pytest.mark.parametrize("device", [DEVICE, "dev_lamp"])
def test_a_device_with_a_new_or_an_early_id_is_a_client(
    server: AuthorizationServer, device: str
) -> None:
    server.people.active_devices.add(device)
    answer = ask(server, certificate_of(server, device, device), client_id=device)
    assert answer.status_code == 200, answer.text


@pytest.mark.rfc("8705", "2.1")
@pytest.mark.rfc("8705", "3.1")
def test_a_device_gets_a_token_bound_to_its_certificate(server: AuthorizationServer) -> None:
    certificate = certificate_of(server, "lamp", DEVICE)
    response = ask(server, certificate)
    assert response.status_code == 200
    claims = jwt.decode(response.json()["access_token"], options={"verify_signature": False})
    assert claims["sub"] == DEVICE
    assert len(claims["cnf"]["x5t#S256"]) == 43
    caller = principal(server, response.json()["access_token"], certificate)
    assert caller is not None
    assert (caller.kind, caller.id) == ("device", DEVICE)
    assert "device:self" in caller.scopes


@pytest.mark.rfc("8705", "3")
@pytest.mark.row("devices", "RFC 8705")
def test_a_bound_token_with_another_certificate_or_none_is_refused(
    server: AuthorizationServer,
) -> None:
    token = ask(server, certificate_of(server, "lamp", DEVICE)).json()["access_token"]
    for certificate in (None, certificate_of(server, "thief")):
        with pytest.raises(InvalidToken):
            principal(server, token, certificate)


@pytest.mark.rfc("8705", "2.1")
def test_a_device_without_certificate_is_refused(server: AuthorizationServer) -> None:
    response = ask(server, None)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


@pytest.mark.rfc("8705", "2.1")
def test_the_certificate_of_another_device_is_refused(server: AuthorizationServer) -> None:
    server.people.active_devices.add("dev-other")
    assert ask(server, certificate_of(server, "other", "dev-other")).status_code == 401
    assert ask(server, certificate_of(server, "stranger")).status_code == 401


@pytest.mark.rfc("8705", "2.1")
def test_a_device_cannot_come_by_a_secret(server: AuthorizationServer) -> None:
    certificate = certificate_of(server, "lamp", DEVICE)
    assert ask(server, certificate, client_secret="guess").status_code == 401


def test_a_device_gets_no_other_grant_and_no_other_scope(server: AuthorizationServer) -> None:
    certificate = certificate_of(server, "lamp", DEVICE)
    assert ask(server, certificate, scope="openid").json()["error"] == "invalid_scope"
    other = ask(server, certificate, grant_type="refresh_token")
    assert other.json()["error"] == "unauthorized_client"


def test_a_suspended_device_is_refused_with_old_and_new_tokens(
    server: AuthorizationServer,
) -> None:
    certificate = certificate_of(server, "lamp", DEVICE)
    token = ask(server, certificate).json()["access_token"]
    server.people.active_devices.clear()
    refused = ask(server, certificate)
    assert refused.status_code == 401
    assert refused.json()["error_description"].endswith("The device is suspended.")
    with pytest.raises(InvalidToken):
        principal(server, token, certificate)
    # Reactivated within the five minutes of the token, it still does not come back to life.
    with server.runtime.database.write() as uow:
        TokensEndWithDevice().end(uow, DEVICE, "suspended", server.runtime.clock.now())
    server.people.active_devices.add(DEVICE)
    with pytest.raises(InvalidToken):
        principal(server, token, certificate)


@pytest.mark.rfc("8705", "2.1.2")
def test_a_service_is_proven_by_the_subject_it_registered(server: AuthorizationServer) -> None:
    service = server.add(
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_subject_dn="CN=parking",
        tls_client_certificate_bound_access_tokens=True,
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
    )
    right, wrong = certificate_of(server, "parking"), certificate_of(server, "parked")
    assert ask(server, right, client_id=service.client.id).status_code == 200
    assert ask(server, wrong, client_id=service.client.id).status_code == 401


@pytest.mark.rfc("8705", "3")
def test_a_client_whose_tokens_are_bound_gets_none_without_a_certificate(
    server: AuthorizationServer,
) -> None:
    service = server.add(
        tls_client_certificate_bound_access_tokens=True,
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
    )
    response = server.token(service, grant_type="client_credentials")
    assert response.json()["error"] == "invalid_request"


def _self_signed(server: AuthorizationServer, **more: Any) -> tuple[Any, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    service = server.add(
        token_endpoint_auth_method="self_signed_tls_client_auth",
        jwks={"keys": [jwk]},
        tls_client_certificate_bound_access_tokens=True,
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
        **more,
    )
    return service, key


@pytest.mark.rfc("8705", "2.2")
def test_a_service_is_proven_by_a_certificate_of_its_own_making(
    server: AuthorizationServer,
) -> None:
    service, key = _self_signed(server)
    answer = ask(server, certificate_of(server, "any", key=key), client_id=service.client.id)
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert len(claims["cnf"]["x5t#S256"]) == 43
    for certificate in (certificate_of(server, "any"), None):
        refused = ask(server, certificate, client_id=service.client.id)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.rfc("8705", "2.2")
def test_such_a_certificate_is_refused_out_of_its_time(server: AuthorizationServer) -> None:
    service, key = _self_signed(server)
    certificate = certificate_of(server, "any", key=key)
    server.runtime.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    assert ask(server, certificate, client_id=service.client.id).status_code == 401


@pytest.mark.rfc("8705", "2.2.2")
def test_it_needs_its_keys_at_registration(server: AuthorizationServer) -> None:
    with pytest.raises(InvalidClientMetadata, match="jwks"):
        server.add(token_endpoint_auth_method="self_signed_tls_client_auth")


@pytest.mark.rfc("8705", "2.1.2")
@pytest.mark.parametrize(
    ("member", "name", "made"),
    [
        ("tls_client_auth_san_dns", "parking.example", x509.DNSName("parking.example")),
        (
            "tls_client_auth_san_uri",
            "urn:parking",
            x509.UniformResourceIdentifier("urn:parking"),
        ),
        (
            "tls_client_auth_san_ip",
            "192.0.2.7",
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        ),
        ("tls_client_auth_san_email", "a@parking.example", x509.RFC822Name("a@parking.example")),
    ],
)
def test_a_service_is_proven_by_the_alternative_name_it_registered(
    server: AuthorizationServer, member: str, name: str, made: x509.GeneralName
) -> None:
    service = server.add(
        token_endpoint_auth_method="tls_client_auth",
        **{member: name},
        grant_types=["client_credentials"],
        redirect_uris=None,
        scope="a:b",
    )
    right = certificate_of(server, "x", names=[x509.DNSName("other.example"), made])
    assert ask(server, right, client_id=service.client.id).status_code == 200
    other = x509.RFC822Name(name) if member.endswith("uri") else x509.DNSName("x." + name)
    for wrong in (certificate_of(server, name), certificate_of(server, "x", names=[other])):
        assert ask(server, wrong, client_id=service.client.id).status_code == 401


@pytest.mark.rfc("8705", "2.1.2")
def test_two_names_for_one_certificate_are_refused(server: AuthorizationServer) -> None:
    with pytest.raises(InvalidClientMetadata, match="tls_client_auth_san_dns"):
        server.add(
            token_endpoint_auth_method="tls_client_auth",
            tls_client_auth_subject_dn="CN=parking",
            tls_client_auth_san_dns="parking.example",
        )
