"""A service's request for documents, as the person sees it: nothing is ticked in advance."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from documents.locker.endpoints.account import fields_of
from documents.locker.locker import Locker
from foundation import web
from foundation.errors import BadRequest
from foundation.pages import N_

_PICK = "pick."
LASTING = {"once": (1, None), "month": (None, 30), "until": (None, None)}
"""How long it may be fetched: (number of times, days)."""


def show(locker: Locker, request: Request) -> Response:
    """Who asks, for what, and what there is to pick."""
    person_id = web.require(request, kind="citizen").id
    words = locker.runtime.pages.translator(request)
    page = locker.asking.page(person_id, request.path_params["request_id"], words)
    language = words.language
    return locker.runtime.pages.render(
        request,
        "locker/request.html",
        page=page,
        site=urlsplit(page.asked.return_to or "").netloc,
        purpose=locker.policies.catalogue.purposes[page.asked.purpose],
        offers=[
            {
                "title": offer.kind.title_in(language),
                "issuer": locker.kinds.issuers[offer.kind.issuer].name_in(language),
                "parts": [offer.kind.fields[part].label_in(language) for part in offer.parts],
                "documents": [
                    (
                        document,
                        fields_of(
                            offer.kind,
                            {
                                name: value
                                for name, value in document.content.fields.items()
                                if name in offer.parts
                            },
                            language,
                        ),
                    )
                    for document in offer.documents
                    if document.content is not None
                ],
            }
            for offer in page.offers
        ],
    )


def answer(locker: Locker, request: Request) -> Response:
    """Share what was ticked, or nothing; refusing is one click, like sharing."""
    person_id = web.require(request, kind="citizen").id
    form = web.form(request)
    web.check_csrf(request, form)
    said = form.required("answer")
    if said not in ("share", "refuse"):
        raise BadRequest("The answer must be share or refuse.", where="answer")
    picked = [name.removeprefix(_PICK) for name in form if name.startswith(_PICK)]
    if said == "share" and not picked:
        raise BadRequest(
            N_("You ticked nothing, so nothing would be shared."),
            next_step=N_("Go back and tick a document, or refuse."),
        )
    uses, days = LASTING.get(form.get("lasting", "once"), LASTING["once"])
    asked = locker.asking.answer(
        person_id,
        request.path_params["request_id"],
        picked if said == "share" else (),
        form.required("notice"),
        locker.runtime.pages.translator(request),
        uses=uses,
        days=days,
    )
    state = "shared" if said == "share" else "refused"
    if asked.return_to is None:
        return RedirectResponse(f"/account/documents?answered={state}", 303)
    return RedirectResponse(_with(asked.return_to, request_id=asked.id, state=state), 303)


def _with(address: str, **said: str) -> str:
    """An address with more in its query."""
    parts = urlsplit(address)
    query = "&".join(filter(None, (parts.query, urlencode(said))))
    return urlunsplit(parts._replace(query=query))
