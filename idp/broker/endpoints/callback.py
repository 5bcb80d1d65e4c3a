"""The answer of a provider, at a redirect URI of its own — OIDC Core §3.1.2.5, RFC 9207."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from idp.broker.broker import SESSION, Broker
from idp.broker.endpoints import choose
from idp.broker.signing_in import SignInFailed, UnderWay, over

_WAITED = "waited"
_MOST_WAITS = 30
"""Seconds, and pages that reload themselves: longer than a provider is waited for."""


def callback(broker: Broker, request: Request) -> Response:
    """Go on where the service's request waits; on a failure say why and offer the others."""
    answer = web.query(request)
    try:
        signed_in = broker.signing_in.finish(
            request.path_params["provider"], answer, web.browser_ids(request)
        )
    except SignInFailed as failure:
        return choose.page(broker, request, failure.wish, failure)
    except UnderWay as first:
        return _one_moment(broker, request, answer, first)
    there = broker.session(request) if signed_in.again else None
    if there is not None and there.person_id != signed_in.person_id:
        raise over(signed_in.return_to)
    broker.make_way(request, signed_in.person_id)
    response = RedirectResponse(signed_in.return_to, 303, headers={"Cache-Control": "no-store"})
    web.set_cookie(response, request, SESSION, signed_in.cookie)
    return response


def _one_moment(broker: Broker, request: Request, answer: web.Form, first: UnderWay) -> Response:
    """The same answer came twice, and the first is still being looked at: its outcome is for the
    second, which the browser waits for."""
    waited = answer.get(_WAITED, "0")
    times = int(waited) if waited.isdecimal() and len(waited) < 3 else _MOST_WAITS
    if times >= _MOST_WAITS:
        raise over(first.wish.return_to)
    again = f"{request.url.path}?{urlencode({**answer, _WAITED: str(times + 1)})}"
    broker.runtime.pages.prefer(request, first.wish.ui_locales)
    page = broker.runtime.pages.render(request, "broker/one_moment.html", again=again)
    page.headers["Refresh"] = f"1; url={again}"
    return page
