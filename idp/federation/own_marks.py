"""The marks that our superiors gave us, fetched and held for our own configuration — §8.6."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from foundation.fetch import Fetch, FetchError, FetchFailed
from foundation.runtime import Runtime
from idp.federation import store, trust_mark
from idp.federation.accreditation import LEVELS
from idp.federation.brief_memory import BriefMemory
from idp.federation.entity_statement import EntityStatement
from idp.federation.jws import Invalid
from idp.federation.resolution import Resolution, Unresolved, endpoint, with_query

log = logging.getLogger("civitas.federation")


class OwnMarks:
    """What we may show: the live marks of every authority that we name."""

    def __init__(
        self,
        runtime: Runtime,
        fetch: Fetch,
        resolution: Resolution,
        entity_id: str,
        authorities: Sequence[str],
    ) -> None:
        self._runtime = runtime
        self._fetch = fetch
        self._resolution = resolution
        self._entity_id = entity_id
        self._authorities = tuple(authorities)
        self._asked: BriefMemory[int] = BriefMemory(timedelta(seconds=1))

    def held(self) -> list[dict[str, str]]:
        """The claim `trust_marks` of our configuration (§3.1.2).

        While there are none we ask, so that an accreditation shows at once; once a second at most.
        """
        now = self._runtime.clock.now()
        marks = self._live()
        if not marks and self._authorities:
            self._asked.recall("", now, self.renew)
            marks = self._live()
        return [{"trust_mark_type": kind, "trust_mark": token} for kind, token in marks]

    def _live(self) -> list[tuple[str, str]]:
        with self._runtime.database.read() as uow:
            return store.own_marks(uow, self._runtime.clock.now())

    def renew(self) -> int:
        """Ask every authority for our marks of today; returns how many we hold now.

        An authority that does not answer takes nothing away: what it gave before has an end.
        """
        held = 0
        for authority in self._authorities:
            try:
                marks = self._from(authority)
            except (FetchError, Invalid, Unresolved) as error:
                log.warning("no trust marks from %s: %s", authority, error)
                continue
            with self._runtime.database.write() as uow:
                store.replace_own_marks(uow, authority, marks)
            held += len(marks)
        return held

    def _from(self, authority: str) -> dict[str, tuple[str, datetime]]:
        try:
            anchor = self._resolution.anchor(authority)
        except (FetchError, Invalid) as error:
            raise Unresolved(str(error)) from error
        marks: dict[str, tuple[str, datetime]] = {}
        for level in LEVELS:
            kind = trust_mark.type_of_level(authority, level)
            token = self._ask(anchor, kind)
            if token is not None:
                now = self._runtime.clock.now()
                mark = trust_mark.validate(token, kind, self._entity_id, anchor, now)
                marks[kind] = (token, mark.expires_at)
        return marks

    def _ask(self, anchor: EntityStatement, kind: str) -> str | None:
        url = endpoint(anchor, "federation_trust_mark_endpoint")
        url = with_query(url, trust_mark_type=kind, sub=self._entity_id)
        try:
            return self._fetch.get(url, (trust_mark.CONTENT_TYPE,)).body.decode("ascii", "replace")
        except FetchFailed as error:
            if error.status == 404:
                return None
            raise
