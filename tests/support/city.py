"""A whole deployment in one process, and browsers without a screen that walk through it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from civitas import governance
from civitas.app import serve_deployment
from civitas.deployment import Deployment
from foundation.clock import Clock, FrozenClock
from foundation.master_key import MasterKey
from foundation.settings import Server, Settings
from idp.login import LoginSettings
from idp.register import Importer, Register
from tests.support import ready
from tests.support.client import TestClient
from tests.support.deployments import make_tables
from tests.support.importing import importer_of
from tests.support.passkey import SoftPasskey

PASSWORD = "orbit velvet cactus lantern"
CHEAP = LoginSettings(argon2_memory=7168, argon2_passes=1, tell_new_browsers=False)
"""Real Argon2id that costs a test little."""


class City:
    """A deployment under a frozen clock, its jobs run by hand."""

    def __init__(self, settings: Settings, clock: FrozenClock) -> None:
        self.clock = clock
        self.settings = settings.with_sections(CHEAP)
        if not ready.copied("city", self.settings, clock, _found):
            _found(self.settings, clock)()
        self.deployment: Deployment = governance.assemble(self.settings, clock)
        self.runtime = self.deployment.runtime
        self.app = serve_deployment(self.deployment)
        parts = self.deployment.parts
        if "register" in parts:  # a broker has none
            self.register: Register = parts["register"]
            self.importer: Importer = parts.get("importer") or importer_of(self.register)

    def close(self) -> None:
        self.runtime.close()

    def browser(self) -> Visitor:
        return Visitor(self)

    def staff(
        self, role: str = "officer", name: str = "Olga Officer", own_number: str = ""
    ) -> Visitor:
        """A member of staff who has just accepted their invitation, and used their passkey."""
        secret = self.register.staff.invite(role, name, self.clock.now())
        visitor = self.browser()
        with self.runtime.database.read() as uow:
            visitor.id = self.register.staff.open_invitation(uow, secret, self.clock.now()).id
        visitor.get(f"/invitation/{secret}")
        visitor.set_up(f"staff.{visitor.id[-8:]}", own_number=own_number)
        visitor.add_and_use_passkey()
        return visitor

    def citizen(self, person_id: str, name: str) -> Visitor:
        """A citizen who has just activated their identity with the code of a letter."""
        from foundation.audit import SYSTEM

        with self.runtime.database.write() as uow:
            issued = self.register.codes.issue(uow, person_id, SYSTEM, self.clock.now())
        visitor = self.browser()
        visitor.activate(issued.code, name)
        visitor.id = person_id
        return visitor

    def kinds(self, person_id: str) -> list[str]:
        """Kinds of the events in a person's ledger, oldest first."""
        return [e.kind for e in reversed(self.runtime.audit.ledger(person_id, limit=1000))]


def _found(settings: Settings, clock: Clock) -> Callable[[], None]:
    folder = settings.path.parent
    if not (folder / "master.key").exists():
        MasterKey.create(folder / "master.key")
    deployment = governance.assemble(settings, clock)
    make_tables(deployment.runtime.database)
    deployment.runtime.prepare()
    for prepare in deployment.prepare:
        prepare(deployment.runtime)
    return deployment.runtime.close


def confirmed(asked: Any) -> str:
    """What a page that asks first sends along when somebody says yes."""
    found = re.search(r'name="confirmed" value="([^"]+)"', asked.text)
    assert found is not None, asked.text
    return found[1]


class Visitor:
    """A browser: it keeps cookies, and reads the token of the forms that it sends."""

    def __init__(self, city: City) -> None:
        self.id = ""
        self.http = TestClient(
            city.app,
            base_url=city.settings.of(Server).url,
            follow_redirects=False,
            headers={"Accept": "text/html"},
        )

    def get(self, path: str, **more: Any) -> Any:
        return self.http.get(path, **more)

    def token(self, path: str = "/sign-in?fresh=1") -> str:
        """The CSRF token; it is the browser's own, so any form of ours tells it."""
        page = self.get(path, follow_redirects=True)  # a broker's leads to its choice
        found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert found is not None, path
        return found[1]

    def post(self, path: str, form: str | None = None, **fields: str) -> Any:
        """Send a form as the page `form` would (by default any page of ours)."""
        token = self.token(form) if form else self.token()
        return self.http.post(path, data={"csrf_token": token, **fields})

    def mean_it(self, path: str, form: str | None = None, **fields: str) -> Any:
        """Send a form that asks first, then the one on the page that asks."""
        asked = self.post(path, form, **fields)
        return self.post(path, form, **fields, confirmed=confirmed(asked))

    def upload(self, path: str, name: str, content: bytes) -> Any:
        return self.http.post(
            path, data={"csrf_token": self.token()}, files={"file": (name, content)}
        )

    def add_and_use_passkey(self) -> None:
        """What the page's script does, to bind a passkey and then to step up with it."""
        passkey = SoftPasskey(str(self.http.base_url).rstrip("/"))
        proof = {"X-CSRF-Token": self.token()}

        def send(path: str, body: dict[str, Any]) -> Any:
            answer = self.http.post(path, json=body, headers=proof)
            assert answer.status_code == 200, answer.text
            return answer.json()

        asked = send("/passkeys/options", {})
        created = passkey.create(asked["options"])
        send("/passkeys", {"challenge": asked["challenge"], "credential": created})
        asked = send("/sign-in/passkey/options", {"step_up": True})
        proven = passkey.get(asked["options"])
        send(
            "/sign-in/passkey",
            {"step_up": True, "challenge": asked["challenge"], "credential": proven},
        )

    def activate(self, code: str, name: str) -> None:
        opened = self.post("/activate", "/activate", code=code)
        assert opened.status_code == 303, opened.text
        self.set_up(name)

    def set_up(self, name: str, **more: str) -> None:
        page = "/activate/set-up"
        done = self.post(page, page, name=name, password=PASSWORD, repeated=PASSWORD, **more)
        assert done.status_code == 303, done.text
