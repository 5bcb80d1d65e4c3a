"""A service sets up what it hears, and fetches it — SSF 1.0 §8.1, RFC 8936 §2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from foundation import opaque
from foundation.errors import BadRequest, Conflict, NotFound
from foundation.runtime import Runtime
from foundation.settings import Development
from idp.oauth import members
from idp.oauth.client import Client
from idp.oauth.signals import outbox, streams
from idp.oauth.signals.delivery import SEAL, Pushes
from idp.oauth.signals.events import SUPPORTED
from idp.oauth.signals.streams import DISABLED, ENABLED, POLL, PUSH, STATES, Stream

POLL_PATH = "/ssf/poll"
EACH_MINUTE = 10
MOST_AT_ONCE = 100
_GIVEN = ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval")
"""What we say of a stream, and nobody else (§8.1.1)."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The flows behind the endpoints; each is about the one stream of who calls."""

    runtime: Runtime
    issuer: str
    pushes: Pushes

    def create(self, client: Client, asked: Mapping[str, Any], now: datetime) -> Stream:
        """Raises BadRequest, Conflict where there is one (§8.1.1.1)."""
        empty = Stream(
            opaque.identifier("str"), client.id, POLL, None, None, (), None, ENABLED, now
        )
        made = self._read(empty, asked, whole=True)
        with self.runtime.database.write() as uow:
            if not streams.add(uow, made):
                raise Conflict("This service has a stream; change that one, or delete it first.")
        return made

    def of(self, client: Client, stream_id: str | None) -> Stream:
        """Raises NotFound."""
        with self.runtime.database.read() as uow:
            found = streams.of_client(uow, client.id)
        if found is None or (stream_id is not None and stream_id != found.id):
            raise NotFound("This service has no such stream.")
        return found

    def any_of(self, client: Client) -> Stream | None:
        """The one that there is, if there is one."""
        with self.runtime.database.read() as uow:
            return streams.of_client(uow, client.id)

    def change(self, client: Client, asked: Mapping[str, Any], *, whole: bool) -> Stream:
        """PATCH takes what is said, PUT (`whole`) the rest back as well (§8.1.1.3, §8.1.1.4)."""
        found = self.of(client, _stream_id(asked))
        made = self._read(found, asked, whole=whole)
        with self.runtime.database.write() as uow:
            if not streams.change(uow, made):
                raise NotFound("This service has no such stream.")
        return made

    def remove(self, client: Client, stream_id: str | None) -> None:
        found = self.of(client, stream_id)
        with self.runtime.database.write() as uow:
            streams.remove(uow, found)
            outbox.forget(uow, client.id)

    def set_status(self, client: Client, asked: Mapping[str, Any]) -> Stream:
        """§8.1.2.2. What happens while it is paused waits; what happens while it is disabled does
        not, and what waited goes."""
        found, status = self.of(client, _stream_id(asked)), asked.get("status")
        if status not in STATES:
            raise BadRequest(f"status must be one of {', '.join(STATES)}.", where="status")
        made = replace(found, status=status)
        with self.runtime.database.write() as uow:
            streams.change(uow, made)
            if status == DISABLED:
                outbox.forget(uow, client.id)
        return made

    def verify(self, client: Client, asked: Mapping[str, Any], now: datetime) -> None:
        """Have an event sent that says nothing but that it arrived (§8.1.4.2)."""
        found, state = self.of(client, _stream_id(asked)), asked.get("state")
        if state is not None and (not isinstance(state, str) or not 0 < len(state) <= 1000):
            raise BadRequest("state must be a text of 1000 characters at most.", where="state")
        with self.runtime.database.write() as uow:
            self.runtime.rates.attempt(
                uow, "oauth.signals", client.id, EACH_MINUTE, timedelta(minutes=1), now
            )
            outbox.verification(uow, found, state, now)

    def poll(self, client: Client, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was heard goes, and what waits comes (RFC 8936 §2.2, §2.4). It never waits for
        something to happen: a service asks again."""
        found = self.of(client, None)
        if found.method != POLL:
            raise BadRequest("This stream is pushed (RFC 8935); nothing is to be fetched.")
        most, heard = asked.get("maxEvents", MOST_AT_ONCE), _heard(asked)
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise BadRequest("maxEvents must be a number.", where="maxEvents")
        if heard:
            with self.runtime.database.write() as uow:
                outbox.done(uow, client.id, heard)
        with self.runtime.database.read() as uow:
            waits = outbox.waiting(uow, client.id, min(most, MOST_AT_ONCE) + 1)
        told = waits[: min(most, MOST_AT_ONCE)] if found.status == ENABLED else []
        sets = {one.id: self.pushes.signed(client, one, found.id) for one in told}
        more = found.status == ENABLED and len(waits) > len(told)
        return {"sets": sets, **({"moreAvailable": True} if more else {})}

    def configuration(self, one: Stream) -> dict[str, Any]:
        """As its service reads it (§8.1.1); what it authorizes our pushes with is never told."""
        place = one.endpoint if one.method == PUSH else self.issuer + POLL_PATH
        told = {
            "stream_id": one.id,
            "iss": self.issuer,
            "aud": one.client_id,
            "delivery": {"method": one.method, "endpoint_url": place},
            "events_supported": list(SUPPORTED),
            "events_requested": list(one.requested),
            "events_delivered": list(one.delivered),
            "min_verification_interval": 60 // EACH_MINUTE,
        }
        return told if one.description is None else {**told, "description": one.description}

    def _read(self, one: Stream, asked: Mapping[str, Any], *, whole: bool) -> Stream:
        self._same(one, asked)
        if whole or "events_requested" in asked:
            one = replace(one, requested=_events(asked))
        if whole or "description" in asked:
            one = replace(one, description=members.text(asked, "description"))
        if "delivery" in asked or (whole and one.endpoint is None):
            one = self._delivered(one, asked.get("delivery") or {"method": POLL})
        return one

    def _same(self, one: Stream, asked: Mapping[str, Any]) -> None:
        told = self.configuration(one)
        for name in _GIVEN:
            if name in asked and asked[name] != told[name] and name != "events_delivered":
                raise BadRequest(f"{name} is ours to say.", where=name)

    def _delivered(self, one: Stream, asked: Any) -> Stream:
        if not isinstance(asked, dict) or asked.get("method") not in (PUSH, POLL):
            raise BadRequest(f"delivery must have the method {PUSH} or {POLL}.", where="delivery")
        if asked["method"] == POLL:
            return replace(one, method=POLL, endpoint=None, authorization=None)
        development = self.runtime.settings.of(Development).loopback_http
        place = members.address(asked, "endpoint_url", development)
        if place is None:
            raise BadRequest("delivery must have an endpoint_url.", where="endpoint_url")
        said, sealed = asked.get("authorization_header"), None
        if said is not None:
            if not isinstance(said, str) or not said.isascii() or not said.isprintable():
                raise BadRequest("authorization_header must be a text.", where="delivery")
            if not 0 < len(said) <= 2000:
                raise BadRequest("authorization_header is too long.", where="delivery")
            sealed = self.runtime.keys.seal(SEAL, said.encode(), one.id)
        return replace(one, method=PUSH, endpoint=place, authorization=sealed)


def _stream_id(asked: Mapping[str, Any]) -> str:
    found = asked.get("stream_id")
    if not isinstance(found, str) or not found:
        raise BadRequest("stream_id is missing.", where="stream_id")
    return found


def _events(asked: Mapping[str, Any]) -> tuple[str, ...]:
    listed = asked.get("events_requested", list(SUPPORTED))
    texts = isinstance(listed, list) and all(isinstance(e, str) and len(e) < 300 for e in listed)
    if not texts or len(listed) > 50:
        raise BadRequest("events_requested must be a list of URIs.", where="events_requested")
    return tuple(dict.fromkeys(listed))


def _heard(asked: Mapping[str, Any]) -> list[str]:
    """Acknowledged, or refused by the service: it will refuse it again (RFC 8936 §2.6)."""
    acks, errors = asked.get("ack", []), asked.get("setErrs", {})
    if not isinstance(acks, list) or not isinstance(errors, dict):
        raise BadRequest("ack must be a list, and setErrs an object.", where="ack")
    return [one for one in (*acks, *errors) if isinstance(one, str)][: 10 * MOST_AT_ONCE]
