"""`client_secret_basic`: identifier and secret in the Authorization header — RFC 6749 §2.3.1."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.secrets import ClientSecrets


class ClientSecretBasic(Method):
    """Both parts are form-encoded before they are joined by a colon."""

    name = "client_secret_basic"

    def __init__(self, secrets: ClientSecrets) -> None:
        self._secrets = secrets

    def prove(self, client: Client, offered: Offered) -> None:
        given = offered.basic
        if given is None or not self._secrets.match(client, given[1], offered.now):
            raise NotProven("the client secret is wrong")


def read(header: str | None) -> tuple[str, str] | None:
    """Identifier and secret of an Authorization header, or None if it is not Basic.

    Raises NotProven for a Basic header that cannot be read.
    """
    if header is None or header[:6].lower() != "basic ":
        return None
    try:
        decoded = base64.b64decode(header[6:].strip(), validate=True).decode("utf-8")
        identifier, separator, secret = decoded.partition(":")
        if not separator:
            raise ValueError
        return unquote_plus(identifier, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise NotProven("the Authorization header is malformed") from None
