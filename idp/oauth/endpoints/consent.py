"""The consent page: who asks, for what purpose, what exactly — ISO/IEC 29184, GDPR art. 7."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from foundation import web
from foundation.errors import BadRequest
from foundation.settings import Jurisdiction
from idp.oauth import details
from idp.oauth.authorization.answering import ConsentPage
from idp.oauth.authorization_server import OAuth
from idp.oauth.choices import Choices

_GIVE = "give."


def show(oauth: OAuth, request: Request) -> Response:
    """The question, with nothing ticked in advance."""
    handle = web.query(request).required("transaction")
    page = oauth.answering.page(request, handle)
    return oauth.runtime.pages.render(
        request, "oauth/consent.html", leads_back=True, **_context(oauth, request, page)
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
    return oauth.responses.response(request, location)


def _context(oauth: OAuth, request: Request, page: ConsentPage) -> dict[str, Any]:
    catalogue, question, person = oauth.policies.catalogue, page.question, page.person
    known = oauth.releases.shown_to(
        person.subject,
        person.session_id,
        person.acr_level,
        (*question.needed, *question.optional, *question.by_law),
    )
    translate = oauth.runtime.pages.translator(request)
    asked = page.transaction.request
    on_device, elsewhere = asked.device is not None, asked.backchannel is not None
    choices = Choices(catalogue, page.client, known, question.covered, translate)
    return {
        "client": page.client,
        # Where the code goes, whatever a service says of itself.
        "site": "" if on_device or elsewhere else urlsplit(asked.redirect_uri).netloc,
        "on_device": on_device,
        "asked_elsewhere": elsewhere,
        "binding_message": oauth.backchannel.message(asked.backchannel),
        "purpose": catalogue.purposes[question.purpose],
        "needed": choices.of(question.needed),
        "optional": choices.of(question.optional),
        "by_law": choices.of(question.by_law),
        "step": _step(oauth, page),
        "details": details.shown(question.details, catalogue.authorization_types, translate),
        "offline": question.offline,
        "offline_days": oauth.settings.offline_grant_seconds // 86_400,
        "notice": page.notice,
        "notice_digest": page.notice_digest,
        "handle": page.transaction.handle,
    }


def _step(oauth: OAuth, page: ConsentPage) -> int:
    """Which of the two questions this is, where a broker stands between person and service: its
    provider asks first, for the broker, then the broker, for the service. 0 where there is one."""
    if oauth.runtime.settings.of(Jurisdiction).governance == "broker":
        return 2
    return 1 if page.client.passes_on else 0
