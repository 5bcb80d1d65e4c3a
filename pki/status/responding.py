"""The OCSP responder: whose certificate is it, what is it worth now — RFC 6960, RFC 5019.

Answers to single questions are signed once and kept in memory for half of their life. The record
is read for each question, so a revocation by any process changes the next answer. While nothing
new can be signed, or the record cannot be read, the kept answer is told for the whole of its life.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any

from sqlalchemy import Row

from foundation.database import Database
from pki.hierarchy.hierarchy import Authority, Hierarchy
from pki.settings import PkiSettings
from pki.status import answers, store
from pki.status.answers import Single
from pki.status.asking import HASHES, NONCE, Asked, CertId, Malformed, parse
from pki.status.beginning import begins
from pki.status.responders import Responders
from pki.x509.public_key import bits_in, info_of

MOST_KEPT = 16 * 1024 * 1024
"""Octets of answers in memory."""
SMALL = 256
"""Octets: as many as a request about one certificate has."""
log = logging.getLogger("civitas.pki")
LOOK_AGAIN = timedelta(seconds=1)
"""How old what we know of the issuers may be: another process founds one, or distrusts it."""

ANY = object()
"""The state of a certificate while the record cannot be read."""

Issuers = Mapping[tuple[bytes, bytes, bytes], Authority]


@dataclass(frozen=True, slots=True)
class Answer:
    """An OCSPResponse, DER. Without instants it is an error, which nobody may keep; nor is what
    was made for one caller (`lasting` False)."""

    der: bytes
    produced_at: datetime | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    lasting: bool = False


class Responding:
    def __init__(
        self,
        database: Database,
        hierarchy: Hierarchy,
        responders: Responders,
        settings: PkiSettings,
    ) -> None:
        self._database = database
        self._hierarchy = hierarchy
        self._responders = responders
        self._life = timedelta(minutes=settings.ocsp_minutes)
        self._issuers: Issuers = {}
        self._looked_at: datetime | None = None
        self._kept = Kept(MOST_KEPT)
        self._fails = False

    def answer(self, body: bytes, now: datetime) -> Answer:
        """The answer to a DER request; to a bad one an answer that says so."""
        try:
            asked = _asked(body)
        except Malformed:
            return Answer(answers.MALFORMED_REQUEST)
        # Whatever hinders, what was signed holds; without it: come again (RFC 6960 §2.3).
        state: object = ANY
        try:
            issuers = {self._issuer(one, now) for one in asked.certificates}
            authority = issuers.pop()
            if authority is None or issuers:
                # Not ours, or of several authorities: nobody signs for all of them.
                return Answer(answers.UNAUTHORIZED)
            rows = self._rows(asked)
            state = _state(rows[0], authority)
            told = self._about(asked, rows, state, authority, now)
            self._fails = False
            return told
        except Exception:
            if not self._fails:  # said once, not with every question
                log.exception("OCSP answers cannot be made now; those that still hold are told")
            self._fails = True
            return self._still_good(asked, state, now) or Answer(answers.TRY_LATER)

    def _rows(self, asked: Asked) -> list[Row[Any] | None]:
        with self._database.read() as uow:
            return [
                store.status(uow, f"{one.serial:x}" if one.serial > 0 else "")
                for one in asked.certificates
            ]

    def _still_good(self, asked: Asked, state: object, now: datetime) -> Answer | None:
        """The kept answer while it may be relied on, in a state that is the certificate's still,
        as far as that can be read."""
        if not _alone(asked):
            return None
        kept = self._kept.get(asked.certificates[0].der, state)
        good = kept is not None and kept.next_update is not None and now < kept.next_update
        return kept if good else None

    def _about(
        self,
        asked: Asked,
        rows: list[Row[Any] | None],
        state: object,
        authority: Authority,
        now: datetime,
    ) -> Answer:
        alone = _alone(asked)
        if alone:
            kept = self._kept.get(asked.certificates[0].der, state)
            if kept is not None and kept.produced_at is not None:
                age = now - kept.produced_at
                if timedelta(0) <= age < self._life / 2:
                    return kept
        singles = [
            Single(one, _status(row, authority))
            for one, row in zip(asked.certificates, rows, strict=True)
        ]
        responder = self._responders.standing(authority, now)
        produced_at = now.replace(microsecond=0)
        revoked = [row.revoked_at for row in rows if row is not None and row.revoked_at]
        this_update = begins(produced_at, revoked)
        next_update = min(produced_at + self._life, responder.not_after)
        made = Answer(
            answers.answer(singles, responder, produced_at, this_update, next_update, asked.nonce),
            produced_at,
            this_update,
            next_update,
            lasting=asked.nonce is None,
        )
        # What is not on record is not kept: anybody can ask for as much of it as they like.
        if alone and state is not None:
            self._kept.put(asked.certificates[0].der, state, made)
        return made

    def _issuer(self, one: CertId, now: datetime) -> Authority | None:
        key = (one.algorithm, one.name_hash, one.key_hash)
        if one.algorithm not in HASHES:
            return None
        looked_at = self._looked_at
        if looked_at is None or not timedelta(0) <= now - looked_at < LOOK_AGAIN:
            self._looked_at = now
            self._hierarchy.read_again()
            self._issuers = _by_hash(self._hierarchy)
        return self._issuers.get(key)


def _asked(body: bytes) -> Asked:
    """The request. Most are repeated byte for byte, and are read once; one with a nonce is not."""
    return _read(body) if len(body) <= SMALL and NONCE not in body else parse(body)


@lru_cache(maxsize=4096)
def _read(body: bytes) -> Asked:
    return parse(body)


class Kept:
    """Signed answers by what was asked, the least asked for forgotten first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._answers: OrderedDict[bytes, tuple[object, Answer]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes, state: object) -> Answer | None:
        """The answer, if it was made in this very state of the certificate (ANY: in whichever)."""
        with self._lock:
            found = self._answers.get(key)
            if found is None or state not in (ANY, found[0]):
                return None
            self._answers.move_to_end(key)
            return found[1]

    def put(self, key: bytes, state: object, answer: Answer) -> None:
        with self._lock:
            self._forget(self._answers.pop(key, None))
            self._answers[key] = (state, answer)
            self._size += len(answer.der)
            while self._size > self._most:
                self._forget(self._answers.popitem(last=False)[1])

    def _forget(self, old: tuple[object, Answer] | None) -> None:
        self._size -= len(old[1].der) if old is not None else 0


def _alone(asked: Asked) -> bool:
    """Whether the answer is one that can be kept."""
    return asked.nonce is None and len(asked.certificates) == 1


def _state(row: Row[Any] | None, authority: Authority) -> tuple[object, ...] | None:
    """What decides the answer; None for what this authority did not issue."""
    if row is None or row.state != "issued" or row.authority_kid != authority.kid:
        return None
    return (row.revoked_at, row.revocation_reason)


def _status(row: Row[Any] | None, authority: Authority) -> bytes:
    if row is None or _state(row, authority) is None:
        return answers.UNKNOWN
    if row.revoked_at is None:
        return answers.GOOD
    return answers.revoked(row.revoked_at, row.revocation_reason)


def _by_hash(hierarchy: Hierarchy) -> Issuers:
    """Every issuing authority by the digests of its name and its key (RFC 6960 §4.1.1).

    Not the roots: what they certify is listed, for their keys may be where nobody answers.
    """
    found: dict[tuple[bytes, bytes, bytes], Authority] = {}
    for authority in hierarchy.all():
        if authority.is_root:
            continue
        certificate = authority.certificate
        name, key = certificate.subject.public_bytes(), bits_in(info_of(certificate.public_key()))
        for oid, digest in HASHES.items():
            found[oid, digest(name).digest(), digest(key).digest()] = authority
    return found
