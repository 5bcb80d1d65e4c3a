"""The registration officer's desk: what its pages stand on — ISO/IEC 29115:2013 §10.1."""

from __future__ import annotations

from starlette.requests import Request

from foundation import web
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import Forbidden, SeeOther
from foundation.runtime import Runtime
from idp.register.identity_life import IdentityLife
from idp.register.imports import Importer
from idp.register.lookup import Lookups
from idp.register.register import Register


class Desk:
    """The register, its life and its imports, as an officer works with them."""

    def __init__(
        self, runtime: Runtime, register: Register, life: IdentityLife, importer: Importer
    ) -> None:
        self.runtime = runtime
        self.register = register
        self.life = life
        self.importer = importer
        self.lookups = Lookups(runtime)

    def officer(self, request: Request) -> Actor:
        """Who works at the desk; raises what `web.require` raises for everybody else."""
        return Actor("staff", web.require(request, kind="staff", role="officer").id)

    def printer(self, request: Request) -> Actor:
        """Who makes the files for the printing house: an operator, who neither imports at the
        desk nor proofs."""
        return Actor("staff", web.require(request, kind="staff", role="operator").id)

    def posted_by_printer(self, request: Request) -> tuple[Actor, web.Form]:
        """The operator and their form, which came from a page of ours."""
        printer = self.printer(request)
        return printer, _own_form(request)

    def admits(self, request: Request) -> None:
        """Whether a large form may come in, as far as its head tells: raises as `posted` does."""
        web.check_origin(request)
        self.officer(request)

    def posted(self, request: Request) -> tuple[Actor, web.Form]:
        """The officer and their form, which came from a page of ours."""
        officer = self.officer(request)
        return officer, _own_form(request)

    def source_labels(self) -> dict[str, str]:
        """Sources of corrections with their labels, message ids."""
        known = self.register.proofing.current_policy(self.runtime.clock.now()).sources
        of_policy = self.register.corrections.policy.sources()
        return {s: known[s].label if s in known else s for s in of_policy}

    def refuse_own(self, uow: UnitOfWork, person_id: str, officer: Actor) -> None:
        """Nobody acts on their own record (failures 12): raises Forbidden, which is audited."""
        if self.register.staff.own_person(uow, officer.id) != person_id:
            return

        def keep(later: UnitOfWork) -> None:
            self.runtime.audit.record(
                later, "register.own-record-refused", officer, [person_id], {}
            )

        raise Forbidden(
            "This is your own record.",
            next_step="Ask a colleague: nobody looks up, checks or writes letters to themselves.",
            consequence=keep,
        )

    def require_open(self, uow: UnitOfWork, person_id: str, officer: Actor) -> None:
        """Go on only while the officer's look-up of this person is young (P-4), and never on
        their own record."""
        self.refuse_own(uow, person_id, officer)
        now = self.runtime.clock.now()
        if not self.lookups.is_open(uow, person_id, officer, now):
            raise SeeOther(f"/desk/persons/{person_id}")


def _own_form(request: Request) -> web.Form:
    form = web.form(request)
    web.check_csrf(request, form)
    return form
