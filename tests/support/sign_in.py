"""Sign-in alone, behind the real gate: a register, people in it, and browsers without a screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zlib import crc32

from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from foundation import web
from foundation.audit import Actor
from foundation.edge import Edge
from foundation.middleware import Gate
from foundation.pages import routes_of as page_routes
from foundation.runtime import Runtime
from foundation.settings import Server, Settings
from foundation.web import Context
from idp import login
from idp.login import EndsWithSession, GoTo, Login, LoginSettings, Requirement
from idp.register import Evidence, Findings, IdentityLife, Profile, Register
from idp.register.tables import persons
from policies import Policies, PoliciesSettings
from tests.support.client import TestClient
from tests.support.passkey import SoftPasskey

PASSWORD = "orbit velvet cactus lantern"
NAME = "anna.tamm"
OFFICER = Actor("staff", "stf_officer")
CHEAP = LoginSettings(argon2_memory=7168, argon2_passes=1, tell_new_browsers=False)
"""Real Argon2id that costs a test little; each of the many browsers of a test is not told of."""


def with_cheap_passwords(settings: Settings, **changed: Any) -> Settings:
    return settings.with_sections(CHEAP.model_copy(update=changed))


class SignInDesk:
    """Everything that a test of sign-in needs, with short words for the usual walk."""

    def __init__(
        self, runtime: Runtime, ends: Sequence[EndsWithSession] = (), staff_only: bool = False
    ) -> None:
        self.runtime = runtime
        self.register = Register(runtime)
        self.policies = Policies(runtime)
        self.login = Login(runtime, self.register, self.policies, ends, staff_only)
        self.life = IdentityLife(runtime, self.register.proofing, ends=(self.login.sessions_end,))
        self.issuer = runtime.settings.of(Server).url
        self.app = self._app()

    def _app(self) -> Starlette:
        routes = (*login.routes_of(self.login), *page_routes(self.runtime.pages))
        served = [Route(r.path, r.endpoint, methods=list(r.methods)) for r in routes]
        served.append(Route("/test/whoami", self._whoami))
        served.append(Route("/test/who", self._who))
        app = Starlette(routes=served)
        app.add_middleware(
            Gate,
            context=Context(
                origins=frozenset([self.issuer]),
                cookie_tag="0a1b2c3d",
                secure_cookies=False,
                trusted_proxies=("testclient",),
                mac=self.runtime.keys.mac,
                who=self.login.principal_of_session,
            ),
            edge=Edge(self.runtime.database, self.runtime.pages),
            max_body=65_536,
            observe=lambda scope, status, seconds: None,
        )
        return app

    def _whoami(self, request: Request) -> Response:
        found = web.principal(request)
        if found is None:
            return JSONResponse(None)
        return JSONResponse(
            {
                "kind": found.kind,
                "id": found.id,
                "level": found.level,
                "roles": sorted(found.roles),
                "session": found.session,
            }
        )

    def _who(self, request: Request) -> Response:
        """`who` with the requirement that `self.requirement` states."""
        answer = self.login.who(request, self.requirement)
        if isinstance(answer, GoTo):
            return JSONResponse({"go_to": answer.url})
        return JSONResponse(
            {
                "subject": answer.subject,
                "level": answer.acr_level,
                "amr": list(answer.amr),
                "session": answer.session_id,
            }
        )

    requirement = Requirement(level=1, return_to="/test/whoami")

    def of_organisation_at(self, level: int) -> SignInDesk:
        """The same desk, of an organisation that was assessed at this level."""
        assessed = self.runtime.settings.with_sections(PoliciesSettings(organisation_level=level))
        return SignInDesk(replace(self.runtime, settings=assessed))

    # ── people ────────────────────────────────────────────────────────────────────────

    def enrol(self, number: str = "AB123456", level: int = 2, given: str = "Anna") -> str:
        """Somebody who waits for activation; returns the code of their letter."""
        now = self.runtime.clock.now()
        # Two of one name and birth date would be held until officers have compared them.
        year = 1990 if number == "AB123456" else 1930 + crc32(number.encode()) % 50
        profile = Profile(
            number, given, "Tamm", date(year, 5, 17), locality="Tallinn", country="EE"
        )
        findings = Findings(
            2, (Evidence("register-extract", "civil-register", "register-query", "", True, True),)
        )
        enrolled = self.register.enrolment.enrol(profile, findings, OFFICER, "2026-01", now)
        with self.runtime.database.write() as uow:
            if level != 2:
                raised = update(persons).where(persons.c.id == enrolled.person.id)
                uow.execute(raised.values(level=level, in_person=level == 4))
            return self.register.codes.issue(uow, enrolled.person.id, OFFICER, now).code

    def browser(self, address: str = "192.0.2.1") -> Browser:
        return Browser(self, address)

    def citizen(self, name: str = NAME, level: int = 2, number: str = "AB123456") -> Browser:
        """A browser in which somebody has just activated their identity."""
        browser = self.browser()
        browser.activate(self.enrol(number, level), name)
        return browser

    def events(self, person_id: str) -> list[tuple[str, dict[str, Any]]]:
        """(kind, details) of what stands in a person's ledger, oldest first."""
        entries = self.runtime.audit.ledger(person_id, limit=200)
        return [(e.kind, dict(e.details)) for e in reversed(entries)]


class Browser:
    """A browser: it keeps cookies, reads forms, and holds passkeys."""

    def __init__(self, desk: SignInDesk, address: str = "192.0.2.1") -> None:
        self.desk = desk
        self.http = TestClient(
            desk.app,
            base_url=desk.issuer,
            follow_redirects=False,
            headers={"X-Forwarded-For": address, "Accept": "text/html"},
        )

    def get(self, path: str) -> Any:
        return self.http.get(path)

    def csrf(self, path: str = "/sign-in?fresh=1") -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(path).text)
        assert found is not None
        return found[1]

    def post(self, path: str, form: str | None = None, **fields: str) -> Any:
        """Load the page of a form, and send it."""
        token = self.csrf(form or path)
        return self.http.post(path, data={"csrf_token": token, **fields})

    def send(self, path: str, body: dict[str, Any]) -> Any:
        """What the page's script sends."""
        return self.http.post(path, json=body, headers={"X-CSRF-Token": self.csrf()})

    def activate(self, code: str, name: str = NAME, password: str = PASSWORD) -> Any:
        opened = self.post("/activate", code=code)
        assert opened.status_code == 303, opened.text
        done = self.post("/activate/set-up", name=name, password=password, repeated=password)
        assert done.status_code == 303, done.text
        return done

    def sign_in(self, name: str = NAME, password: str = PASSWORD, query: str = "") -> Any:
        path = f"/sign-in{query}"
        return self.post(path, form="/sign-in?fresh=1", name=name, password=password)

    def add_passkey(self, label: str = "", **faults: Any) -> SoftPasskey:
        made = SoftPasskey(**{"origin": self.desk.issuer, **faults})
        asked = self.send("/passkeys/options", {}).json()
        created = made.create(asked["options"])
        done = self.send(
            "/passkeys",
            {"challenge": asked["challenge"], "credential": created, "label": label},
        )
        assert done.status_code == 200, done.text
        return made

    def ask(self, step_up: bool = False, name: str | None = None, query: str = "") -> Any:
        body = {"step_up": step_up, "name": name}
        return self.send(f"/sign-in/passkey/options{query}", body).json()

    def use(
        self, passkey: SoftPasskey, step_up: bool = False, name: str | None = None, query: str = ""
    ) -> Any:
        """Sign in, or step up, with a passkey."""
        asked = self.ask(step_up, name, query)
        return self.send(
            f"/sign-in/passkey{query}",
            {
                "step_up": step_up,
                "challenge": asked["challenge"],
                "credential": passkey.get(asked["options"]),
            },
        )

    def whoami(self) -> Any:
        return self.get("/test/whoami").json()

    def who(self, **changed: Any) -> Any:
        """`Login.who` as a service's request would meet it."""
        wanted = {"level": 1, "return_to": "/test/whoami", **changed}
        self.desk.requirement = Requirement(**wanted)
        return self.get("/test/who").json()

    def cookie(self, name: str) -> str | None:
        value: str | None = self.http.cookies.get(f"civitas-0a1b2c3d-{name}")
        return value

    def set_cookie(self, name: str, value: str) -> None:
        """Plant a cookie, as if it had been set by us."""
        full = f"civitas-0a1b2c3d-{name}"
        if full in self.http.cookies:
            self.http.cookies.delete(full)
        # The standard library's jar calls a host without a dot so.
        self.http.cookies.set(full, value, domain="localhost.local", path="/")
