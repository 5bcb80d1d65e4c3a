"""What the FAPI 2.0 plans of the conformance suite need beside `conformance.py`: clients that keep
to a profile, their keys and certificates, and a person who says no."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

SCOPE = "openid profile email address phone offline_access"
SUITE_NAMES = ("client", "client2")
REJECTS = "fapi2-security-profile-final-user-rejects-authentication"

COMES_TWICE = (
    "fapi2-security-profile-final-par-ensure-reused-request-uri-prior-to-auth-completion-succeeds"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan with its variants. `switches`: what its clients are registered with."""

    name: str
    variants: Mapping[str, str]
    method: str
    switches: tuple[str, ...]

    @property
    def line(self) -> str:
        said = {"fapi_profile": "plain_fapi", "openid": "openid_connect", **self.variants}
        said["authorization_request_type"] = "simple"
        return self.name + "".join(f"[{name}={value}]" for name, value in said.items())


_SECURITY = "fapi2-security-profile-final-test-plan"
_SIGNING = "fapi2-message-signing-final-test-plan"
_BY_KEY = {"client_auth_type": "private_key_jwt", "sender_constrain": "dpop"}
_BY_CERTIFICATE = {"client_auth_type": "mtls", "sender_constrain": "mtls"}
_SIGNED = {"fapi_request_method": "signed_non_repudiation", "fapi_response_mode": "jarm"}
BOUND = "tls_client_certificate_bound_access_tokens=yes"

FAPI_PLANS: Mapping[str, Plan] = {
    "fapi2-key-dpop": Plan(
        _SECURITY, _BY_KEY, "private_key_jwt", ("profile=fapi2-security",)
    ),
    "fapi2-mtls": Plan(
        _SECURITY,
        _BY_CERTIFICATE,
        "self_signed_tls_client_auth",
        ("profile=fapi2-security", BOUND),
    ),
    "fapi2-signing-key-dpop": Plan(
        _SIGNING, _BY_KEY | _SIGNED, "private_key_jwt", ("profile=fapi2-message-signing",)
    ),
    "fapi2-signing-mtls": Plan(
        _SIGNING,
        _BY_CERTIFICATE | _SIGNED,
        "self_signed_tls_client_auth",
        ("profile=fapi2-message-signing", BOUND),
    ),
}  # fmt: skip

Register = Callable[..., dict[str, Any]]


def configured(
    folder: Path, callback: str, name: str, url: str, purpose: str, register: Register
) -> dict[str, Any]:
    """Two clients for a plan, and two more that a person has never met, for who refuses."""
    plan = FAPI_PLANS[name]
    usual = clients_of(folder, callback, name, plan, purpose, register)
    strangers = clients_of(folder, callback, f"{name} refused", plan, purpose, register)
    told: dict[str, Any] = {**usual, "resource": {"resourceUrl": f"{url}/oauth/userinfo"}}
    told["override"] = {REJECTS: strangers}
    return told


def clients_of(
    folder: Path,
    callback: str,
    title: str,
    plan: Plan,
    purpose: str,
    register: Register,
    *more: str,
) -> dict[str, Any]:
    """Two clients, with their keys and certificates, as the suite is told of them."""
    told: dict[str, Any] = {}
    for number, name in enumerate(SUITE_NAMES):
        key, certified = _key(), _key()
        file = folder / f"{title} {name}.jwks".replace(" ", "-")
        file.write_text(json.dumps({"keys": [_jwk(key, "sign"), _jwk(certified, "tls")]}))
        # The suite's second client comes back with a query that was registered.
        place = callback + ("?dummy1=lorem&dummy2=ipsum" if number else "")
        added = register(
            "--name", f"Suite {title} {name}", "--redirect", place, "--scope", SCOPE,
            "--purpose", purpose, "--method", plan.method, "--jwks", str(file),
            *(f"--set={switch}" for switch in plan.switches), *more,
        )  # fmt: skip
        told[name] = {
            "client_id": added["client_id"],
            "scope": SCOPE,
            "jwks": {"keys": [_jwk(key, "sign", private=True)]},
        }
        if "dpop" in plan.variants.values():
            told[name]["dpop_signing_alg"] = "ES256"
        if "mtls" in plan.variants.values():
            told["mtls2" if number else "mtls"] = _certificate(certified)
    return told


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _jwk(key: rsa.RSAPrivateKey, kid: str, *, private: bool = False) -> dict[str, Any]:
    said = jwt.algorithms.RSAAlgorithm.to_jwk(key if private else key.public_key(), as_dict=True)
    said.pop("key_ops", None)
    return {**said, "kid": kid, "alg": "PS256", "use": "sig"}


def _certificate(key: rsa.RSAPrivateKey) -> dict[str, str]:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "suite")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    hidden = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "cert": made.public_bytes(serialization.Encoding.PEM).decode(),
        "key": hidden.decode(),
    }
