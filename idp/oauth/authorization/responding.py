"""How an answer leaves: as a redirect, a page that posts it, signed or not — RFC 6749 §4.1.2, JARM.

Signed at the very end, outside of every unit of work: the same answer once more is signed anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from foundation.runtime import Runtime
from idp.login import Authenticated, Requirement, WhoIsThere
from idp.oauth import session_states, way_back
from idp.oauth.clients import Clients
from idp.oauth.session_states import SessionStates
from idp.oauth.tokens import id_token, jws
from idp.oauth.way_back import Told

TYPE = "oauth-authz-resp+jwt"
"""JARM names none; one of its own keeps an answer from being taken for an ID token (RFC 8725)."""
LIFE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Responses:
    """Sends a browser to a place that a flow has decided on."""

    runtime: Runtime
    issuer: str
    clients: Clients
    who: WhoIsThere
    states: SessionStates

    def response(self, http: Request, place: str) -> Response:
        """To an address by 303, which keeps no body of a form (RFC 9700 §4.12); else by a page."""
        response = self._leading(http, place)
        told = session_states.PARAMETER in place and way_back.parameters_of(place)
        if told and session_states.PARAMETER in told:
            there = self.who.who(http, Requirement(level=0, return_to="/"))
            if isinstance(there, Authenticated):
                self.states.remember(http, response, there.session_id)
        return response

    def _leading(self, http: Request, place: str) -> Response:
        told = way_back.told(place)
        if told is None:
            return _see(place)
        said = dict(told.parameters)
        if told.is_signed:
            said = {"response": self._signed(told)}
        if not told.is_posted:
            return _see(told.address(said))
        client = self.clients.find(told.client_id, self.runtime.clock.now())
        return self.runtime.pages.render(
            http,
            "oauth/form_post.html",
            leads_back=True,
            action=told.redirect_uri,
            parameters=said,
            name=told.client_id if client is None else client.name,
        )

    def _signed(self, told: Told) -> str:
        """JARM §2.1: what else would be a parameter, for this client and for two minutes."""
        now = self.runtime.clock.now()
        client = self.clients.find(told.client_id, now)
        algorithm = "ES256" if client is None else client.signs_responses_by
        claims = {
            **told.parameters,
            "iss": self.issuer,
            "aud": told.client_id,
            "exp": int((now + LIFE).timestamp()),
        }
        return jws.sign(self.runtime.keys, id_token.USES[algorithm], TYPE, claims)


def _see(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address, "Cache-Control": "no-store"})
