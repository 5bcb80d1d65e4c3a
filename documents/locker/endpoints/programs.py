"""For programs: issuers make documents out, services ask for them and fetch them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from starlette.responses import JSONResponse, Response

from documents.locker.document import Document, Wanted
from documents.locker.endpoints.model import (
    CheckedSaid,
    DocumentSaid,
    FieldSaid,
    KeySet,
    KindSaid,
    KindsSaid,
    NewDocument,
    NewRequest,
    RequestMade,
    RequestSaid,
    SharedSaid,
    ToCheck,
    Why,
)
from documents.locker.issuing import Act, MadeOut
from documents.locker.links import BUCKET, MINUTE
from documents.locker.locker import Locker
from documents.locker.originals import NotGenuine
from documents.locker.settings import DocumentsSettings
from foundation import web
from foundation.audit import Actor

ISSUES, ASKS = "documents:issue", "documents:request"
IssuerId = Annotated[str, Path(max_length=32, description="The issuer.")]
KindId = Annotated[str, Path(max_length=32, description="Its kind of document.")]
Number = Annotated[str, Path(max_length=64, description="The document's number.")]
RequestId = Annotated[str, Path(max_length=32, description="The id of a request, `drq_…`.")]
PUBLIC = {"Cache-Control": "public, max-age=600"}


def kinds(locker: Locker, request: Request, response: Response) -> KindsSaid:
    """List every kind of document that is made out here."""
    response.headers.update(PUBLIC)
    return KindsSaid(
        kinds=[
            KindSaid(
                issuer=kind.issuer,
                issuer_name=locker.kinds.issuers[kind.issuer].name,
                kind=kind.id,
                version=kind.version,
                title=kind.title,
                level=kind.level,
                valid_days=kind.valid_days,
                purposes=list(kind.purposes),
                fields=[
                    FieldSaid(name=f.name, label=f.label, type=f.type, required=f.required)
                    for f in kind.field
                ],
            )
            for kind in locker.kinds.kinds.values()
        ]
    )


def keys(locker: Locker, request: Request, response: Response) -> KeySet:
    """The keys that verify originals, those of long ago too."""
    response.headers.update(PUBLIC)
    return KeySet.model_validate(locker.originals.keys())


def make_out(locker: Locker, request: Request, new: NewDocument) -> Response:
    """Make a document out, or its next version if the number is there already.

    201 for a new one, 200 for one that was there. Name and birth date that are not those of the
    register under this number give no document (422, `person_does_not_match`).
    """
    caller = web.require(request, kind="service", scope=ISSUES)
    made = MadeOut(
        kind=new.kind,
        number=new.number,
        name=new.name,
        birthdate=new.birthdate,
        content=new.content,
        civil_number=new.civil_number,
        subject=new.sub,
        valid_until=new.valid_until,
    )
    issuer = locker.issuing.issuer_of(caller.id)
    document, is_new = locker.issuing.make_out(issuer, made, Actor("service", caller.id))
    document, original = locker.issuing.own(caller.id, new.kind, new.number)
    said = _said(locker, document, new.number, original)
    return JSONResponse(
        said.model_dump(mode="json"),
        status_code=201 if is_new else 200,
        headers={"Cache-Control": "no-store", "Location": said.uri},
    )


def act(
    locker: Locker,
    act_: Act,
    request: Request,
    kind: KindId,
    number: Number,
    why: Why,
) -> DocumentSaid:
    """Take one step in a document's life; it counts from the next look at it."""
    caller = web.require(request, kind="service", scope=ISSUES)
    locker.issuing.act(caller.id, kind, number, act_, why.reason)
    document, original = locker.issuing.own(caller.id, kind, number)
    return _said(locker, document, number, original)


def fetch(
    locker: Locker, request: Request, issuer: IssuerId, kind: KindId, number: Number
) -> DocumentSaid:
    """Fetch a document that a person shared, or, as its issuer, one's own.

    Each fetch by a service is decided anew, and stands in the person's ledger. 403 says why not.
    """
    caller = web.require(request, kind="service")
    own = locker.kinds.of_client(caller.id)
    if own is not None and own.id == issuer and ISSUES in caller.scopes:
        document, original = locker.issuing.own(caller.id, kind, number)
        return _said(locker, document, number, original)
    caller = web.require(request, kind="service", scope=ASKS)
    found = locker.asking.fetch(caller.id, issuer, kind, number)
    return DocumentSaid(
        uri=found.uri,
        issuer=issuer,
        kind=kind,
        version=found.version,
        state=found.standing,
        document=found.original,
        obligations=list(found.obligations),
    )


def ask(locker: Locker, request: Request, new: NewRequest) -> RequestMade:
    """Ask a person for documents; send their browser to the `url` of the answer."""
    caller = web.require(request, kind="service", scope=ASKS)
    wanted = [
        Wanted(f"document.{one.issuer}.{one.kind}", tuple(dict.fromkeys(one.parts)))
        for one in new.documents
    ]
    asked = locker.asking.ask(caller.id, new.sub, wanted, new.purpose, new.return_to)
    return RequestMade(
        id=asked.id,
        url=f"{locker.originals.url}/account/documents/requests/{asked.id}",
        expires_at=asked.expires_at,
    )


def asked(locker: Locker, request: Request, request_id: RequestId) -> RequestSaid:
    """What became of a request, and where what was shared is fetched."""
    caller = web.require(request, kind="service", scope=ASKS)
    found, given = locker.asking.of_service(caller.id, request_id)
    late = found.state == "asked" and found.expires_at <= locker.runtime.clock.now()
    return RequestSaid(
        id=found.id,
        state="expired" if late else found.state,
        purpose=found.purpose,
        documents=[
            SharedSaid(
                uri=uri, parts=list(share.parts), until=share.not_after, uses_left=share.uses_left
            )
            for share, uri in given
        ],
    )


def check(locker: Locker, request: Request, given: ToCheck) -> CheckedSaid:
    """Check an original: is it genuine, and does it still count?"""
    count(locker, request)
    try:
        found = locker.checking.check(given.document)
    except NotGenuine as problem:
        return CheckedSaid(genuine=False, problem=str(problem))
    return CheckedSaid(genuine=True, now=found.now, claims=dict(found.claims))


def count(locker: Locker, request: Request) -> None:
    """Checks are for strangers, so they are counted by where they come from."""
    runtime = locker.runtime
    most = runtime.settings.of(DocumentsSettings).openings_per_minute
    now = runtime.clock.now()
    with runtime.database.write() as uow:
        runtime.rates.attempt_from(uow, BUCKET, web.client_address(request), most, MINUTE, now)


def _said(locker: Locker, document: Document, number: str, original: str) -> DocumentSaid:
    return DocumentSaid(
        uri=locker.originals.uri(document.issuer, document.kind, number),
        issuer=document.issuer,
        kind=document.kind,
        version=document.version,
        state=document.standing(locker.runtime.clock.now()),
        document=original,
    )
