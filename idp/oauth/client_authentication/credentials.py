"""What a request offers to prove its client, before anything is believed — RFC 6749 §2.3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from idp.oauth.client import Client


@dataclass(frozen=True, slots=True)
class Offered:
    """The parts of a request that may authenticate a client.

    `basic`: identifier and secret of the Authorization header. `certificate`: whose key the
    caller holds, not yet validated. `path`: of the endpoint that it was sent to.
    """

    form: Mapping[str, str]
    basic: tuple[str, str] | None
    certificate: x509.Certificate | None
    now: datetime
    path: str

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in use, of which there may be one at most (§2.3). An empty secret is as good
        as none (§2.3.1): public clients in use send one in the header.
        """
        ways = (
            ("client_secret_basic", self.basic is not None and self.basic[1] != ""),
            ("client_secret_post", "client_secret" in self.form),
            ("private_key_jwt", "client_assertion" in self.form),
        )
        return tuple(name for name, present in ways if present)


class NotProven(Exception):
    """Why the client is not believed; the sentence is for the client."""


class Method:
    """One way for a client to prove itself. Implementations raise NotProven."""

    name: str

    def prove(self, client: Client, offered: Offered) -> None:
        """Return if `client` is proven by what is offered; raise NotProven otherwise."""
        raise NotImplementedError
