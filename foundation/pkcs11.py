"""A PKCS#11 token: where it is, and one session with it — OASIS PKCS#11 v3.1, RFC 7512.

python-pkcs11 initialises a module for a single thread, so every call to a module goes through
one lock. A login belongs to the process, not to a session, so there is one session a token, kept
for the life of the process.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Self, TypeVar, cast
from urllib.parse import unquote

import pkcs11 as api
from asn1crypto import core as asn1
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from foundation import algorithms, secret_file
from foundation.algorithms import PrivateKey, PublicKey
from foundation.errors import Unavailable
from foundation.pkcs11_keys import TokenEC, TokenEd25519, TokenRSA
from foundation.settings import SettingsError

T = TypeVar("T")
_ED25519_OID = "1.3.101.112"
_KEPT: Mapping[api.Attribute, Any] = {
    api.Attribute.SENSITIVE: True,
    api.Attribute.EXTRACTABLE: False,
}
_MASTER = b"civitas master key 1"


@dataclass(frozen=True, slots=True)
class TokenUri:
    """The parts of an RFC 7512 URI that we use."""

    token: str
    object: str | None
    module: Path
    pin: Path | None

    @classmethod
    def parse(cls, uri: str, base: Path, *, without_pin: bool = False) -> Self:
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        attributes = _attributes(path, ";", ("token", "object", "type"))
        options = _attributes(query, "&", ("module-path", "pin-source"))
        token, module = attributes.get("token"), options.get("module-path")
        pin = options.get("pin-source", "").removeprefix("file:")
        if not uri.startswith("pkcs11:") or not (token and module and (pin or without_pin)):
            raise SettingsError(
                "A PKCS#11 URI must say token=, module-path= and pin-source=, such as "
                "pkcs11:token=civitas?module-path=/usr/lib/softhsm/libsofthsm2.so"
                "&pin-source=file:token.pin"
            )
        return cls(token, attributes.get("object"), base / module, base / pin if pin else None)


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise SettingsError("A PIN is never written in the settings: use pin-source=file:PATH.")
        if name not in known or name in found:
            raise SettingsError(
                f"The PKCS#11 URI says {name!r}, which is repeated or not one of "
                f"{', '.join(known)}."
            )
        found[name] = unquote(value)
    return found


class _Session:
    """The one session of this process with a token; opened when first needed."""

    def __init__(self, uri: TokenUri, lock: RLock, pin: str | None) -> None:
        self._uri = uri
        self._lock = lock
        self._pin = pin
        self._opened: api.Session | None = None
        self._process = os.getpid()
        self._found: dict[str, Any] = {}

    def run(self, work: Callable[[api.Session], T]) -> T:
        with self._lock:
            if self._process != os.getpid():
                # A fork does not inherit the login (PKCS#11 §5.4): begin anew in the child.
                api.lib(str(self._uri.module)).reinitialize()
                self._drop()
                self._process = os.getpid()
            try:
                return work(self._session())
            except (api.SessionHandleInvalid, api.SessionClosed, api.ObjectHandleInvalid):
                # The token was restarted or taken out and put back.
                self._drop()
                return work(self._session())

    def private(self, session: api.Session, label: str) -> Any:
        if label not in self._found:
            self._found[label] = session.get_key(
                object_class=api.ObjectClass.PRIVATE_KEY, label=label
            )
        return self._found[label]

    def _drop(self) -> None:
        self._opened = None
        self._found.clear()

    def _session(self) -> api.Session:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> api.Session:
        uri = self._uri
        if self._pin is not None:
            pin = self._pin
        else:
            assert uri.pin is not None  # noqa: S101 - `TokenUri.parse` demands one of the two
            pin = secret_file.read(uri.pin, "The PIN file").decode().strip()
        if not uri.module.exists():
            raise SettingsError(
                f"The PKCS#11 module {uri.module} does not exist: install it, or correct "
                f"module-path."
            )
        try:
            token = api.lib(str(uri.module)).get_token(token_label=uri.token)
            return token.open(rw=True, user_pin=pin)
        except api.NoSuchToken:
            raise SettingsError(
                f"There is no PKCS#11 token {uri.token!r}: plug it in, or initialise it."
            ) from None
        except (api.PinIncorrect, api.PinLocked, api.PinLenRange, api.PinInvalid) as error:
            raise SettingsError(
                f"The PIN {f'in {uri.pin} ' if uri.pin else ''}does not open the token "
                f"{uri.token!r} "
                f"({type(error).__name__}): correct the file before the token locks."
            ) from None
        except (api.PKCS11Error, RuntimeError) as error:
            raise SettingsError(
                f"The PKCS#11 token {uri.token!r} cannot be used "
                f"({type(error).__name__}): see the manual of its module."
            ) from None


_locks: dict[Path, RLock] = {}
_sessions: dict[tuple[Path, str], _Session] = {}
_registry = RLock()


def _session_of(uri: TokenUri, pin: str | None = None) -> _Session:
    with _registry:
        lock = _locks.setdefault(uri.module, RLock())
        return _sessions.setdefault((uri.module, uri.token), _Session(uri, lock, pin))


class Token:
    """Signing keys that are made in a token and never leave it; safe between threads."""

    def __init__(self, uri: str, base: Path = Path(), *, pin: str | None = None) -> None:
        """`pin`: handed over in memory, instead of the file that the URI names."""
        parsed = TokenUri.parse(uri, base, without_pin=pin is not None)
        self._session = _session_of(parsed, pin)

    def change_pin(self, old: str, new: str) -> None:
        """Give the token another user PIN. Raises SettingsError."""
        try:
            self._session.run(lambda session: session.set_pin(old, new))
        except api.PKCS11Error as error:
            raise SettingsError(
                f"The token does not take another PIN ({type(error).__name__}): see its manual."
            ) from None

    def generate(self, label: str, algorithm: str) -> PrivateKey:
        """Make a key pair in the token under `label`."""
        public = self._session.run(lambda session: _generate(session, label, algorithm))
        return self.private_key(label, algorithm, public)

    def private_key(self, label: str, algorithm: str, public: PublicKey) -> PrivateKey:
        """The key under `label`, with cryptography's interface; it signs in the token."""

        def sign(mechanism: api.Mechanism, data: bytes) -> bytes:
            try:
                return self._session.run(
                    lambda session: bytes(
                        self._session.private(session, label).sign(data, mechanism=mechanism)
                    )
                )
            except (api.PKCS11Error, SettingsError) as error:
                raise Unavailable(
                    "The token with this key does not sign now.",
                    next_step="Try again soon; whoever runs this service finds more in its log.",
                    detail=f"{label}: {type(error).__name__}: {error}",
                ) from error

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

        self._session.run(remove)


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

    _session_of(parsed).run(make)


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

    return _session_of(parsed).run(compute)


def _label(uri: TokenUri) -> str:
    if uri.object is None:
        raise SettingsError("[keys] master_key as a PKCS#11 URI must say object=NAME.")
    return uri.object
