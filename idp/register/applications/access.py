"""Who may go on with an application: the browser that has its cookie, or who types its code.

The code is reckoned from a key of ours, so it can be shown again to who has the application open,
and is stored nowhere; its keyed digest is what it is found by. A new code ends the one before, and
with it every browser but the one that asked for it. The cookie is sealed, bound to the browser that
got it, and says which application and which of its codes — NIST SP 800-63B §5.1.1, failures 5.

A browser has its cookie before anything is written, with the first form; and the one that makes a
new code goes on by the cookie of the code before. So an answer that is lost takes nothing away.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque, web
from foundation.keys import Keys
from foundation.sealing import CannotOpen
from idp.register.applications.application import Application

COOKIE = "application"
_PURPOSE = "application-access"
LENGTH = 16
"""Letters and digits of a code: 72 bits."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a cookie says: an application, and which of its codes was the last one then (0: nothing
    was written yet). `browser`: digest of the browser that it is bound to."""

    application_id: str
    access: int
    browser: bytes = b""

    def opens(self, found: Application) -> bool:
        """Whether it is of the last code, or of the one before in the browser that ended that."""
        known = max(self.access, 1)
        mine = found.renewed_by is not None and hmac.compare_digest(found.renewed_by, self.browser)
        return found.access == known or (found.access == known + 1 and mine)


class Accesses:
    """Makes codes and cookies, and reads them."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def code(self, application_id: str, access: int) -> str:
        """The code of an application, for who has it open."""
        return opaque.code_of(
            self._keys.mac("application-code", f"{application_id}\0{access}".encode())
        )

    def digest(self, code: str) -> bytes:
        """What an application is found by. Keyed: who reads the table cannot try codes."""
        return self._keys.mac("application-resume", opaque.normalise_code(code).encode())

    def fits(self, application: Application, code: str) -> bool:
        """Whether it is its code now; in constant time."""
        right = self.code(application.id, application.access)
        return hmac.compare_digest(self.digest(code), self.digest(right))

    # ── the cookie ────────────────────────────────────────────────────────────────────

    def keep(self, response: Response, request: Request, application_id: str, access: int) -> None:
        """Let this browser go on, until it ends."""
        context = opaque.digest(web.browser_id(request)).hex()
        written = json.dumps([application_id, access]).encode()
        sealed = self._keys.seal(_PURPOSE, written, context)
        web.set_cookie(response, request, COOKIE, base64.urlsafe_b64encode(sealed).decode())

    def leave(self, response: Response, request: Request) -> None:
        web.delete_cookie(response, request, COOKIE)

    def of(self, request: Request) -> Access | None:
        """What the cookie of this browser says; one of another browser says nothing."""
        written = web.cookie(request, COOKIE)
        if not written:
            return None
        for browser in web.browser_ids(request):
            try:
                sealed = base64.urlsafe_b64decode(written.encode())
                context = opaque.digest(browser).hex()
                application_id, access = json.loads(self._keys.open(_PURPOSE, sealed, context))
            except (CannotOpen, ValueError):
                continue
            return Access(application_id, access, opaque.digest(browser))
        return None
