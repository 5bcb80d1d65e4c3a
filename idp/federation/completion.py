"""What a broker tells its regulator of the sign-ins at each provider: a report, signed.

Asked for by the regulator alone, which proves itself by the key that the broker has pinned.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from foundation.fetch import Fetch, FetchError, FetchFailed
from foundation.keys import Signer
from idp.federation import jws
from idp.federation.jws import Invalid
from idp.federation.settings import Anchors
from idp.federation.store import Entity

PATH = "/federation/completion"
ASKING_TYP = "completion-request+jwt"
REPORT_TYP = "completion-report+jwt"
CONTENT_TYPE = f"application/{REPORT_TYP}"
STEP = 5
"""Numbers are told in steps of this; what is below one step is told as 0."""

log = logging.getLogger("civitas.federation")
_LIVES = timedelta(minutes=1)
_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Completion:
    """The sign-ins at one provider (an entity identifier) in one month, `2026-03`.

    `failed`: reason → how many. Who neither completed nor failed gave up on the way.
    """

    month: str
    provider: str
    begun: int
    completed: int
    failed: Mapping[str, int]

    def coarse(self) -> Completion:
        """In steps, so that no number is about somebody."""
        return replace(
            self,
            begun=_stepped(self.begun),
            completed=_stepped(self.completed),
            failed={reason: _stepped(times) for reason, times in self.failed.items()},
        )

    @property
    def rate(self) -> int | None:
        """Per cent of those begun that were completed; None when either number is not told."""
        if not self.begun or not self.completed:
            return None
        return min(100, round(100 * self.completed / self.begun))


class NotABroker(Exception):
    """A relying party that has nothing to report: a service, and no broker."""


Own = Callable[[], Sequence[Completion]]


def asking(signer: Signer, regulator: str, broker: str, now: datetime) -> str:
    """The regulator's proof that it asks this broker now."""
    claims = {
        "iss": regulator,
        "aud": broker,
        "iat": jws.seconds(now),
        "exp": jws.seconds(now + _LIVES),
    }
    return jws.sign(signer, ASKING_TYP, claims)


def check_asking(token: str, anchors: Anchors, broker: str, now: datetime) -> str:
    """The anchor that asks. Raises Invalid."""
    unverified = jws.read(token, ASKING_TYP)
    issuer = unverified.unverified_claims.get("iss")
    if not isinstance(issuer, str) or issuer not in anchors:
        raise Invalid("Only a trust anchor of this deployment may ask.")
    claims = jws.verify(unverified, anchors[issuer])
    expires = jws.check_lifetime(claims, now)
    if claims.get("aud") != broker or expires > now + _LIVES + jws.LEEWAY:
        raise Invalid("The request is for somebody else, or lives too long.")
    return issuer


def report(signer: Signer, broker: str, to: str, rows: Sequence[Completion], now: datetime) -> str:
    """The signed report."""
    claims = {
        "iss": broker,
        "aud": to,
        "iat": jws.seconds(now),
        "exp": jws.seconds(now + _LIVES),
        "completion": [asdict(row) for row in rows],
    }
    return jws.sign(signer, REPORT_TYP, claims)


def fetched(
    fetch: Fetch, broker: Entity, signer: Signer, regulator: str, now: datetime
) -> tuple[Completion, ...] | None:
    """What an accredited broker tells; None when it tells nothing that can be believed. Raises
    NotABroker when there is no such endpoint."""
    proof = asking(signer, regulator, broker.entity_id, now)
    url = broker.entity_id.removesuffix("/") + PATH
    try:
        answer = fetch.get(url, (CONTENT_TYPE,), {"Authorization": f"Bearer {proof}"})
        unverified = jws.read(answer.body.decode("ascii", "replace"), REPORT_TYP)
        claims = jws.verify(unverified, broker.keys)
        jws.check_lifetime(claims, now)
        if (claims.get("iss"), claims.get("aud")) != (broker.entity_id, regulator):
            raise Invalid("The report is of somebody else, or for somebody else.")
        return _rows(claims.get("completion"))
    except (FetchError, Invalid) as reason:
        if isinstance(reason, FetchFailed) and reason.status == 404:
            raise NotABroker from reason
        log.info("no report of %s: %s", broker.entity_id, reason)
        return None


def _rows(value: object) -> tuple[Completion, ...]:
    if not isinstance(value, list) or len(value) > _MOST_ROWS:
        raise Invalid("The report is not a list of moderate length.")
    return tuple(_row(row) for row in value)


def _row(value: Any) -> Completion:
    try:
        failed = {_text(reason): _number(times) for reason, times in value["failed"].items()}
        return Completion(
            _text(value["month"]),
            _text(value["provider"]),
            _number(value["begun"]),
            _number(value["completed"]),
            failed,
        ).coarse()
    except (KeyError, TypeError, AttributeError):
        raise Invalid("A row of the report lacks a member.") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 500:
        raise Invalid("The report has a text that is none.")
    return value


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**12:
        raise Invalid("The report has a number that is none.")
    return value


def _stepped(times: int) -> int:
    return times - times % STEP
