"""How EST says no: a status and a sentence as text/plain — RFC 7030 §4.2.3."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from foundation.errors import CivitasError, Problem, Unauthorized
from pki.enrolment import Pki

Endpoint = Callable[[Pki, Request], Response]


class EstRefusal(CivitasError):
    """A problem of ours in EST's own form: what was wrong, where, what next, one a line."""

    def __init__(self, problem: Problem, realm: str) -> None:
        headers = dict(problem.headers)
        if isinstance(problem, Unauthorized):
            # §3.2.3: the client may then come again with its one-time token.
            headers["WWW-Authenticate"] = f'Basic realm="{realm}", charset="UTF-8"'
        super().__init__(
            problem.description,
            detail=problem.detail,
            consequence=problem.consequence,
            headers=headers,
        )
        self.problem = problem

    @property
    def told(self) -> tuple[int, str]:
        return self.problem.told

    def render(self, request: Request) -> Response:
        lines = [self.problem.description]
        if self.problem.where is not None:
            lines.append(f"Where: {self.problem.where}")
        if self.problem.next_step is not None:
            lines.append(f"Next step: {self.problem.next_step}")
        return PlainTextResponse(
            "\n".join(lines) + "\n",
            self.problem.status,
            headers={"Cache-Control": "no-store", **self.headers},
        )


def said(request: Request, problem: Problem) -> EstRefusal:
    """What is refused around the endpoint, such as by an outage."""
    return EstRefusal(problem, "est")


def spoken(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose refusals are said the way of EST."""

    @wraps(endpoint)
    def answer(pki: Pki, request: Request) -> Response:
        try:
            return endpoint(pki, request)
        except Problem as problem:
            raise EstRefusal(problem, "est") from problem

    return answer
