"""`self_signed_tls_client_auth`: by a certificate whose key is registered — RFC 8705 §2.2."""

from __future__ import annotations

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.client_authentication.tls_client_auth import NO_CERTIFICATE
from idp.oauth.keys_of_clients import Keys, KeysOfClients


class SelfSignedTlsClientAuth(Method):
    """Nobody vouches for the certificate: its key is one of `jwks`, and it is in its time."""

    name = "self_signed_tls_client_auth"

    def __init__(self, keys: KeysOfClients) -> None:
        self._keys = keys

    def prove(self, client: Client, offered: Offered) -> None:
        certificate = offered.certificate
        if certificate is None:
            raise NotProven(NO_CERTIFICATE)
        shown = certificate.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        known = _public(self._keys.of(client, offered.now))
        if shown not in known and client.jwks_uri is not None:
            known = _public(self._keys.of(client, offered.now, anew=True))
        if shown not in known:
            raise NotProven("the key of the certificate is none of the registered ones")
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not begins <= offered.now < ends:
            raise NotProven("the client certificate is not valid now")


def _public(jwks: Keys) -> set[bytes]:
    keys = (jwt.PyJWK.from_dict(dict(key)).key for key in jwks)
    return {key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in keys}
