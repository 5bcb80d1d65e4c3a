"""Whose account it is: a citizen's or that of a member of staff."""

from __future__ import annotations

from typing import Protocol

from starlette.requests import Request

from foundation.runtime import Runtime
from foundation.web import Form
from idp.login import Login, Session
from idp.register import Register


class Account(Protocol):
    """What the pages about means of signing in ask for. `base`: the path that they stand under."""

    base: str
    runtime: Runtime
    register: Register
    login: Login

    def session(self, request: Request) -> Session:
        """The session of whose account it is; raises for everybody else."""
        ...

    def posted(self, request: Request) -> tuple[str, Form]:
        """Who they are, and their form, which came from a page of ours."""
        ...

    def after_change(self, person_id: str, otherwise: str) -> str:
        """Where to go once their means of signing in changed."""
        ...
