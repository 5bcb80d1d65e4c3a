"""The way back to the service: where each answer of the authorization endpoint goes, an error too.

RFC 6749 §4.1.2, §4.1.2.1; OAuth 2.0 Multiple Response Type Encoding Practices 1.0 §2.1, §5; OAuth
2.0 Form Post Response Mode 1.0; JWT Secured Authorization Response Mode (JARM) §2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

SERVICE = "civitas.oauth.service"
"""Where an HTTP request keeps the client that it names, once that is known."""
ASKED = "civitas.oauth.asked"
"""Where it keeps the client whose refusals are kept, for its owner (`watching`)."""
QUERY, FRAGMENT, FORM_POST = "query", "fragment", "form_post"
SIGNED = ".jwt"
RESPONSE_MODES = (
    QUERY,
    FRAGMENT,
    FORM_POST,
    "jwt",
    QUERY + SIGNED,
    FRAGMENT + SIGNED,
    FORM_POST + SIGNED,
)
_IN_A_FRAGMENT = frozenset({"token", "id_token"})
_TOLD = "["


def response_mode(asked: str | None, response_type: str | None) -> str:
    """The mode that was asked for, if there is such a one, else that of the response type (§2.1).

    We give no tokens here, but who asks for them reads the refusal in the fragment (§5). `jwt`
    alone is that of the response type, signed (JARM §2.3.4).
    """
    usual = FRAGMENT if _IN_A_FRAGMENT & set((response_type or "").split()) else QUERY
    if asked == "jwt":
        return usual + SIGNED
    return asked if asked in RESPONSE_MODES else usual


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that is no address yet: it is signed, posted by a page of ours, or both."""

    mode: str
    client_id: str
    redirect_uri: str
    parameters: Mapping[str, str]

    @property
    def is_signed(self) -> bool:
        return self.mode.endswith(SIGNED)

    @property
    def is_posted(self) -> bool:
        return self.mode.startswith(FORM_POST)

    def address(self, parameters: Mapping[str, str]) -> str:
        """Where the browser goes, for an answer that is not posted."""
        return _address(self.mode.removesuffix(SIGNED), self.redirect_uri, parameters)


@dataclass(frozen=True, slots=True)
class WayBack:
    """A redirect URI that is the client's own, and how it wants to be answered there."""

    redirect_uri: str
    state: str | None
    mode: str
    client_id: str

    def place(self, parameters: Mapping[str, str]) -> str:
        """Where the browser goes with `parameters` and `state`: an address, or what `told` reads.

        Nothing is signed here: it is written down in the write that decides.
        """
        whole = dict(parameters) if self.state is None else {**parameters, "state": self.state}
        if self.mode in (QUERY, FRAGMENT):
            return _address(self.mode, self.redirect_uri, whole)
        return json.dumps([self.mode, self.client_id, self.redirect_uri, whole])


def told(place: str) -> Told | None:
    """The answer of a place that is no address; None where it is one."""
    return Told(*json.loads(place)) if place.startswith(_TOLD) else None


def parameters_of(place: str) -> Mapping[str, str]:
    """What the service is told there."""
    answer = told(place)
    if answer is not None:
        return answer.parameters
    parts = urlsplit(place)
    return dict(parse_qsl(parts.fragment or parts.query))


def with_query(uri: str, parameters: Mapping[str, str]) -> str:
    """`uri` with `parameters` appended to whatever query it has."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(parameters)}"


def _address(mode: str, uri: str, parameters: Mapping[str, str]) -> str:
    """The redirect URI's own query is kept (RFC 6749 §3.1.2)."""
    return f"{uri}#{urlencode(parameters)}" if mode == FRAGMENT else with_query(uri, parameters)
