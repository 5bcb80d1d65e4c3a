"""Supervision put together: the parts that its pages and commands stand on."""

from __future__ import annotations

from starlette.requests import Request

from foundation import web
from foundation.audit import Actor
from foundation.errors import NotFound
from foundation.web import Form
from idp.developers import Developers
from idp.register import StaffMember
from idp.supervision.applying import Applying
from idp.supervision.incidents import Incidents
from idp.supervision.managing import Managing
from idp.supervision.parts import Parts


class Supervision:
    """Operators' and auditors' view of a deployment."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.runtime = parts.runtime
        self.incidents = Incidents(parts)
        self.managing = Managing(parts)
        self.applying = Applying(parts)
        self.has_services = parts.tokens is not None
        self.has_desk = self.has_services and parts.register is not None

    def operator(self, request: Request) -> Actor:
        """Who manages here; raises what `web.require` raises for everybody else."""
        return Actor("staff", web.require(request, kind="staff", role="operator").id)

    def auditor(self, request: Request) -> Actor:
        """Who looks on here, and changes nothing."""
        return Actor("staff", web.require(request, kind="staff", role="auditor").id)

    def require_developers(self) -> Developers:
        """Raises NotFound."""
        if self.parts.developers is None:
            raise NotFound("Developers register no services here.")
        return self.parts.developers

    def members(self) -> list[StaffMember]:
        """Everybody who works here or did, with their names."""
        with self.runtime.database.read() as uow:
            return self.parts.require_register().staff.members(uow)

    def posted(self, request: Request) -> tuple[Actor, Form]:
        """The operator and their form, which came from a page of ours."""
        operator = self.operator(request)
        form = web.form(request)
        web.check_csrf(request, form)
        return operator, form
