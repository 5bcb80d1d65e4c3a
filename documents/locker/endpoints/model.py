"""What issuers and requesters send and get, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldSaid(BaseModel):
    """One field of a kind's documents."""

    name: str
    label: str
    type: str
    required: bool


class KindSaid(BaseModel):
    """A kind of document: who makes it out, and what may become of it."""

    issuer: str
    issuer_name: str
    kind: str
    version: str
    title: str
    level: int
    valid_days: int | None
    purposes: list[str]
    fields: list[FieldSaid]


class KindsSaid(BaseModel):
    """Every kind of every issuer."""

    kinds: list[KindSaid]


class NewDocument(_Body):
    """A document that an issuer makes out. The person is named by `civil_number`, or by the `sub`
    under which the issuer knows them; name and birth date must be those of the register."""

    kind: str = Field(max_length=32)
    number: str = Field(max_length=64, description="Unique among the issuer's of this kind.")
    civil_number: str | None = Field(default=None, max_length=64)
    sub: str | None = Field(default=None, max_length=255)
    name: str = Field(min_length=1, max_length=300)
    birthdate: str = Field(max_length=10, description="YYYY-MM-DD")
    content: dict[str, Any] = Field(description="The kind's fields.")
    valid_until: datetime | None = None


class Why(_Body):
    """Why a document is suspended, resumed or revoked; the person reads it."""

    reason: str = Field(default="", max_length=300)


class DocumentSaid(BaseModel):
    """A document: its address, what it comes to now, and the signed original (a JWS; RFC 7515)."""

    uri: str
    issuer: str
    kind: str
    version: int
    state: str
    document: str = Field(description="Compact JWS, typ document+jwt; /documents/v1/keys verifies.")
    obligations: list[str] = Field(default_factory=list)


class WantedSaid(_Body):
    """A kind that is asked for. `parts`: some of its fields; none means all."""

    issuer: str = Field(max_length=32)
    kind: str = Field(max_length=32)
    parts: list[str] = Field(default_factory=list, max_length=60)


class NewRequest(_Body):
    """A request for documents of a person who signed in at the service."""

    sub: str = Field(max_length=255, description="The person's sub, from their ID token.")
    documents: list[WantedSaid] = Field(min_length=1, max_length=20)
    purpose: str | None = Field(default=None, max_length=128)
    return_to: str | None = Field(
        default=None, max_length=2048, description="One of the service's redirect URIs."
    )


class RequestMade(BaseModel):
    """Send the person's browser to `url`; they pick what they share."""

    id: str
    url: str
    expires_at: datetime


class SharedSaid(BaseModel):
    """One document that was shared: fetch it at `uri`, as often as it is allowed."""

    uri: str
    parts: list[str]
    until: datetime
    uses_left: int | None


class RequestSaid(BaseModel):
    """What became of a request: asked, shared, refused or expired."""

    id: str
    state: str
    purpose: str
    documents: list[SharedSaid]


class ToCheck(_Body):
    """A signed original."""

    document: str = Field(max_length=20_000)


class CheckedSaid(BaseModel):
    """Whether it is genuine, and what it comes to now: valid, expired, suspended, revoked,
    replaced, or unknown. `problem`: why it is not genuine."""

    genuine: bool
    now: str | None = None
    claims: dict[str, Any] | None = None
    problem: str | None = None


class KeySet(BaseModel):
    """A JSON Web Key Set — RFC 7517 §5."""

    keys: list[dict[str, str]]
