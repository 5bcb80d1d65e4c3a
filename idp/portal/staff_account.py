"""The account of a member of staff: their means of signing in, and what they did — CM-9, 8.15."""

from __future__ import annotations

from starlette.requests import Request

from foundation import web
from foundation.errors import SeeOther
from foundation.runtime import Runtime
from idp.login import Login, Session
from idp.register import Register


class StaffAccount:
    """What `Portal` is for citizens: every page is about the one who is signed in.

    It opens with the proof that their work asks for, a passkey.
    """

    base = "/work"

    def __init__(self, runtime: Runtime, register: Register, login: Login) -> None:
        self.runtime = runtime
        self.register = register
        self.login = login

    def member(self, request: Request) -> str:
        """The id of the member of staff; raises what `web.require` raises."""
        return web.require(request, kind="staff").id

    def session(self, request: Request) -> Session:
        self.member(request)
        session = self.login.session(request)
        if session is None:
            raise SeeOther("/sign-in")
        return session

    def posted(self, request: Request) -> tuple[str, web.Form]:
        """The member of staff and their form, which came from a page of ours."""
        staff_id, form = self.member(request), web.form(request)
        web.check_csrf(request, form)
        return staff_id, form

    def after_change(self, person_id: str, otherwise: str) -> str:
        """Staff let no service in, so nothing is left to ask."""
        return otherwise
