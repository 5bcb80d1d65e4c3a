"""Supervision as the roof plugs it in: the parts that its pages and commands stand on."""

from __future__ import annotations

from starlette.requests import Request

from foundation import web
from foundation.audit import Actor
from foundation.ground import Ground
from foundation.web import Form
from idp.login import Login
from idp.oauth import OAuth
from idp.register import Register
from idp.supervision.incidents import Incidents
from idp.supervision.ports import Sessions

MANAGES = "operator"


class Supervision:
    """Operators' and auditors' view of a deployment; a part that it lacks is None."""

    def __init__(
        self,
        ground: Ground,
        sessions: Sessions,
        register: Register | None = None,
        login: Login | None = None,
        tokens: OAuth | None = None,
    ) -> None:
        self.ground = ground
        self.register = register
        self.tokens = tokens
        self.has_desk = tokens is not None and register is not None
        self.incidents = Incidents(ground, sessions, register, login, tokens)

    def operator(self, request: Request) -> Actor:
        """Who manages here; raises what `web.require` raises for everybody else."""
        return Actor("staff", web.require(request, kind="staff", role=MANAGES).id)

    def auditor(self, request: Request) -> Actor:
        """Who looks on here, and changes nothing."""
        return Actor("staff", web.require(request, kind="staff", role="auditor").id)

    def posted(self, request: Request) -> tuple[Actor, Form]:
        """The operator and their form, which came from a page of ours."""
        operator = self.operator(request)
        form = web.form(request)
        web.check_csrf(request, form)
        return operator, form
