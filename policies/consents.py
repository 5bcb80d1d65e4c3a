"""Giving, reading and expiring consents — ISO/IEC 29184 §5, GDPR art. 7.

An answer is stored as it was given, with the exact notice that was shown; a newer answer to the
same question takes the place of the older one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from foundation import opaque
from foundation.audit import Actor
from foundation.database import UnitOfWork
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.marking import N_
from foundation.runtime import Runtime
from foundation.sealing import CannotOpen
from foundation.vault import Erased
from policies import store
from policies.catalogue import Catalogue
from policies.consent import Consent, Giver, Notice, Standing, split
from policies.nomination import covers, nominate
from policies.ports import EndsWithConsent
from policies.question import Question

OWN_SERVICE = "civitas"
"""This service itself. Its core rests on a basis on record, never on consent."""


class Consents:
    """The consents of everybody. Each method opens its own unit of work unless given one."""

    def __init__(self, runtime: Runtime, catalogue: Catalogue) -> None:
        self._runtime = runtime
        self._catalogue = catalogue
        self._ends_when_narrowed: tuple[EndsWithConsent, ...] = ()

    def ends_when_narrowed(self, ends: Sequence[EndsWithConsent]) -> None:
        """What ends already when somebody agrees to less than before: that which left by the wider
        consent, and asks no decision any more."""
        self._ends_when_narrowed = tuple(ends)

    def give(
        self,
        *,
        person_id: str,
        service: str,
        purpose: str,
        asked: Sequence[str],
        chosen: Sequence[str],
        notice: Notice,
        service_name: str = "",
        giver: Giver | None = None,
        explicit: bool = False,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        uses: int | None = None,
        uow: UnitOfWork | None = None,
    ) -> Consent:
        """Record what the person chose of what was asked; nothing chosen is an answer too.

        `notice` is the text that was on the page. A consent lasts as long as its purpose says,
        or shorter with `not_after`; `uses` limits how often it may be used. What the person
        answered before, for this service and purpose, and was not asked now, stays as answered,
        and ends no later than it would have. Raises BadRequest with the field, or Conflict when
        two answers cross.
        """
        giver = giver or Giver()
        now = self._runtime.clock.now()
        self._check(service, purpose, asked, chosen, notice, giver, explicit, uses)
        longest = now + timedelta(days=self._catalogue.purposes[purpose].valid_days)
        begins = not_before or now
        ends = min(not_after or longest, longest)
        if ends <= begins:
            raise BadRequest("A consent cannot end before it begins.", where="not_after")
        consent_id = opaque.identifier("con")
        values: dict[str, Any] = {
            "id": consent_id,
            "person_id": person_id,
            "giver_kind": giver.kind,
            "giver_id": giver.id or person_id,
            "authority": giver.authority,
            "service": service,
            "service_name": service_name or service,
            "purpose": purpose,
            "attributes": [a for a in asked if a in chosen],
            "refused": [a for a in asked if a not in chosen],
            "classes": [],
            "explicit": explicit,
            "uses_left": uses,
            "retention_days": self._catalogue.purposes[purpose].retention_days,
            "notice_version": notice.version,
            "notice_language": notice.language,
            "notice_digest": notice.digest,
            "notice_sealed": self._seal(person_id, consent_id, "notice", notice.text),
            "given_at": now,
            "not_before": begins,
            "not_after": ends,
            "state": "active" if chosen else "refused",
            "ended_at": None,
            "reason_sealed": None,
        }
        with self._write(uow) as unit:
            before = store.latest(unit, person_id, service, purpose, now)
            if before is not None:
                values |= _kept(_closed(before._asdict()), values, asked)
            store.replace(unit, person_id, service, purpose, now)
            if not store.insert(unit, values):
                raise Conflict(
                    "Another answer to the same question was given at this moment.",
                    next_step="Load the page again; it shows the answer that counts.",
                )
            self._runtime.audit.record(
                unit,
                "consent.given" if values["attributes"] else "consent.refused",
                Actor("citizen", giver.id or person_id),
                (person_id,),
                {
                    "consent": consent_id,
                    "service": service,
                    "service_name": values["service_name"],
                    "purpose": purpose,
                    "attributes": values["attributes"],
                    "refused": values["refused"],
                    "notice_version": notice.version,
                },
            )
            if before is not None and set(before.attributes) - set(values["attributes"]):
                wider = _closed(before._asdict())
                for one in self._ends_when_narrowed:
                    one.end(unit, wider, "consent narrowed", now)
        return self._opened(values)

    def get(self, consent_id: str, person_id: str, uow: UnitOfWork | None = None) -> Consent:
        """A person's own consent; raises NotFound for anybody else's."""
        with self._read(uow) as unit:
            row = store.find(unit, consent_id, person_id)
        if row is None:
            raise NotFound("You have no such consent.", next_step="Look at the list of yours.")
        return self._opened(row._asdict())

    def list(self, person_id: str) -> Sequence[Consent]:
        """All answers of a person, newest first, ended ones too."""
        with self._runtime.database.read() as uow:
            rows = store.of_person(uow, person_id)
        return [self._opened(row._asdict()) for row in rows]

    def at_service(self, uow: UnitOfWork, person_id: str, service: str) -> Sequence[Consent]:
        """A person's answers to one service, without opening the sealed texts."""
        return [_closed(r._asdict()) for r in store.of_person_at(uow, person_id, service)]

    def standing(
        self,
        person_id: str,
        service: str,
        purpose: str,
        attributes: Sequence[str],
        uow: UnitOfWork | None = None,
    ) -> Standing:
        """Which of `attributes` the person already allowed or refused, and which are new.

        After a withdrawal or an expiry everything is new again.
        """
        now = self._runtime.clock.now()
        with self._read(uow) as unit:
            answers = self.at_service(unit, person_id, service)
        active = [c.as_ground() for c in answers if c.active_at(now)]
        fitting = [g for g in active if self._catalogue.covers(g.purpose, purpose)]
        question = Question(service, person_id, tuple(attributes), purpose, now)
        best = nominate(question, fitting, self._catalogue)
        covered = {a for a in attributes if best and covers(best, a, self._catalogue)}
        refused = {
            a
            for c in answers
            if c.purpose == purpose and (c.active_at(now) or c.state == "refused")
            for a in c.refused
        }
        yes, no, new = split(attributes, covered, refused)
        return Standing(best.id if best and yes else None, yes, no, new)

    def replaced_by(self, uow: UnitOfWork, consent: Consent) -> Sequence[Consent]:
        """Older consents whose place this one took: things may still rest on them."""
        rows = store.replaced_by(uow, consent.person_id, consent.service, consent.purpose)
        return [_closed(row._asdict()) for row in rows]

    def seal_reason(self, person_id: str, consent_id: str, reason: str) -> bytes | None:
        """The person's words on why they withdrew, sealed; None once their key is gone."""
        if not reason:
            return None
        try:
            return self._runtime.vault.seal(
                person_id, reason.encode(), f"consent\0{consent_id}\0reason"
            )
        except Erased:
            return None

    def _check(
        self,
        service: str,
        purpose: str,
        asked: Sequence[str],
        chosen: Sequence[str],
        notice: Notice,
        giver: Giver,
        explicit: bool,
        uses: int | None,
    ) -> None:
        known = self._catalogue
        if service == OWN_SERVICE:
            raise BadRequest("This service works without consent.", where="service")
        row = known.purposes.get(purpose)
        if row is None:
            raise BadRequest(
                N_("There is no purpose %(purpose)s.", purpose=repr(purpose)), where="purpose"
            )
        if len(set(asked)) != len(asked) or not set(chosen) <= set(asked):
            raise BadRequest("Only what was asked can be chosen, each once.", where="chosen")
        for name in asked:
            if name not in row.attributes:
                raise BadRequest(
                    N_("%(purpose)s has no use for %(name)s.", purpose=purpose, name=repr(name)),
                    where="asked",
                )
        if notice.purpose != purpose or not notice.text.strip():
            raise BadRequest("The notice shown must be that of the purpose.", where="notice")
        special = [a for a in chosen if known.classes[known.attributes[a].data_class].special]
        if special and not explicit:
            raise BadRequest(
                N_("%(special)s needs an express consent.", special=repr(special[0])),
                where="explicit",
            )
        if giver.kind != "self" and not (giver.id and giver.authority):
            raise BadRequest(
                "The right to consent for another person must be verified first.", where="giver"
            )
        if uses is not None and uses < 1:
            raise BadRequest("A number of uses starts at 1.", where="uses")

    def _seal(self, person_id: str, consent_id: str, part: str, text: str) -> bytes:
        try:
            return self._runtime.vault.seal(
                person_id, text.encode(), f"consent\0{consent_id}\0{part}"
            )
        except Erased:
            raise Conflict(
                "There is no such identity any more.", next_step="Speak to the registration office."
            ) from None

    def _opened(self, row: Mapping[str, Any]) -> Consent:
        notice = None
        text = self._unseal(row, "notice", row["notice_sealed"])
        if text is not None:
            notice = Notice(row["purpose"], row["notice_version"], row["notice_language"], text)
        reason = self._unseal(row, "reason", row["reason_sealed"]) or ""
        return _closed(row, notice, reason)

    def _unseal(self, row: Mapping[str, Any], part: str, sealed: bytes | None) -> str | None:
        if sealed is None:
            return None
        try:
            context = f"consent\0{row['id']}\0{part}"
            return self._runtime.vault.open(row["person_id"], sealed, context).decode()
        except (Erased, CannotOpen):
            return None

    @contextmanager
    def _write(self, uow: UnitOfWork | None) -> Iterator[UnitOfWork]:
        if uow is not None:
            yield uow
        else:
            with self._runtime.database.write() as own:
                yield own

    @contextmanager
    def _read(self, uow: UnitOfWork | None) -> Iterator[UnitOfWork]:
        if uow is not None:
            yield uow
        else:
            with self._runtime.database.read() as own:
                yield own


def _kept(before: Consent, values: Mapping[str, Any], asked: Sequence[str]) -> dict[str, Any]:
    """What the answer before says about claims that were not asked now.

    Without it a service that asks for one claim today and for another tomorrow would have the
    person asked again each time. An answer given in another way is not mixed in.
    """
    alike = (before.giver.kind, before.giver.id, before.explicit, before.uses_left)
    if alike != (values["giver_kind"], values["giver_id"], values["explicit"], values["uses_left"]):
        return {}
    attributes = [*values["attributes"], *(a for a in before.attributes if a not in asked)]
    refused = [*values["refused"], *(a for a in before.refused if a not in asked)]
    kept: dict[str, Any] = {"attributes": attributes, "refused": refused}
    if len(attributes) > len(values["attributes"]):
        kept["state"] = "active"
        kept["not_after"] = min(values["not_after"], before.not_after)
    return kept


def _closed(row: Mapping[str, Any], notice: Notice | None = None, reason: str = "") -> Consent:
    return Consent(
        id=row["id"],
        person_id=row["person_id"],
        giver=Giver(row["giver_kind"], row["giver_id"], row["authority"]),
        service=row["service"],
        service_name=row["service_name"],
        purpose=row["purpose"],
        attributes=tuple(row["attributes"]),
        refused=tuple(row["refused"]),
        classes=tuple(row["classes"]),
        explicit=bool(row["explicit"]),
        uses_left=row["uses_left"],
        retention_days=row["retention_days"],
        notice=notice,
        notice_version=row["notice_version"],
        notice_language=row["notice_language"],
        notice_digest=row["notice_digest"],
        given_at=row["given_at"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        state=row["state"],
        ended_at=row["ended_at"],
        reason=reason,
    )
