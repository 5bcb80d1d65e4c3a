"""The citizen's own documents: what there is, who can see it, links, print — GDPR art. 15."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from documents.locker import sheet
from documents.locker.document import Document, Mismatch
from documents.locker.kinds import Kind, KindField
from documents.locker.links import MOST_USES
from documents.locker.locker import Locker, Whole
from documents.locker.picture import as_picture
from documents.locker.settings import DocumentsSettings
from documents.locker.store import PAGE
from foundation import web
from foundation.pages import Mistakes, Question, ask_first
from foundation.pages.language import N_

CHECK_IT = N_(
    "Scan the code to check this paper, or see %(place)s. "
    "What counts is what the check shows, not what is printed."
)
_END_LINK = Question(
    N_("Shall this link end?"),
    (N_("Whoever has its address sees nothing any more. It cannot be made to work again."),),
    N_("End the link"),
)


def listing(locker: Locker, request: Request) -> Response:
    """What issuers have for me, newest first; requests that wait, and what did not match."""
    person_id = _citizen(request)
    query = web.query(request)
    words, after = query.get("words", "")[:100], _number(query.get("after", ""))
    found, more = locker.of_person(person_id, words, after)
    language = _language(locker, request)
    return locker.runtime.pages.render(
        request,
        "locker/list.html",
        documents=[_row(locker, document, language) for document in found],
        words=words,
        after=after,
        older=after + PAGE if more else None,
        requests=locker.asking.waiting(person_id),
        mismatches=[_mismatch(locker, one, language) for one in locker.mismatches(person_id)],
        answered=query.get("answered", ""),
    )


def show(locker: Locker, request: Request) -> Response:
    """One document: what it says, who can see it, its history."""
    person_id = _citizen(request)
    return _whole(locker, request, locker.whole(person_id, _document_id(request)))


def _whole(
    locker: Locker,
    request: Request,
    whole: Whole,
    mistakes: Mistakes | None = None,
    typed: Mapping[str, str] | None = None,
    address: str = "",
) -> Response:
    now, language = locker.runtime.clock.now(), _language(locker, request)
    return locker.runtime.pages.render(
        request,
        "locker/document.html",
        mistakes=mistakes,
        typed=typed,
        **_told(locker, whole.document, whole.kind, language),
        history=whole.history,
        shares=[(share, name, share.active_at(now)) for share, name in whole.shares],
        links=[link for link in whole.links if link.active_at(now)],
        parts=_parts(whole.kind, language),
        link_days=locker.runtime.settings.of(DocumentsSettings).link_days,
        most_uses=MOST_USES,
        address=address,
        picture=as_picture(address) if address else "",
    )


def original(locker: Locker, request: Request) -> Response:
    """The signed original, to keep or to send."""
    document, token = locker.original(_citizen(request), _document_id(request))
    return Response(
        token,
        media_type="application/jose",
        headers={
            "Content-Disposition": f'attachment; filename="{document.kind}-{document.id}.jws"',
            "Cache-Control": "no-store",
        },
    )


def as_pdf(locker: Locker, request: Request) -> Response:
    """The same as a PDF under the issuer's seal, with the original inside."""
    document, token = locker.original(_citizen(request), _document_id(request))
    words, pages = locker.runtime.pages.translator(request), locker.runtime.pages
    kind = locker.kinds.kinds.get((document.issuer, document.kind))
    told = _told(locker, document, kind, words.language)
    place = f"{locker.originals.url}/check"
    drawn = sheet.draw(
        told["title"],
        sheet.facts_in(pages.document("locker/facts.html", (words.language,), **told)),
        words(CHECK_IT, place=place),
        f"{place}?document={token}",
        token,
        language=words.language,
        right_to_left=words.direction == "rtl",
        made_at=document.changed_at,
        fonts=locker.fonts,
    )
    return Response(
        locker.seals.seal(document.issuer, drawn),
        media_type="application/pdf",
        headers={
            "Content-Disposition": f'attachment; filename="{document.kind}-{document.id}.pdf"',
            "Cache-Control": "no-store",
        },
    )


def print_out(locker: Locker, request: Request) -> Response:
    """On paper, with a code that anybody can check, without a network too."""
    document, token = locker.original(_citizen(request), _document_id(request))
    kind = locker.kinds.kinds.get((document.issuer, document.kind))
    address = f"{locker.originals.url}/check?document={token}"
    return locker.runtime.pages.render(
        request,
        "locker/print.html",
        **_told(locker, document, kind, _language(locker, request)),
        picture=as_picture(address),
        place=f"{locker.originals.url}/check",
        check_it=CHECK_IT,
    )


def make_link(locker: Locker, request: Request) -> Response:
    """An address that shows the document, for a time or a number of times."""
    person_id, form = _posted(request)
    document_id, mistakes = _document_id(request), Mistakes()
    parts = [name.removeprefix("part.") for name in form if name.startswith("part.")]
    whole = locker.whole(person_id, document_id)
    with mistakes.noting("days"):
        uses = _number(form.get("uses", ""), wrong=-1) if form.get("uses") else None
        days = _number(form.get("days", ""))
        every = whole.kind is not None and set(parts) == set(whole.kind.fields)
        _, secret = locker.links.make(person_id, document_id, days, uses, () if every else parts)
        address = f"{locker.originals.url}/d/{secret}"
        return _whole(locker, request, locker.whole(person_id, document_id), address=address)
    return _whole(locker, request, whole, mistakes, form)


def end_link(locker: Locker, request: Request) -> Response:
    """End a link, after the page that asks."""
    person_id, form = _posted(request)
    document_id = _document_id(request)
    link_id = form.required("link")
    back = f"/account/documents/{document_id}"
    asked = ask_first(locker.runtime.pages, request, form, _END_LINK, version=link_id, back=back)
    if asked is not None:
        return asked
    locker.links.end(person_id, document_id, link_id)
    return RedirectResponse(back, 303)


# ── what pages say ────────────────────────────────────────────────────────────────────


def fields_of(kind: Kind | None, fields: Mapping[str, Any], language: str) -> list[Any]:
    """(label, value, type) of each field that there is, in the kind's order."""
    known: list[KindField] = list(kind.field) if kind is not None else []
    return [
        (
            f.label_in(language),
            date.fromisoformat(fields[f.name]) if f.type == "date" else fields[f.name],
            f.type,
        )
        for f in known
        if f.name in fields
    ]


def _told(locker: Locker, document: Document, kind: Kind | None, language: str) -> dict[str, Any]:
    issuer = locker.kinds.issuers.get(document.issuer)
    content = document.content
    return {
        "document": document,
        "title": kind.title_in(language) if kind else document.kind,
        "issuer": issuer.name_in(language) if issuer else document.issuer,
        "content": content,
        "fields": fields_of(kind, content.fields, language) if content else [],
        "standing": document.standing(locker.runtime.clock.now()),
        "uri": locker.originals.uri(document.issuer, document.kind, content.number)
        if content
        else "",
    }


def _row(locker: Locker, document: Document, language: str) -> dict[str, Any]:
    kind = locker.kinds.kinds.get((document.issuer, document.kind))
    return _told(locker, document, kind, language)


def _mismatch(locker: Locker, one: Mismatch, language: str) -> dict[str, Any]:
    kind, issuer = (
        locker.kinds.kinds.get((one.issuer, one.kind)),
        locker.kinds.issuers.get(one.issuer),
    )
    return {
        "title": kind.title_in(language) if kind else one.kind,
        "issuer": issuer.name_in(language) if issuer else one.issuer,
        "what": one.what,
        "at": one.at,
    }


def _parts(kind: Kind | None, language: str) -> list[tuple[str, str]]:
    return [(f.name, f.label_in(language)) for f in kind.field] if kind is not None else []


def _citizen(request: Request) -> str:
    return web.require(request, kind="citizen").id


def _posted(request: Request) -> tuple[str, web.Form]:
    person_id = _citizen(request)
    form = web.form(request)
    web.check_csrf(request, form)
    return person_id, form


def _document_id(request: Request) -> str:
    document_id: str = request.path_params["document_id"]
    return document_id


def _language(locker: Locker, request: Request) -> str:
    return locker.runtime.pages.translator(request).language


def _number(text: str, wrong: int = 0) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else wrong
