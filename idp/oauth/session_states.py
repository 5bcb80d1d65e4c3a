"""Whether somebody is still signed in here, asked by a service's page through a frame of ours —
OpenID Connect Session Management 1.0.

A script that compares needs a cookie that it can read. Ours cannot: the frame asks this server,
which looks whether the session behind the state lives (§3.2 leaves open how the frame knows).
"""

from __future__ import annotations

import base64
import hmac

from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque, web
from foundation.cross_origin import origin as origin_of
from foundation.runtime import Runtime
from idp.oauth.client import Client
from idp.oauth.ports import SignsOut

PARAMETER = "session_state"
UNCHANGED, CHANGED, ERROR = "unchanged", "changed", "error"
_COOKIE = "seen-in-frames"


class SessionStates:
    """What a service is told of a session, and what becomes of it."""

    def __init__(self, runtime: Runtime, signs_out: SignsOut) -> None:
        self._runtime = runtime
        self._signs_out = signs_out

    def of(self, client: Client, redirect_uri: str, session_id: str) -> str:
        """`session_state` for this client's pages of this origin (§2); a salt makes it new."""
        salt = opaque.secret(9)
        return f"{self._mac(session_id, client.id, origin_of(redirect_uri), salt)}.{salt}"

    def remember(self, request: Request, response: Response, session_id: str) -> None:
        """Have this browser say in frames, too, which session it has: by a cookie that is sent
        there, opens nothing, and is made for services alone that asked for it."""
        mark = f"{session_id}.{self._mac(session_id)}"
        web.set_cookie(response, request, _COOKIE, mark, in_frames=True)

    def now(self, request: Request, client_id: str, origin: str, state: str) -> str:
        """`unchanged` while the session lives that this state was told of (§3.2)."""
        said, _, salt = state.partition(".")
        if not said or not salt or "." in salt:
            return ERROR
        session_id, _, mac = (web.cookie(request, _COOKIE) or "").partition(".")
        ours = hmac.compare_digest(self._mac(session_id).encode(), mac.encode())
        right = self._mac(session_id, client_id, origin, salt)
        if not ours or not hmac.compare_digest(right.encode(), said.encode()):
            return CHANGED
        with self._runtime.database.read() as uow:
            lives = self._signs_out.session_lives(uow, session_id)
        return UNCHANGED if lives else CHANGED

    def _mac(self, *parts: str) -> str:
        mac = self._runtime.keys.mac("oauth-session-state", "\0".join(parts).encode())
        return base64.urlsafe_b64encode(mac[:18]).decode("ascii")
