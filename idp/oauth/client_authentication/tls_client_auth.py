"""`tls_client_auth`: the client is proven by its certificate in TLS — RFC 8705 §2.1; devices."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from foundation.errors import CivitasError
from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered


class DeviceId(Protocol):
    """A device of the registry, as far as it matters here."""

    @property
    def id(self) -> str: ...


NO_CERTIFICATE = (
    "no client certificate came with the TLS connection; use the mTLS endpoint of "
    "mtls_endpoint_aliases"
)
AuthenticateDevice = Callable[[x509.Certificate, datetime], DeviceId]
"""`device_registry.Devices.authenticate`: raises its own refusal, a CivitasError."""
ValidateCertificate = Callable[[x509.Certificate, datetime], object]
"""Validates a certificate against our own trust anchors; raises when it is not valid now."""


def thumbprint(certificate: x509.Certificate) -> str:
    """`x5t#S256`: base64url of the SHA-256 of the DER — RFC 8705 §3.1."""
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class TlsClientAuth(Method):
    """Devices are proven by the registry; services by the subject that they registered."""

    name = "tls_client_auth"

    def __init__(
        self, devices: AuthenticateDevice | None, validate: ValidateCertificate | None
    ) -> None:
        self._devices = devices
        self._validate = validate

    def prove(self, client: Client, offered: Offered) -> None:
        if offered.certificate is None:
            raise NotProven(NO_CERTIFICATE)
        if client.kind == "device":
            self._prove_device(client, offered.certificate, offered.now)
        else:
            self._prove_service(client, offered.certificate, offered.now)

    def _prove_device(self, client: Client, certificate: x509.Certificate, now: datetime) -> None:
        if self._devices is None:
            raise NotProven("this deployment has no devices")
        try:
            device = self._devices(certificate, now)
        except CivitasError as refused:
            raise NotProven(f"the device is refused: {refused.description.rstrip('.')}") from None
        if not hmac.compare_digest(device.id, client.id):
            raise NotProven("the certificate belongs to another device")

    def _prove_service(self, client: Client, certificate: x509.Certificate, now: datetime) -> None:
        if self._validate is None:
            raise NotProven("this deployment accepts no certificates of services")
        try:
            self._validate(certificate, now)
        except Exception as refused:
            raise NotProven("the client certificate is not valid here") from refused
        if client.tls_client_auth_san is not None:
            if not _has_name(certificate, *client.tls_client_auth_san):
                raise NotProven("the certificate has not the registered name")
        elif certificate.subject.rfc4514_string() != client.tls_client_auth_subject_dn:
            raise NotProven("the certificate has another subject than the registered one")


_KINDS: Mapping[str, type[x509.GeneralName]] = {
    "dns": x509.DNSName,
    "uri": x509.UniformResourceIdentifier,
    "ip": x509.IPAddress,
    "email": x509.RFC822Name,
}


def _has_name(certificate: x509.Certificate, kind: str, name: str) -> bool:
    """Whether the name is among its alternative ones, exactly (§2.1.2)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    said = (str(one.value) for one in found.value if isinstance(one, _KINDS[kind]))
    return name in said
