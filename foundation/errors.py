"""One class per error, with what the outside may know kept apart from what it may not — RFC 9457.

`description` is public; `detail` goes to the log only. A refusal that has a consequence carries
it as a value: the edge rolls the flow back, runs the consequence in a unit of work of its own,
then renders the error (architecture, rule 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation.marking import N_

if TYPE_CHECKING:
    from foundation.database import UnitOfWork

NO_COOKIES = N_("Your browser sent no cookie back. Without cookies nobody can be signed in here.")
ALLOW_COOKIES = N_("Allow cookies for this site, then go back and start again.")
Consequence = Callable[["UnitOfWork"], None]


class CivitasError(Exception):
    """The root of every refusal. Subclasses fix `status` and `code`."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "server_error"

    def __init__(
        self,
        description: str,
        *,
        detail: object = None,
        consequence: Consequence | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.description = description
        self.detail = detail
        self.consequence = consequence
        self.headers = dict(headers or {})

    @property
    def told(self) -> tuple[int, str]:
        """Status and code as the caller reads them; for the log."""
        return self.status, self.code

    def render(self, request: Request) -> Response:
        """The protocol's own form of this error. Problem+json unless a subclass says otherwise."""
        return JSONResponse(
            {
                "type": "about:blank",
                "status": self.status,
                "title": self.code,
                "detail": self.description,
            },
            status_code=self.status,
            media_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )


class Problem(CivitasError):
    """RFC 9457 problem details; `where` names the field, `next_step` says what to do."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    errand: str | None = None
    """The local path where the person would have gone on, where the request does not say it."""

    def __init__(
        self,
        description: str,
        *,
        where: str | None = None,
        next_step: str | None = None,
        detail: object = None,
        consequence: Consequence | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(description, detail=detail, consequence=consequence, headers=headers)
        self.where = where
        self.next_step = next_step

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"urn:civitas:problem:{self.code}",
            "title": self.code.replace("_", " "),
            "status": self.status,
            "detail": self.description,
        }
        if self.where is not None:
            body["where"] = self.where
        if self.next_step is not None:
            body["next_step"] = self.next_step
        return body

    def render(self, request: Request) -> Response:
        return JSONResponse(
            self.as_json(),
            status_code=self.status,
            media_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )


class BadRequest(Problem):
    status, code = 400, "bad_request"


class Over(BadRequest):
    """What was begun in a browser has expired, is done, or was begun in another one."""

    code = "over"


class Unauthorized(Problem):
    status, code = 401, "unauthorized"


class SignedOut(Unauthorized):
    """A form came back from a page that was open for longer than its session lasted; `sign_in` is
    the local path that leads through sign-in back to that page."""

    code = "signed_out"

    def __init__(self, sign_in: str) -> None:
        super().__init__(
            N_("You are no longer signed in, so nothing was saved."),
            next_step=N_("Sign in again: you come back to the page where you were. What you typed "
                         "is still there when you go back in your browser, to copy it."),
            headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
        self.sign_in = sign_in


class Forbidden(Problem):
    status, code = 403, "forbidden"


class NoCookies(Forbidden):
    """A form came back without the cookie that its page set."""

    def __init__(self) -> None:
        super().__init__(NO_COOKIES, next_step=ALLOW_COOKIES)


class NotFound(Problem):
    status, code = 404, "not_found"


class MethodNotAllowed(Problem):
    status, code = 405, "method_not_allowed"


class RequestTimeout(Problem):
    status, code = 408, "request_timeout"


class Conflict(Problem):
    status, code = 409, "conflict"


class Gone(Problem):
    status, code = 410, "gone"


class PayloadTooLarge(Problem):
    status, code = 413, "payload_too_large"


class UnsupportedMediaType(Problem):
    status, code = 415, "unsupported_media_type"


class Unprocessable(Problem):
    status, code = 422, "unprocessable"


class TooManyRequests(Problem):
    status, code = 429, "too_many_requests"
    key: str | None = None
    """The network whose limit is full, where networks are counted; for the log only."""

    def __init__(self, description: str, *, retry_after: int, **more: Any) -> None:
        headers = {**more.pop("headers", {}), "Retry-After": str(retry_after)}
        more.setdefault("next_step", f"Wait {retry_after} seconds, then try again.")
        super().__init__(description, headers=headers, **more)
        self.retry_after = retry_after


class Unavailable(Problem):
    status, code = 503, "unavailable"


class Internal(Problem):
    """What the outside sees of a defect: nothing but a reference to the log."""

    status, code = 500, "internal"


class OAuthError(CivitasError):
    """An OAuth 2.0 error response — RFC 6749 §5.2."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"

    def render(self, request: Request) -> Response:
        return JSONResponse(
            {"error": self.code, "error_description": ascii_description(self.description)},
            status_code=self.status,
            headers={"Cache-Control": "no-store", "Pragma": "no-cache", **self.headers},
        )


class SeeOther(CivitasError):
    """Not an error of the flow but an answer that ends it early: go to `location` (303)."""

    status: ClassVar[int] = 303
    code: ClassVar[str] = "see_other"

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location

    def render(self, request: Request) -> Response:
        # A path may hold what came with the request: nothing of it can begin another header.
        location = quote(self.location, safe="%/:=&?~#+!$,;'@()*[]")
        return Response(
            status_code=303, headers={"Location": location, "Cache-Control": "no-store"}
        )


def ascii_description(text: str) -> str:
    """The characters that RFC 6749 §5.2 allows in `error_description`."""
    replaced = text.replace('"', "'").replace("\\", "/")
    return "".join(c if " " <= c <= "~" else "?" for c in replaced)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, rather than a program."""
    return "text/html" in request.headers.get("accept", "")
