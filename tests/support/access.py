"""Every door × every kind of caller × ids of somebody else: what really happens, as a table.

`python -m tests.support.access` writes docs/access.md anew; the test of the same name compares.
"""

from __future__ import annotations

import base64
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import delete, select
from starlette.routing import Route

from civitas.residents import as_csv, residents
from device_registry import Owner
from foundation.clock import FrozenClock
from foundation.pages.static_files import StaticFiles
from foundation.rates import rate_limits
from foundation.settings import Server
from idp.login.tables import credentials
from idp.register.tables import proofing_decisions, staff
from tests.support import deployments, devices
from tests.support.city import City, Visitor

OUTPUT = deployments.ROOT / "docs" / "access.md"
IN, SIGN_IN = "in", "sign in"
CALLERS = (
    "nobody",
    "another citizen",
    "officer",
    "operator",
    "auditor",
    "regulator",
    "service",
    "device",
    "the citizen",
)
"""The owner comes last: what the others asked for must not have changed anything of theirs."""
PROGRAMS = ("service", "device")
HEAD = """# Who may
Every door of a provider, who comes in, and what happens to the others. Each line was tried: every
door by every kind of caller, with the ids of somebody else in the path. `make index` writes this
page from what happened, and `test_every_door_opens_for_whom_the_table_says` compares: a new door
without a line fails.

*The citizen* is the one whose ids the path holds, *another citizen* is not. Staff hold one role
each, and came with their passkey. The service has every scope that a service may have, the device a
token bound to its certificate. *in*: the door let the caller in, if only to say what else is wrong.
*sign in*: a browser is sent to sign in, or to prove once more who is there. Doors of protocols that
carry their own proof in the body (a code, a client's secret, a one-time token) say 400 or 401 to
whoever brings none, and so may be *in* for all here: what they ask for is in their specifications.

| door | in | others |
|---|---|---|
"""
_WHOLE = {CALLERS: "everybody", tuple(c for c in CALLERS if c not in PROGRAMS): "every browser"}
LAST = ("/sign-out", "/oauth/end-session", "/oauth/end-session/confirm")
"""They end the session of who asks."""
CONSENT = ("library", "City Library", "city.residence-services")
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
    """How one kind of caller asks: by cookies and our forms' token, or by a program's token."""

    def __init__(self, visitor: Visitor, headers: Mapping[str, str] | None = None) -> None:
        self.visitor = visitor
        if headers is None:
            headers = {"Accept": "text/html", "X-CSRF-Token": visitor.token()}
        self.headers = dict(headers)

    def ask(self, door: Door, path: str) -> str:
        sent: dict[str, Any] = {}
        if door.method == "POST" and (door.typed or door.path in BODIES):
            sent = {"json": BODIES.get(door.path, REASON)}
        elif door.method == "POST" and "/est/" in door.path:
            sent = {"content": "MAA=", "headers": {"Content-Type": "application/pkcs10"}}
        elif door.method == "POST":
            sent = {"data": {"csrf_token": self.headers.get("X-CSRF-Token", "")}}
        # EST is for TLS only.
        headers = {**self.headers, "X-Forwarded-Proto": "https", **sent.pop("headers", {})}
        answer = self.visitor.http.request(door.method, path, headers=headers, **sent)
        if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?"):
            return SIGN_IN
        if answer.status_code in (401, 403, 404, 429) or answer.status_code >= 500:
            return str(answer.status_code)
        return IN


class World:
    """A provider, one caller of each kind, and what belongs to the one citizen."""

    def __init__(self, folder: Path) -> None:
        server = Server(
            url="http://localhost:8000",
            trusted_proxies=("testclient",),
            client_certificate_header="Client-Cert",
        )
        settings = deployments.settings_in(folder, server)
        self.city = City(settings, FrozenClock(deployments.START))
        people = as_csv(residents(2, 11, city="Tallinn", country="EE"))
        *_, last = self.city.importer.run(people, "register.csv")
        one, other = self.city.importer.persons(last.import_id)
        things = devices.same_city(self.city.ground)
        _, _, certificate = things.enrolled(Owner("citizen", one))
        citizen = self.city.citizen(one, "one.citizen")
        self.callers = {
            "nobody": Caller(self.city.browser()),
            "another citizen": Caller(self.city.citizen(other, "other.citizen")),
            **{role: Caller(self.city.staff(role)) for role in ("officer", "auditor", "regulator")},
            "device": self._device(certificate),
            "service": self._service(),
            "operator": Caller(self.city.staff("operator")),
            "the citizen": Caller(citizen),
        }
        self.ids = self._ids(one, last.import_id, things)

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
        return sorted(found, key=lambda d: (d.path in LAST, d.method == "POST"))

    def walk(self) -> dict[str, dict[str, str]]:
        """Door → caller → what happened."""
        found: dict[str, dict[str, str]] = {door.name: {} for door in self.doors()}
        self.city.ground.audit.tree.sequence(self.city.clock.now())
        for kind, caller in self.callers.items():
            with self.city.ground.database.write() as uow:
                uow.execute(delete(rate_limits))
            for door in self.doors():
                found[door.name][kind] = caller.ask(door, self._filled(door.path))
        return found

    def _filled(self, path: str) -> str:
        ids = {**self.ids, "file": "0.crl" if "/crl/" in path else "devices-1.cer"}
        return re.sub(r"{([a-z_]+)(:path)?}", lambda found: ids.get(found[1], "of-nothing"), path)

    def _device(self, certificate: Any) -> Caller:
        der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
        shown = {"Client-Cert": f":{der}:"}
        name = certificate.subject.rfc4514_string()
        device_id = next(part for part in name.replace("=", ",").split(",") if part[:4] == "dev_")
        visitor = self.city.browser()
        answer = visitor.http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials", "client_id": device_id},
            headers=shown,
        )
        return self._program(visitor, answer, shown)

    def _service(self) -> Caller:
        metadata = {
            "client_name": "Everything",
            "grant_types": ["client_credentials"],
            "scope": "access:evaluate devices:manage",
        }
        added = self.city.deployment.parts["oauth"].clients.add(metadata, self.city.clock.now())
        visitor = self.city.browser()
        answer = visitor.http.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            auth=(added.client.id, added.secret),
        )
        return self._program(visitor, answer, {})

    def _program(self, visitor: Visitor, answer: Any, shown: Mapping[str, str]) -> Caller:
        assert answer.status_code == 200, answer.text
        token = f"Bearer {answer.json()['access_token']}"
        return Caller(visitor, {"Accept": "application/json", "Authorization": token, **shown})

    def _ids(self, person_id: str, import_id: str, things: devices.City) -> dict[str, str]:
        """Everything that a path can name, of the one citizen where it is somebody's."""
        parts, ground = self.city.deployment.parts, self.city.ground
        service, name, purpose = CONSENT
        consent = parts["policies"].consent.give(
            person_id=person_id,
            service=service,
            service_name=name,
            purpose=purpose,
            asked=("resident_of_city",),
            chosen=("resident_of_city",),
            notice=parts["policies"].notice(purpose, name),
        )
        with ground.database.read() as uow:
            credential = uow.connection.scalar(
                select(credentials.c.id).where(credentials.c.subject_id == person_id)
            )
            decision = uow.connection.scalar(
                select(proofing_decisions.c.id).where(proofing_decisions.c.person_id == person_id)
            )
            member = uow.connection.scalar(select(staff.c.id).order_by(staff.c.id))
        (device,) = things.devices.of_owner(Owner("citizen", person_id))
        return {
            "person_id": person_id,
            "consent_id": consent.id,
            "credential_id": str(credential),
            "decision_id": str(decision),
            "import_id": import_id,
            "device_id": device.id,
            "staff_id": str(member),
            "act": "end",
            "recovery_id": "rcv_x",
            "change_over_id": "cho_x",
            "label": "devices",
            "authority": "devices-1",
            "request": "MAA",
            "name": StaticFiles().url("civitas.css").removeprefix("/static/"),
            "secret": "invitation-of-somebody",
        }


def as_page(walked: Mapping[str, Mapping[str, str]]) -> str:
    """docs/access.md."""
    rows = []
    for door, outcomes in sorted(walked.items(), key=lambda item: item[0].split()[::-1]):
        let_in = [kind for kind in CALLERS if outcomes[kind] == IN]
        others: dict[str, list[str]] = {}
        for kind in CALLERS:
            if outcomes[kind] != IN:
                others.setdefault(outcomes[kind], []).append(kind)
        refused = "; ".join(f"{what}: {_listed(kinds, others)}" for what, kinds in others.items())
        names = _WHOLE.get(tuple(let_in)) or ", ".join(let_in) or "–"
        rows.append(f"| `{door}` | {names} | {refused} |")
    return HEAD + "\n".join(rows) + "\n"


def _listed(kinds: list[str], others: Mapping[str, list[str]]) -> str:
    most = max(map(len, others.values()))
    return "the rest" if len(kinds) == most > 3 else ", ".join(kinds)


@contextmanager
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        made = World(Path(folder))
        yield made
        made.city.close()


if __name__ == "__main__":
    with world() as made:
        OUTPUT.write_text(as_page(made.walk()), "utf-8")
