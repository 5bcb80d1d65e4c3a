"""What we ask of a browser: cookies, and proof that a form was ours — RFC 6265, CSRF."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from foundation import opaque
from foundation.errors import Forbidden, NoCookies

CSRF_FIELD = "csrf_token"
_BROWSER = "browser"
MOST_BROWSERS = 8
"""A ninth tab that opens in the same moment as eight others is one too many."""


def cookie_name(request: Request, name: str) -> str:
    """The name under which this issuer keeps its cookie `name`."""
    found: str = request.scope["civitas"].cookie_name(name)
    return found


def cookie(request: Request, name: str) -> str | None:
    """The value of our cookie `name`, or None."""
    return request.cookies.get(cookie_name(request, name))


def set_cookie(
    response: Response,
    request: Request,
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    in_frames: bool = False,
) -> None:
    """Set our cookie `name` (HttpOnly, SameSite=Lax, host-only); without `max_age` (seconds) it
    ends with the browser's session. `in_frames`: it is sent from pages of others as well, so it
    must open nothing."""
    secure = request.scope["civitas"].secure_cookies
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=max_age,
        path="/",
        secure=secure,
        httponly=True,
        # RFC 6265bis §5.6.7: None without Secure is no cookie.
        samesite="none" if in_frames and secure else "lax",
    )


def delete_cookie(response: Response, request: Request, name: str) -> None:
    response.delete_cookie(
        cookie_name(request, name),
        path="/",
        secure=request.scope["civitas"].secure_cookies,
        httponly=True,
        samesite="lax",
    )


def family(request: Request, name: str) -> dict[str, str]:
    """Our cookies `name` and `name-…` by their full names, oldest first (RFC 6265 §5.4): one for
    each thing under way, so that what one tab begins takes nothing from another."""
    alone = cookie_name(request, name)
    return {
        known: value
        for known, value in request.cookies.items()
        if known == alone or known.startswith(f"{alone}-")
    }


def surplus(request: Request, name: str, most: int) -> list[str]:
    """Full names of the oldest of a family above `most`: it grows, but not without end."""
    return list(family(request, name))[:-most]


def delete_surplus(response: Response, request: Request, name: str, most: int) -> None:
    """Forget the oldest of a family above `most`."""
    for full in surplus(request, name, most):
        secure = request.scope["civitas"].secure_cookies
        response.delete_cookie(full, path="/", secure=secure, httponly=True, samesite="lax")


def browser_ids(request: Request) -> tuple[str, ...]:
    """Every value by which this browser is known, oldest first.

    Two tabs that open at once have no cookie yet and are given one each: both count.
    """
    made = request.scope.get("civitas.new_browser")
    known = tuple(family(request, _BROWSER).values())
    return (*known, str(made)) if made else known


def browser_id(request: Request) -> str:
    """The latest of them, for what is begun now; made on first use.

    It carries no identity. It binds forms and stored transactions to one browser.
    """
    known = browser_ids(request)
    if known:
        return known[-1]
    made: str = opaque.secret()
    request.scope["civitas.new_browser"] = made
    return made


def browser_cookies(request: Request) -> list[str]:
    """`Set-Cookie` of a value that `browser_id` made during this request, and of those too many."""
    secure = "; Secure" if request.scope["civitas"].secure_cookies else ""
    kept = f"Path=/; HttpOnly; SameSite=Lax{secure}"
    told = []
    if made := request.scope.get("civitas.new_browser"):
        name = cookie_name(request, f"{_BROWSER}-{opaque.digest(made).hex()[:8]}")
        told.append(f"{name}={made}; {kept}")
    gone = surplus(request, _BROWSER, MOST_BROWSERS) if request.cookies else ()
    return told + [f'{name}=""; Max-Age=0; {kept}' for name in gone]


def csrf_token(request: Request) -> str:
    """The token that a form of ours carries, bound to this browser."""
    return _csrf_token(request, browser_id(request))


def _csrf_token(request: Request, browser: str) -> str:
    mac = request.scope["civitas"].mac("csrf", browser.encode())
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def check_csrf(request: Request, form: Mapping[str, str]) -> None:
    """Refuse a state-changing request that did not come from a page of ours.

    Two independent proofs: the token in the form (or the header X-CSRF-Token), and, where the
    browser sends them, Origin or Sec-Fetch-Site. Raises Forbidden.
    """
    check_origin(request)
    browsers = browser_ids(request)
    if not browsers:
        raise NoCookies
    given = (form.get(CSRF_FIELD) or request.headers.get("x-csrf-token", "")).encode()
    fits = [hmac.compare_digest(given, _csrf_token(request, b).encode()) for b in browsers]
    if not any(fits):
        raise _not_ours(token=False)


def is_from_elsewhere(request: Request) -> bool:
    """Whether a page of another origin made the browser send this. Our cookies stay behind then,
    unless it is a GET that opens a page (RFC 6265bis §5.6.7.1)."""
    origin = request.headers.get("origin")
    ours = origin is None or origin in request.scope["civitas"].origins
    return not (ours and request.headers.get("sec-fetch-site", "none") in ("same-origin", "none"))


def check_origin(request: Request) -> None:
    """The half of `check_csrf` that the head of a request is enough for."""
    if is_from_elsewhere(request):
        sent = request.headers
        raise _not_ours(origin=sent.get("origin"), site=sent.get("sec-fetch-site"))


def _not_ours(**detail: object) -> Forbidden:
    return Forbidden(
        "This form was not sent from a page that we showed to this browser.",
        next_step="Go back, load the page again, and send the form from there.",
        detail=detail,
    )
