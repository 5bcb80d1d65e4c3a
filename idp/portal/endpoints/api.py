"""The citizen's own consents and ledger for their programs — GDPR art. 15, 20; TS 27560."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from foundation import web
from idp.portal import ledger
from idp.portal.endpoints.consents import as_json
from idp.portal.portal import Portal

ConsentId = Annotated[str, Path(max_length=64, description="The id of a consent of yours.")]
Before = Annotated[
    str | None, Query(max_length=64, description="The id of the last entry that you have seen.")
]
Limit = Annotated[int, Query(ge=1, le=200, description="How many entries at most.")]


class NoticeShown(BaseModel):
    """The notice that the person answered, word for word."""

    version: str
    language: str
    text: str | None


class ConsentShown(BaseModel):
    """One answer of the citizen."""

    id: str
    service: str
    service_name: str
    purpose: str
    attributes: list[str]
    refused: list[str]
    state: str
    given_at: str
    not_after: str
    ended_at: str | None
    retention_days: int
    notice: NoticeShown


class Consents(BaseModel):
    """All answers of the citizen, newest first."""

    consents: list[ConsentShown]


class Wish(BaseModel):
    """Why the citizen withdraws; they need not say."""

    reason: str = Field(default="", max_length=1000)


class Withdrawn(BaseModel):
    """The signed receipt, and how many of what ended with the consent."""

    receipt: str
    ended: dict[str, int]


class ActorShown(BaseModel):
    kind: str
    id: str


class EntryShown(BaseModel):
    """One entry of the ledger, with what finds it in the public audit tree."""

    event_id: str
    kind: str
    at: str
    actor: ActorShown
    details: dict[str, Any]
    readable: bool
    leaf_index: int | None
    ref: str
    sealed_sha256: str


class Ledger(BaseModel):
    """Entries, newest first; `next` is the `before` of the following page."""

    entries: list[EntryShown]
    next: str | None


def list_consents(portal: Portal, request: Request) -> Consents:
    """The signed-in citizen's consents, ended ones too."""
    person_id = portal.citizen(request)
    found = portal.policies.consent.list(person_id)
    return Consents(consents=[ConsentShown(**as_json(c)) for c in found])


def withdraw_consent(
    portal: Portal, request: Request, consent_id: ConsentId, wish: Wish | None = None
) -> Withdrawn:
    """Withdraw one consent, and everything that rests on it.

    A browser's session needs the header X-CSRF-Token.
    """
    person_id = portal.citizen(request)
    if "authorization" not in request.headers:
        web.check_csrf(request, {})
    receipt = portal.withdrawal.withdraw(consent_id, person_id, wish.reason if wish else "")
    return Withdrawn(receipt=receipt.token, ended={e.what: e.count for e in receipt.ended})


def read_ledger(
    portal: Portal, request: Request, before: Before = None, limit: Limit = 50
) -> Ledger:
    """The signed-in citizen's ledger."""
    person_id = portal.citizen(request)
    entries = portal.runtime.audit.ledger(person_id, before, limit + 1)
    shown = [EntryShown(**ledger.as_json(e)) for e in entries[:limit]]
    return Ledger(entries=shown, next=shown[-1].event_id if len(entries) > limit else None)
