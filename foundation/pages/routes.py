"""Routes of the frame: static files and the choice of language."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import NotFound
from foundation.pages.language import CHOSEN_NOW, LANGUAGE_COOKIE
from foundation.pages.paths import local_path

if TYPE_CHECKING:
    from foundation.pages.rendering import Pages

_YEAR, _HOUR = 31_536_000, 3600
_FOR_EVER = "public, max-age=31536000, immutable"


def routes_of(pages: Pages) -> tuple[web.Route, ...]:
    return (
        web.Route(("GET",), "/static/{name}", partial(static_file, pages), "RFC 8246"),
        web.Route(("GET",), "/language", partial(choose_language, pages), "WCAG 2.2 §3.1"),
    )


def static_file(pages: Pages, request: Request) -> Response:
    """A static file under the name that carries its hash."""
    file = pages.static.at(request.url.path)
    if file is None:
        raise NotFound("There is no such file.")
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    content = file.content
    # Nothing secret is in them: a page is never packed, since its length would tell (BREACH).
    if _takes_gzip(request) and len(file.packed) < len(content):
        content, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(content, media_type=file.media_type, headers=headers)


def _takes_gzip(request: Request) -> bool:
    """RFC 9110 §12.5.3: named, and not with a weight of nothing."""
    for written in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = written.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def choose_language(pages: Pages, request: Request) -> Response:
    """Keep the reader's choice in a cookie and go back to the page that they came from."""
    wished = request.query_params.get("to", "")
    place, _, query = local_path(request.query_params.get("return_to")).partition("?")
    # The reader has chosen, whatever a service wished for: here, and on the pages that follow.
    kept = [part for part in query.split("&") if part and not part.startswith("ui_locales=")]
    response = RedirectResponse("?".join([place, "&".join(kept)] if kept else [place]), 303)
    if pages.words.speaks(wished):
        web.set_cookie(response, request, LANGUAGE_COOKIE, wished, max_age=_YEAR)
        web.set_cookie(response, request, CHOSEN_NOW, "1", max_age=_HOUR)
    return response
