"""Private keys in a token with cryptography's interface, so x509 builders and PyJWT accept them.

They sign; what would take the key out of the token raises.
"""

from collections.abc import Callable
from typing import Generic, NoReturn, Self, TypeVar

import pkcs11 as api
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
)

Public = TypeVar("Public")
Data = bytes | bytearray | memoryview
Sign = Callable[[api.Mechanism, bytes], bytes]
_RSA = {
    "sha256": api.Mechanism.SHA256_RSA_PKCS,
    "sha384": api.Mechanism.SHA384_RSA_PKCS,
    "sha512": api.Mechanism.SHA512_RSA_PKCS,
}


def _never_leaves() -> NoReturn:
    raise UnsupportedAlgorithm("the key is in a PKCS#11 token and never leaves it")


class _InToken(Generic[Public]):
    """What every kind shares: its public half is here, the private one stays where it is."""

    def __init__(self, public: Public, sign: Sign) -> None:
        self._public, self._sign = public, sign

    def public_key(self) -> Public:
        return self._public

    def private_bytes(
        self,
        encoding: Encoding,
        format: PrivateFormat,  # noqa: A002 (cryptography's name)
        encryption_algorithm: KeySerializationEncryption,
    ) -> NoReturn:
        _never_leaves()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self


class TokenEC(_InToken[ec.EllipticCurvePublicKey], ec.EllipticCurvePrivateKey):
    """ECDSA in the token."""

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(self, data: Data, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """A DER signature; tokens sign a digest and give R‖S (PKCS#11 §6.3.12)."""
        if not isinstance(signature_algorithm, ec.ECDSA):
            raise UnsupportedAlgorithm("only ECDSA")
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
        else:
            hashing = hashes.Hash(algorithm)
            hashing.update(data)
            digest = hashing.finalize()
        raw = self._sign(api.Mechanism.ECDSA, digest)
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        _never_leaves()

    def private_numbers(self) -> NoReturn:
        _never_leaves()


class TokenEd25519(_InToken[ed25519.Ed25519PublicKey], ed25519.Ed25519PrivateKey):
    """EdDSA in the token."""

    def sign(self, data: Data) -> bytes:
        return self._sign(api.Mechanism.EDDSA, bytes(data))

    def private_bytes_raw(self) -> NoReturn:
        _never_leaves()


class TokenRSA(_InToken[rsa.RSAPublicKey], rsa.RSAPrivateKey):
    """RSASSA-PKCS1-v1_5 in the token."""

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def sign(
        self,
        data: Data,
        padding: AsymmetricPadding,
        algorithm: Prehashed | hashes.HashAlgorithm | NoDigestInfo,
    ) -> bytes:
        if not isinstance(padding, PKCS1v15) or isinstance(algorithm, Prehashed | NoDigestInfo):
            raise UnsupportedAlgorithm("only PKCS#1 v1.5 over the data itself")
        return self._sign(_RSA[algorithm.name], bytes(data))

    def decrypt(self, ciphertext: bytes, padding: AsymmetricPadding) -> NoReturn:
        _never_leaves()

    def private_numbers(self) -> NoReturn:
        _never_leaves()
