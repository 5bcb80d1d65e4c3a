"""`client_secret_post`: identifier and secret in the body — RFC 6749 §2.3.1."""

from __future__ import annotations

from idp.oauth.client import Client
from idp.oauth.client_authentication.credentials import Method, NotProven, Offered
from idp.oauth.secrets import ClientSecrets


class ClientSecretPost(Method):
    """The secret as the parameter `client_secret`; never in a query string."""

    name = "client_secret_post"

    def __init__(self, secrets: ClientSecrets) -> None:
        self._secrets = secrets

    def prove(self, client: Client, offered: Offered) -> None:
        if not self._secrets.match(client, offered.form["client_secret"], offered.now):
            raise NotProven("the client secret is wrong")
