"""Devices for tests: both packages on a runtime, keys, requests, and an application."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

import device_registry
import pki
from device_registry import DeviceLife, Devices, EndsWithDevice, Owner, Registered
from foundation.audit import Actor
from foundation.pages import routes_of as page_routes
from foundation.runtime import Runtime
from foundation.web import Principal
from pki import CertificateAuthority, Pki
from pki.profiles.profile import KEY_USAGES
from tests.support.client import TestClient

OPERATOR = Actor("staff", "stf_operator")
OPERATING = Principal("staff", "stf_olga", roles=frozenset({"operator"}))
LAMPS = Owner("organisation", "Street Lighting")


def strangers(*scopes: str) -> list[Principal]:
    """One caller of each kind who operates no device; the service holds ``scopes``."""
    return [
        Principal("citizen", "per_anna"),
        Principal("device", "dev_1"),
        Principal("service", "cli_x", scopes=frozenset(scopes)),
        Principal("staff", "stf_otto", roles=frozenset({"officer"})),
    ]


def csrf_token(page: str) -> str:
    """What the form of ``page`` sends along."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@dataclass
class City:
    """Both packages, prepared, with what the tests ask of them."""

    runtime: Runtime
    authority: CertificateAuthority
    devices: Devices
    life: DeviceLife
    pki: Pki

    def register(
        self,
        label: str = "Lamp 114",
        owner: Owner = LAMPS,
        *names: tuple[str, str],
        profile: str = "device",
    ) -> Registered:
        identifiers = [device_registry.identifier(*name) for name in names]
        return self.devices.register(label, owner, identifiers, OPERATOR, self.now, profile)

    def enrol(self, registered: Registered, body: bytes, address: str = "192.0.2.1") -> Any:
        caller = pki.Caller(registered.device.id, registered.token, None, address)
        return self.pki.enrol(caller, body, self.now)

    def enrolled(self, owner: Owner = LAMPS) -> tuple[Registered, Any, x509.Certificate]:
        """A device that holds a certificate, with its key."""
        registered = self.register(owner=owner)
        key = new_key()
        issued = self.enrol(registered, csr(key, registered.device.id))
        return registered, key, x509.load_der_x509_certificate(issued.der)

    def renew(self, certificate: x509.Certificate, body: bytes) -> Any:
        valid = self.authority.validate_client(certificate, self.now)
        return self.pki.renew(pki.Caller(certificate=valid, address="192.0.2.1"), body, self.now)

    def events(self) -> list[str]:
        """The kinds of all audit events so far."""
        from sqlalchemy import select

        from foundation.audit.tables import events

        with self.runtime.database.read() as uow:
            return [row.kind for row in uow.all(select(events.c.kind).order_by(events.c.at))]

    @property
    def now(self) -> Any:
        return self.runtime.clock.now()


FOUNDING = (pki.prepare, device_registry.prepare)
"""What `found_city` founds: dear, so folders of tests give it to `prepares`."""


def found_city(runtime: Runtime, ends: Sequence[EndsWithDevice] = ()) -> City:
    for prepare in FOUNDING:
        prepare(runtime)
    return same_city(runtime, ends)


def same_city(runtime: Runtime, ends: Sequence[EndsWithDevice] = ()) -> City:
    """The packages as another process would build them."""
    authority = CertificateAuthority(runtime)
    devices = Devices(runtime, authority)
    return City(
        runtime, authority, devices, DeviceLife(devices, ends), Pki(authority, devices.gate)
    )


def new_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


def csr(
    key: Any,
    common_name: str | None,
    *extensions: tuple[x509.ExtensionType, bool],
    hash_used: Any = None,
    more: Sequence[tuple[Any, str]] = (),
    attributes: Sequence[tuple[x509.ObjectIdentifier, bytes]] = (),
) -> bytes:
    """A PKCS #10 request, DER."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    names += [x509.NameAttribute(oid, value) for oid, value in more]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    for oid, value in attributes:
        builder = builder.add_attribute(oid, value)
    return builder.sign(key, hash_used or hashes.SHA256()).public_bytes(Encoding.DER)


def key_usage(**bits: bool) -> x509.KeyUsage:
    """The usages that are named, and no other."""
    return x509.KeyUsage(**{usage: bits.get(usage, False) for usage in KEY_USAGES})


def certificates_in(body: bytes) -> list[x509.Certificate]:
    """The certificates of an EST answer."""
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(body, validate=True))


@dataclass
class TlsPeer:
    """What the TLS listener does for the application: hands it the client's certificate, and of a
    connection to the linking listener its `tls-unique`."""

    app: ASGIApp
    certificate: x509.Certificate | None = None
    tls_unique: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tls: dict[str, bytes] = {}
        if self.certificate is not None:
            tls["client_cert_der"] = self.certificate.public_bytes(Encoding.DER)
        if self.tls_unique is not None:
            tls["tls_unique"] = self.tls_unique
        if tls:
            scope = {**scope, "extensions": {"tls": tls}}
        await self.app(scope, receive, send)


@dataclass
class Town:
    """An application of both packages, and who its callers are taken for."""

    city: City
    app: Any
    peer: TlsPeer
    https: TestClient
    http: TestClient
    who: dict[str, Principal] = field(default_factory=dict)


def build_town(city: City) -> Town:
    from civitas.app import serve_deployment
    from civitas.deployment import Deployment

    who: dict[str, Principal] = {}

    def principal(request: Request) -> Principal | None:
        return who.get("caller")

    app = serve_deployment(
        Deployment(
            runtime=city.runtime,
            routes={
                "pki": pki.routes_of(city.pki),
                "device_registry": device_registry.routes_of(city.life),
                "pages": page_routes(city.runtime.pages),
            },
            who=principal,
        )
    )
    peer = TlsPeer(app)
    return Town(
        city,
        app,
        peer,
        TestClient(peer, base_url="https://localhost:8443"),
        TestClient(peer, base_url="http://localhost:8000"),
        who,
    )
