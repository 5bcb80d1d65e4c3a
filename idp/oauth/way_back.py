"""The way back to the service: where each answer of the authorization endpoint goes, an error too.

RFC 6749 §4.1.2, §4.1.2.1; OAuth 2.0 Multiple Response Type Encoding Practices 1.0 §2.1, §5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

SERVICE = "civitas.oauth.service"
"""Where an HTTP request keeps the client that it names, once that is known."""
QUERY, FRAGMENT = "query", "fragment"
RESPONSE_MODES = (QUERY, FRAGMENT)
_IN_A_FRAGMENT = frozenset({"token", "id_token"})


def response_mode(asked: str | None, response_type: str | None) -> str:
    """The mode that was asked for, if there is such a one, else that of the response type (§2.1).

    We give no tokens here, but who asks for them reads the refusal in the fragment (§5).
    """
    if asked in RESPONSE_MODES:
        return asked
    return FRAGMENT if _IN_A_FRAGMENT & set((response_type or "").split()) else QUERY


@dataclass(frozen=True, slots=True)
class WayBack:
    """A redirect URI that is the client's own, and how it wants to be answered there."""

    redirect_uri: str
    state: str | None
    mode: str

    def url(self, parameters: Mapping[str, str]) -> str:
        """The redirect URI with `parameters` and `state`; its own query is kept (§3.1.2)."""
        told = dict(parameters) if self.state is None else {**parameters, "state": self.state}
        if self.mode == FRAGMENT:
            return f"{self.redirect_uri}#{urlencode(told)}"
        return with_query(self.redirect_uri, told)


def with_query(uri: str, parameters: Mapping[str, str]) -> str:
    """`uri` with `parameters` appended to whatever query it has."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"
