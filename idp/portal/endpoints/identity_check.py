"""A number and a code, answered by yes or no: for kiosks and desks of licensed services."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field
from starlette.requests import Request

from foundation import web
from idp.portal.identity_check import SCOPE, IdentityChecks


class Check(BaseModel):
    """What the person shows."""

    shown: str = Field(
        min_length=1, max_length=40, description="Their number or Virtual ID.", examples=["2345…"]
    )
    means: Literal["totp", "code-card"] = Field(
        default="totp", description="Where the code is from: an app, or their code card."
    )
    code: str = Field(min_length=1, max_length=12, description="The code, which works once.")


class CheckAnswer(BaseModel):
    """`decision` is the answer; a no has no reason, but that the person locked the means."""

    decision: bool
    sub: str | None = None
    locked: bool = False


def check(checks: IdentityChecks, request: Request, asked: Check) -> CheckAnswer:
    """Is this the person with that number?

    A number that is nobody's, a wrong code, and a code that was used are one and the same no. With
    a yes, `sub` is the subject by which this service knows the person. Nothing else is told.
    """
    caller = web.require(request, kind="service", scope=SCOPE)
    source = web.client_network(request)
    found = checks.check(caller.id, asked.shown, asked.means, asked.code, source)
    return CheckAnswer(decision=found.decision, sub=found.subject, locked=found.locked)
