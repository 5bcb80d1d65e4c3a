"""Try a sign-in: the code flow in this browser as a test service, and what it gets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation import web
from foundation.errors import OAuthError
from foundation.settings import Server
from idp.developers.developers import Developers


def prepare(developers: Developers, request: Request) -> Response:
    """An address that begins it: in this browser, or in a private window beside it."""
    owner, _ = developers.posted(request)
    mine = developers.service_of(owner, request.path_params["client_id"])
    secret = developers.begin_trial(owner, mine.client.id)
    here = f"/developers/trials/{secret}"
    return developers.runtime.pages.render(
        request,
        "developers/try.html",
        client=mine.client,
        here=here,
        address=developers.runtime.settings.of(Server).url + here,
        is_citizen=owner.kind == "citizen",
        minutes=developers.settings.trial_seconds // 60,
    )


def begin(developers: Developers, request: Request) -> Response:
    """Off to the authorization endpoint, as the service would send the browser."""
    place = developers.go_and_try(request, request.path_params["secret"])
    return RedirectResponse(place, 303)


def tried(developers: Developers, request: Request) -> Response:
    """Where the browser comes back to. Who is signed in now is the resident; the page shows what
    the service would have got of them, in the browser that began it, once."""
    answer = web.query(request)
    refused: tuple[str, str] | None = None
    client, result = None, None
    try:
        client, result = developers.tried(request, answer)
    except OAuthError as error:
        refused = error.told[1], error.description
    if result is None and refused is None:
        refused = answer.get("error", "")[:100], answer.get("error_description", "")[:300]
    shown = () if result is None else (
        ("ID token", _as_text({**result.id_token_header}), _as_text(result.id_token)),
        ("Userinfo", "", _as_text(result.userinfo)),
        ("Access token", "", _as_text(result.access_token)),
    )  # fmt: skip
    return developers.runtime.pages.render(
        request,
        "developers/tried.html",
        client=client,
        refused=refused,
        shown=shown,
        scope="" if result is None else result.scope,
        refreshes=result is not None and result.refreshes,
    )


def _as_text(claims: Mapping[str, Any]) -> str:
    return json.dumps(claims, ensure_ascii=False, indent=2)
