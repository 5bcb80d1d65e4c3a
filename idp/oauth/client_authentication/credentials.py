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
    def method(self) -> str | None:
        """The one method in use, or None if two are mixed (§2.3: never more than one)."""
        used = [
            name
            for name, present in (
                ("client_secret_basic", self.basic is not None),
                ("client_secret_post", "client_secret" in self.form),
                ("private_key_jwt", "client_assertion" in self.form),
            )
            if present
        ]
        if len(used) > 1:
            return None
        return used[0] if used else "none"


class NotProven(Exception):
    """Why the client is not believed; the sentence is for the client."""


class Method:
    """One way for a client to prove itself. Implementations raise NotProven."""

    name: str

    def prove(self, client: Client, offered: Offered) -> None:
        """Return if `client` is proven by what is offered; raise NotProven otherwise."""
        raise NotImplementedError
