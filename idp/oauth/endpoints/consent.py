"""The consent page: who asks, for what purpose, what exactly — ISO/IEC 29184, GDPR art. 7."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import BadRequest
from idp.oauth.authorization.answering import ConsentPage
from idp.oauth.wing import OAuth

_GIVE = "give."


def show(oauth: OAuth, request: Request) -> Response:
    """The question, with nothing ticked in advance."""
    handle = web.query(request).required("transaction")
    page = oauth.answering.page(request, handle)
    return oauth.ground.pages.render(
        request, "oauth/consent.html", leads_back=True, **_context(oauth, page)
    )


def answer(oauth: OAuth, request: Request) -> Response:
    """The answer; refusing is one click, like accepting."""
    form = web.form(request)
    web.check_csrf(request, form)
    handle, choice = form.required("transaction"), form.required("answer")
    if choice == "refuse":
        location = oauth.answering.refuse(request, handle)
    elif choice == "accept":
        ticked = {name.removeprefix(_GIVE) for name in form if name.startswith(_GIVE)}
        location = oauth.answering.accept(request, handle, ticked, form.required("notice"))
    else:
        raise BadRequest("The answer must be accept or refuse.", where="answer")
    return Response(status_code=303, headers={"Location": location, "Cache-Control": "no-store"})


def _context(oauth: OAuth, page: ConsentPage) -> dict[str, Any]:
    catalogue, question = oauth.policies.catalogue, page.question
    return {
        "client": page.client,
        # Where the code goes, whatever a service says of itself.
        "site": urlsplit(page.transaction.request.redirect_uri).netloc,
        "purpose": catalogue.purposes[question.purpose],
        "needed": [catalogue.attributes[name] for name in question.needed],
        "optional": [catalogue.attributes[name] for name in question.optional],
        "by_law": [catalogue.attributes[name] for name in question.by_law],
        "covered": question.covered,
        "offline": question.offline,
        "offline_days": oauth.settings.offline_grant_seconds // 86_400,
        "notice": page.notice,
        "notice_digest": page.notice_digest,
        "handle": page.transaction.handle,
    }
