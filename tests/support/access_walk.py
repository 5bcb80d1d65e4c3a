"""One walk: every door of a deployment, asked by each kind of caller, with ids of somebody else."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio.from_thread
from sqlalchemy import delete
from starlette.routing import Route

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
"""They end the session of who asks, or what other doors ask for: after those, in this order."""
CLIENT_DOORS = ("/oauth/introspect", "/oauth/revoke", "/oauth/token")
"""Here a program says by its own secret, key or certificate who it is."""
BODIES: dict[str, Any] = {
    "/access/v1/evaluation": {
        "subject": {"type": "person", "id": "x"},
        "action": {"name": "verify"},
        "resource": {"type": "claim", "id": "age_over_18"},
        "context": {"purpose": "mobility.parking"},
    },
    "/devices/v1": {"label": "Lamp", "owner": {"kind": "organisation", "name": "Lamps"}},
    "/devices/v1/{device_id}/claim": {"kind": "organisation", "name": "Lamps"},
    "/me/v1/consents/{consent_id}/withdraw": {},
    "/passkeys": {},
    "/passkeys/options": {},
    "/sign-in/passkey": {},
    "/sign-in/passkey/options": {},
}
"""What typed doors take: what they say of a body that does not fit, they say to everybody."""
QUERIES = {"/services/one": "?client_id={client_id}"}
REASON = {"reason": "test"}


@dataclass(frozen=True)
class Door:
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
        """What a door answers that clients authenticate at."""
        proof = dict(self.proof())
        auth = proof.pop("auth", None)
        headers = {k: v for k, v in self.headers.items() if k != "Authorization"}
        return self.visitor.http.post(path, data={**form, **proof}, headers=headers, auth=auth)

    def ask(self, door: Door, path: str, of_others: Mapping[str, str]) -> str:
        """What came of it; `of_others` is what others hold, and this one may have found."""
        sent: dict[str, Any] = {}
        if door.path in CLIENT_DOORS:
            return self._outcome(self.as_client(path, **of_others))
        if door.method == "POST" and (door.typed or door.path in BODIES):
            sent = {"json": BODIES.get(door.path, REASON)}
        elif door.method == "POST" and "/est/" in door.path:
            sent = {"content": "MAA=", "headers": {"Content-Type": "application/pkcs10"}}
        elif door.method == "POST":
            sent = {"data": {"csrf_token": self.headers.get("X-CSRF-Token", "")}}
        headers = {**self.headers, **sent.pop("headers", {})}
        return self._outcome(self.visitor.http.request(door.method, path, headers=headers, **sent))

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

    def doors(self) -> list[Door]:
        """Of the running application, and so of whatever is served."""
        found = [
            Door(method, route.path, route.include_in_schema)
            for route in self.city.app.router.routes
            if isinstance(route, Route)
            for method in sorted(route.methods or ())
            if method in ("GET", "POST")
        ]
        # What changes something of the caller's own comes after what only looks.
        late = {path: place for place, path in enumerate(LAST, 1)}
        return sorted(found, key=lambda d: (late.get(d.path, 0), d.method == "POST"))

    def walk(self) -> dict[str, dict[str, str]]:
        """Door → caller → what happened."""
        doors = self.doors()
        found: dict[str, dict[str, str]] = {door.name: {} for door in doors}
        self.city.ground.audit.tree.sequence(self.city.clock.now())
        # One event loop for all: a client of its own makes one for each request.
        with anyio.from_thread.start_blocking_portal() as portal:
            for kind, caller in self.callers.items():
                caller.visitor.http.portal = portal
                with self.city.ground.database.write() as uow:
                    uow.execute(delete(rate_limits))
                for door in doors:
                    found[door.name][kind] = caller.ask(
                        door, self.filled(door.path), self.of_others
                    )
                caller.visitor.http.portal = None
        return found

    def filled(self, path: str) -> str:
        file = "0.crl" if "/crl/" in path else "devices-1.cer"
        style = StaticFiles().url("civitas.css").removeprefix("/static/")
        act = "end" if path.startswith("/staff/") else "suspend"
        ids = {"file": file, "name": style, "act": act, **self.ids}
        path += QUERIES.get(path, "")
        return re.sub(r"{([a-z_]+)(:path)?}", lambda found: ids.get(found[1], "of-nothing"), path)
