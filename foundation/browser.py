"""What we ask of a browser: cookies, and proof that a form was ours — RFC 6265, CSRF."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque
from foundation.errors import Forbidden

CSRF_FIELD = "csrf_token"
_BROWSER = "browser"


def cookie_name(request: Request, name: str) -> str:
    """The name under which this issuer keeps its cookie `name`."""
    found: str = request.scope["civitas"].cookie_name(name)
    return found


def cookie(request: Request, name: str) -> str | None:
    """The value of our cookie `name`, or None."""
    return request.cookies.get(cookie_name(request, name))


def set_cookie(
    response: Response, request: Request, name: str, value: str, *, max_age: int | None = None
) -> None:
    """Set our cookie `name` (HttpOnly, SameSite=Lax, host-only); without `max_age` (seconds) it
    ends with the browser's session."""
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=request.scope["civitas"].secure_cookies,
        httponly=True,
        samesite="lax",
    )


def delete_cookie(response: Response, request: Request, name: str) -> None:
    response.delete_cookie(
        cookie_name(request, name),
        path="/",
        secure=request.scope["civitas"].secure_cookies,
        httponly=True,
        samesite="lax",
    )


def browser_id(request: Request) -> str:
    """A random value that this browser keeps in a cookie; made on first use.

    It carries no identity. It binds forms and stored transactions to one browser.
    """
    known = cookie(request, _BROWSER) or request.scope.get("civitas.new_browser")
    if not known:
        known = request.scope["civitas.new_browser"] = opaque.secret()
    return str(known)


def new_browser_cookie(request: Request) -> tuple[str, str] | None:
    """The cookie to be set because `browser_id` made a new value during this request."""
    made = request.scope.get("civitas.new_browser")
    return (_BROWSER, made) if made else None


def csrf_token(request: Request) -> str:
    """The token that a form of ours carries, bound to this browser."""
    mac = request.scope["civitas"].mac("csrf", browser_id(request).encode())
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def check_csrf(request: Request, form: Mapping[str, str]) -> None:
    """Refuse a state-changing request that did not come from a page of ours.

    Two independent proofs: the token in the form (or the header X-CSRF-Token), and, where the
    browser sends them, Origin or Sec-Fetch-Site. Raises Forbidden.
    """
    check_origin(request)
    given = form.get(CSRF_FIELD) or request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), csrf_token(request).encode()):
        raise _not_ours(token=False)


def check_origin(request: Request) -> None:
    """The half of `check_csrf` that the head of a request is enough for."""
    origin = request.headers.get("origin")
    ours = origin is None or origin in request.scope["civitas"].origins
    site = request.headers.get("sec-fetch-site", "same-origin")
    if not (ours and site in ("same-origin", "none")):
        raise _not_ours(origin=origin, site=site)


def _not_ours(**detail: object) -> Forbidden:
    return Forbidden(
        "This form was not sent from a page that we showed to this browser.",
        next_step="Go back, load the page again, and send the form from there.",
        detail=detail,
    )
