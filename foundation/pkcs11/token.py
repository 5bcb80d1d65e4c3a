"""Signing keys and the master key in a PKCS#11 token — OASIS PKCS#11 v3.1, RFC 7512."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import pkcs11 as api
from asn1crypto import core as asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from foundation import algorithms
from foundation.algorithms import PrivateKey, PublicKey
from foundation.errors import Unavailable
from foundation.pkcs11.keys import TokenEC, TokenEd25519, TokenRSA
from foundation.pkcs11.session import LONGEST_PAUSE, session_of
from foundation.pkcs11.uri import TokenUri
from foundation.settings import SettingsError

T = TypeVar("T")
_ED25519_OID = "1.3.101.112"
_KEPT: Mapping[api.Attribute, Any] = {
    api.Attribute.SENSITIVE: True,
    api.Attribute.EXTRACTABLE: False,
}
_MASTER = b"civitas master key 1"


class Token:
    """Signing keys that are made in a token and never leave it; safe between threads."""

    def __init__(self, uri: str, base: Path = Path(), *, pin: str | None = None) -> None:
        """`pin`: handed over in memory, instead of the file that the URI names."""
        parsed = TokenUri.parse(uri, base, without_pin=pin is not None)
        self._session = session_of(parsed, pin)

    def change_pin(self, old: str, new: str) -> None:
        """Give the token another user PIN. Raises SettingsError."""
        try:
            self._session.change_pin(old, new)
        except api.PKCS11Error as error:
            raise SettingsError(
                f"The token does not take another PIN ({type(error).__name__}): see its manual."
            ) from None

    def generate(self, label: str, algorithm: str) -> PrivateKey:
        """Make a key pair in the token under `label`. Raises Unavailable."""

        def make() -> PublicKey:
            # A key that was made and not told of must not get a twin: the look before it finds out
            # whether the token is there, and only that is tried again.
            self._session.run(lambda session: _refuse_known(session, label))
            return self._session.run(
                lambda session: _generate(session, label, algorithm), again=False
            )

        return self.private_key(label, algorithm, _now(label, make))

    def private_key(self, label: str, algorithm: str, public: PublicKey) -> PrivateKey:
        """The key under `label`, with cryptography's interface; it signs in the token."""

        def sign(mechanism: api.Mechanism, data: bytes) -> bytes:
            return _now(
                label,
                lambda: self._session.run(
                    lambda session: bytes(
                        self._session.private(session, label).sign(data, mechanism=mechanism)
                    )
                ),
            )

        key: PrivateKey
        if isinstance(public, ec.EllipticCurvePublicKey):
            key = TokenEC(public, sign)
        elif isinstance(public, ed25519.Ed25519PublicKey):
            key = TokenEd25519(public, sign)
        elif isinstance(public, rsa.RSAPublicKey):
            key = TokenRSA(public, sign)
        else:
            raise algorithms.UnknownAlgorithm(f"{algorithm} is not signed with in a token")
        return algorithms.checked(algorithm, key)

    def destroy(self, label: str) -> None:
        """Remove a key pair that was made in vain."""

        def remove(session: api.Session) -> None:
            for found in list(session.get_objects({api.Attribute.LABEL: label})):
                found.destroy()

        _now(label, lambda: self._session.run(remove))


def _now(label: str, act: Callable[[], T]) -> T:
    """The token does it, or is away: nobody's fault who asks."""
    try:
        return act()
    except (api.PKCS11Error, SettingsError) as error:
        raise Unavailable(
            "The token with this key does not sign now.",
            next_step="Try again soon; whoever runs this service finds more in its log.",
            headers={"Retry-After": str(round(LONGEST_PAUSE))},
            detail=f"{label}: {type(error).__name__}: {error}",
        ) from error


def _refuse_known(session: api.Session, label: str) -> None:
    if list(session.get_objects({api.Attribute.LABEL: label})):
        raise SettingsError(f"The token has a key {label!r} already.")


def _generate(session: api.Session, label: str, algorithm: str) -> PublicKey:
    options: dict[str, Any] = {"store": True, "label": label, "private_template": dict(_KEPT)}
    if algorithm == "RS256":
        bits = algorithms.RSA_BITS
        public, _ = session.generate_keypair(api.KeyType.RSA, bits, **options)
        modulus = int.from_bytes(public[api.Attribute.MODULUS], "big")
        exponent = int.from_bytes(public[api.Attribute.PUBLIC_EXPONENT], "big")
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    kind = api.KeyType.EC_EDWARDS if algorithm == "EdDSA" else api.KeyType.EC
    oid = {
        "ES256": "1.2.840.10045.3.1.7",
        "ES384": "1.3.132.0.34",
        "EdDSA": _ED25519_OID,
    }.get(algorithm)
    if oid is None:
        raise algorithms.UnknownAlgorithm(f"{algorithm} is not made in a token")
    parameters = session.create_domain_parameters(
        kind, {api.Attribute.EC_PARAMS: asn1.ObjectIdentifier(oid).dump()}, local=True
    )
    public, _ = parameters.generate_keypair(**options)
    # CKA_EC_POINT is a DER OCTET STRING around the point (PKCS#11 §6.3.3).
    point = cast(bytes, asn1.OctetString.load(public[api.Attribute.EC_POINT]).native)
    if algorithm == "EdDSA":
        return ed25519.Ed25519PublicKey.from_public_bytes(point)
    curve = algorithms.CURVES[algorithm][0]()
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, point)


# ── the master key ─────────────────────────────────────────────────────────────────────


def create_root(uri: str, base: Path = Path()) -> None:
    """Make the secret that the master key comes from, in the token; refuses to replace one."""
    parsed = TokenUri.parse(uri, base)
    label = _label(parsed)

    def make(session: api.Session) -> None:
        if list(session.get_objects({api.Attribute.LABEL: label})):
            raise SettingsError(
                f"The token {parsed.token!r} already has {label!r}, which is never replaced: "
                f"everything sealed under it would be lost."
            )
        session.generate_key(
            api.KeyType.GENERIC_SECRET,
            256,
            label=label,
            store=True,
            capabilities=api.MechanismFlag.SIGN,
            template=dict(_KEPT),
        )

    session_of(parsed).run(make)


def root_secret(uri: str, base: Path = Path()) -> bytes:
    """32 bytes that only this token can compute, from a secret that never leaves it.

    HMAC-SHA256 under a generic secret; for an AES key, its encryption of two fixed blocks.
    """
    parsed = TokenUri.parse(uri, base)
    label = _label(parsed)

    def compute(session: api.Session) -> bytes:
        try:
            secret: Any = session.get_key(object_class=api.ObjectClass.SECRET_KEY, label=label)
        except api.NoSuchKey:
            raise SettingsError(
                f"The token {parsed.token!r} has no secret key {label!r}: `civitas init` makes "
                f"it once."
            ) from None
        if secret.key_type == api.KeyType.AES:
            blocks = hashlib.sha256(_MASTER).digest()
            encrypted = bytes(secret.encrypt(blocks, mechanism=api.Mechanism.AES_ECB))
            return hashlib.sha256(encrypted).digest()
        return bytes(secret.sign(_MASTER, mechanism=api.Mechanism.SHA256_HMAC))

    return session_of(parsed).run(compute)


def _label(uri: TokenUri) -> str:
    if uri.object is None:
        raise SettingsError("[keys] master_key as a PKCS#11 URI must say object=NAME.")
    return uri.object
