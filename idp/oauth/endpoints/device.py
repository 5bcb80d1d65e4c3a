"""Sign-ins of devices without a browser: what the device asks, what the person types — RFC 8628."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from foundation import web
from foundation.pages import Mistakes
from idp.oauth import device_codes
from idp.oauth.authorization_server import OAuth
from idp.oauth.endpoints.token import NO_STORE
from idp.oauth.errors import InvalidRequest

HERE = "/oauth/device"
LONGEST = 40


def start(oauth: OAuth, request: Request) -> Response:
    """The two codes, and where the person types theirs (§3.2)."""
    form = web.form(request, error=InvalidRequest)
    codes = oauth.on_devices.start(request, form)
    place = oauth.issuer + HERE
    body = {
        "device_code": codes.device,
        "user_code": codes.person,
        "verification_uri": place,
        "verification_uri_complete": f"{place}?{urlencode({'user_code': codes.person})}",
        "expires_in": oauth.settings.device_code_seconds,
        "interval": int(device_codes.INTERVAL.total_seconds()),
    }
    return JSONResponse(body, headers=NO_STORE)


def ask(oauth: OAuth, request: Request) -> Response:
    """Where a person types the code that their device shows. One in the address is written into
    the field, to be compared, and never entered by itself (§5.4)."""
    return _page(oauth, request, web.query(request).get("user_code", "")[:LONGEST])


def enter(oauth: OAuth, request: Request) -> Response:
    """On to signing in and to the question."""
    form = web.form(request)
    web.check_csrf(request, form)
    typed, mistakes = form.get("user_code", "")[:LONGEST], Mistakes()
    with mistakes.noting(user_code="user_code"):
        return oauth.responses.response(request, oauth.on_devices.enter(request, typed))
    return _page(oauth, request, typed, mistakes)


def done(oauth: OAuth, request: Request) -> Response:
    """The end of the way in the browser: the rest happens on the device."""
    refused = "error" in request.query_params
    return oauth.runtime.pages.render(request, "oauth/device_done.html", refused=refused)


def _page(oauth: OAuth, request: Request, typed: str, mistakes: Mistakes | None = None) -> Response:
    return oauth.runtime.pages.render(
        request, "oauth/device.html", mistakes=mistakes, typed={"user_code": typed}
    )
