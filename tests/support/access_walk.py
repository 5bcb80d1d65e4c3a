"""One walk: every route of a deployment, asked by each kind of caller, with ids of others."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import anyio.from_thread
from sqlalchemy import delete
from starlette.routing import Route as StarletteRoute

from foundation.pages.static_files import StaticFiles
from foundation.rates import rate_limits
from tests.support.city import City, Visitor

IN, SIGN_IN = "in", "sign in"
LAST = (
    "/account/credentials/{credential_id}/remove",
    "/sign-out",
    "/oauth/end-session",
    "/oauth/end-session/confirm",
)
"""They end the session of who asks, or what other routes ask for: after those, in this order."""
CLIENT_ROUTES = ("/oauth/introspect", "/oauth/revoke", "/oauth/token")
"""Here a program says by its own secret, key or certificate who it is."""
BODIES: dict[str, Any] = {
    "/access/v1/evaluation": {
        "subject": {"type": "person", "id": "x"},
        "action": {"name": "verify"},
        "resource": {"type": "claim", "id": "age_over_18"},
        "context": {"purpose": "mobility.parking"},
    },
    "/cards": {},
    "/cards/options": {},
    "/devices/v1": {"label": "Lamp", "owner": {"kind": "organisation", "name": "Lamps"}},
    "/devices/v1/{device_id}/claim": {"kind": "organisation", "name": "Lamps"},
    "/me/v1/consents/{consent_id}/withdraw": {},
    "/passkeys": {},
    "/passkeys/options": {},
    "/sign-in/card": {},
    "/sign-in/card/options": {},
    "/sign-in/passkey": {},
    "/sign-in/passkey/options": {},
}
"""What typed routes take: what they say of a body that does not fit, they say to everybody."""
QUERIES = {"/services/one": "?client_id={client_id}"}
REASON = {"reason": "test"}


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    typed: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Caller:
    """How one kind of caller asks: by cookies and our forms' token, or by a program's token.

    `proof` makes what a program proves itself by as a client: fields of the form, or `auth`.
    """

    def __init__(
        self,
        visitor: Visitor,
        headers: Mapping[str, str] | None = None,
        proof: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.visitor = visitor
        self.proof = proof
        if headers is None:
            headers = {"Accept": "text/html", "X-CSRF-Token": visitor.token()}
        # EST is for TLS only.
        self.headers = {**headers, "X-Forwarded-Proto": "https"}

    def as_client(self, path: str, **form: str) -> Any:
        """What a route answers that clients authenticate at."""
        proof = dict(self.proof())
        auth = proof.pop("auth", None)
        headers = {k: v for k, v in self.headers.items() if k != "Authorization"}
        return self.visitor.http.post(path, data={**form, **proof}, headers=headers, auth=auth)

    def ask(self, route: Route, path: str, of_others: Mapping[str, str]) -> str:
        """What came of it; `of_others` is what others hold, and this one may have found."""
        sent: dict[str, Any] = {}
        if route.path in CLIENT_ROUTES:
            return self._outcome(self.as_client(path, **of_others))
        if route.method == "POST" and (route.typed or route.path in BODIES):
            sent = {"json": BODIES.get(route.path, REASON)}
        elif route.method == "POST" and "/est/" in route.path:
            sent = {"content": "MAA=", "headers": {"Content-Type": "application/pkcs10"}}
        elif route.method == "POST":
            sent = {"data": {"csrf_token": self.headers.get("X-CSRF-Token", "")}}
        headers = {**self.headers, **sent.pop("headers", {})}
        return self._outcome(self.visitor.http.request(route.method, path, headers=headers, **sent))

    def _outcome(self, answer: Any) -> str:
        if answer.status_code == 303 and answer.headers["location"].startswith(
            ("/sign-in?", "/broker/choose?")
        ):
            return SIGN_IN
        if answer.status_code in (401, 403, 404, 429) or answer.status_code >= 500:
            return str(answer.status_code)
        return IN


class World(ABC):
    """A deployment, one caller of each kind, and what belongs to the one citizen.

    The owner comes last: what the others asked for must not have changed anything of theirs.
    """

    city: City
    callers: Mapping[str, Caller]
    ids: Mapping[str, str]
    holder: Caller
    """A service that the citizen let in; `of_others` is what it holds."""
    of_others: Mapping[str, str] = {}

    def routes(self) -> list[Route]:
        """Of the running application, and so of whatever is served."""
        found = [
            Route(method, route.path, route.include_in_schema)
            for route in self.city.app.router.routes
            if isinstance(route, StarletteRoute)
            for method in sorted(route.methods or ())
            if method in ("GET", "POST")
        ]
        # What changes something of the caller's own comes after what only looks.
        late = {path: place for place, path in enumerate(LAST, 1)}
        return sorted(found, key=lambda r: (late.get(r.path, 0), r.method == "POST"))

    def walk(self) -> dict[str, dict[str, str]]:
        """Route → caller → what happened."""
        routes = self.routes()
        found: dict[str, dict[str, str]] = {route.name: {} for route in routes}
        self.city.runtime.audit.tree.sequence(self.city.clock.now())
        # One event loop for all: a client of its own makes one for each request.
        with anyio.from_thread.start_blocking_portal() as portal:
            for kind, caller in self.callers.items():
                caller.visitor.http.portal = portal
                with self.city.runtime.database.write() as uow:
                    uow.execute(delete(rate_limits))
                for route in routes:
                    found[route.name][kind] = caller.ask(
                        route, self.filled(route.path), self.of_others
                    )
                caller.visitor.http.portal = None
        return found

    def filled(self, path: str) -> str:
        file = "0.crl" if "/crl/" in path else "devices-1.cer"
        act = "end" if path.startswith("/staff/") else "suspend"
        ids = {"file": file, "name": _style(), "act": act, **self.ids}
        path += QUERIES.get(path, "")
        return re.sub(r"{([a-z_]+)(:path)?}", lambda found: ids.get(found[1], "of-nothing"), path)


@cache
def _style() -> str:
    return StaticFiles().url("civitas.css").removeprefix("/static/")
