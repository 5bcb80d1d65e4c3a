"""What was signed holds until its end, when nothing new can be written or signed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from sqlalchemy.exc import OperationalError

from foundation.clock import FrozenClock
from foundation.database import Database
from foundation.runtime import Runtime
from pki.issuing import drafting
from pki.status.lists import NotMade
from tests.support.devices import Town, build_town, found_city
from tests.support.read_only import read_only
from tests.support.status import asking, get, issue, issuer_of, place_of, revoke

HALF_A_DAY = timedelta(hours=12)


@pytest.fixture
def town(any_runtime: Runtime) -> Town:
    return build_town(found_city(any_runtime))


@contextmanager
def token_away(town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def away(*_: Any) -> NoReturn:
        raise RuntimeError("the token is away")

    with monkeypatch.context() as patched:
        patched.setattr(drafting, "signature", away)
        yield


def hindered(how: str, town: Town, monkeypatch: pytest.MonkeyPatch) -> Any:
    if how == "token away":
        return token_away(town, monkeypatch)
    return read_only(town.city.runtime.database)


HOW = pytest.mark.parametrize("how", ["read-only", "token away"])


@pytest.mark.row("devices", "revocation")
@HOW
@pytest.mark.rfc("5280", "5.1.2.5")
def test_a_list_is_told_until_its_end_while_no_new_one_can_be_made(
    town: Town, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = place_of(issue(town.city, "lamp"))
    for place in (path, "/pki/crl/devices-1"):
        first = town.http.get(place)
        began = clock.now()
        with hindered(how, town, monkeypatch):
            clock.advance(HALF_A_DAY)
            late = town.http.get(place)
            assert (late.status_code, late.content) == (200, first.content)
            assert late.headers["cache-control"].startswith("max-age=60, ")
            clock.advance(HALF_A_DAY - timedelta(seconds=20))
            last = town.http.get(place)
            assert (last.status_code, last.content) == (200, first.content)
            assert last.headers["cache-control"].startswith("max-age=20, ")
            assert parsedate_to_datetime(last.headers["expires"]) == _end(first.content)
            clock.advance(timedelta(minutes=1))
            gone = town.http.get(place)
            assert gone.status_code == 503
            assert gone.headers["retry-after"]
            assert gone.json()["next_step"]
        clock.advance(timedelta(minutes=1))
        assert town.http.get(place).content != first.content
        clock.advance(began - clock.now() + timedelta(days=2))


def _end(der: bytes) -> datetime | None:
    return x509.load_der_x509_crl(der).next_update_utc


@HOW
def test_a_delta_too_is_told_until_its_end(
    town: Town, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = place_of(issue(town.city, "lamp")).removesuffix(".crl") + "-delta.crl"
    first = town.http.get(path)
    with hindered(how, town, monkeypatch):
        clock.advance(timedelta(minutes=45))
        assert town.http.get(path).content == first.content
        clock.advance(timedelta(minutes=45))
        assert town.http.get(path).status_code == 503


@HOW
def test_a_list_that_does_not_know_the_newest_revocation_is_told_all_the_same(
    town: Town, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    lamp = issue(town.city, "lamp")
    first = town.http.get(place_of(lamp))
    revoke(town.city, lamp)
    with hindered(how, town, monkeypatch):
        assert town.http.get(place_of(lamp)).content == first.content
    clock.advance(timedelta(minutes=1))
    assert town.http.get(place_of(lamp)).content != first.content


@HOW
def test_lists_that_could_not_be_made_are_late_at_readyz_and_on_the_board(
    town: Town,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = place_of(issue(town.city, "lamp"))
    town.http.get(path)
    attention = town.city.authority.outlook.attention
    assert not [a for a in attention(clock.now()) if "list" in a.reason]
    with hindered(how, town, monkeypatch), caplog.at_level(logging.ERROR, "civitas.pki"):
        clock.advance(timedelta(hours=13))
        for _ in range(3):
            with pytest.raises(NotMade, match="devices-1/"):
                town.city.authority.lists.refresh(clock.now())
        assert len(caplog.records) == 1, "said once"
        found = [a for a in attention(clock.now()) if "list" in a.reason]
        assert [a.authority for a in found] == ["devices-1"]
    clock.advance(timedelta(minutes=1))
    assert town.city.authority.lists.refresh(clock.now()) == 1
    assert not [a for a in attention(clock.now()) if "list" in a.reason]


@pytest.mark.rfc("6960", "2.4")
def test_an_answer_that_was_signed_is_told_until_its_end_while_nothing_can_be_signed(
    town: Town, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp, other = issue(town.city, "lamp"), issue(town.city, "other")
    issuer = issuer_of(town.city, lamp).certificate
    first = get(town, asking(lamp, issuer))
    with token_away(town, monkeypatch):
        assert status(get(town, asking(other, issuer))) is ocsp.OCSPResponseStatus.TRY_LATER
        clock.advance(timedelta(minutes=45))
        late = get(town, asking(lamp, issuer))
        assert late.content == first.content
        assert late.headers["cache-control"].startswith("max-age=60, ")
        nonce = get(town, asking(lamp, issuer, nonce=b"12345678"))
        assert status(nonce) is ocsp.OCSPResponseStatus.TRY_LATER
        clock.advance(timedelta(minutes=16))
        assert status(get(town, asking(lamp, issuer))) is ocsp.OCSPResponseStatus.TRY_LATER
    assert status(get(town, asking(lamp, issuer))) is ocsp.OCSPResponseStatus.SUCCESSFUL


def test_an_answer_is_told_on_while_the_record_cannot_be_read_and_never_against_it(
    town: Town, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp = issue(town.city, "lamp")
    issuer = issuer_of(town.city, lamp).certificate
    first = get(town, asking(lamp, issuer))

    def away(*_: Any) -> NoReturn:
        raise OperationalError("SELECT", {}, Exception("the server closed the connection"))

    responding = town.city.authority.responding
    with monkeypatch.context() as patched:
        patched.setattr(Database, "read", away)
        clock.advance(timedelta(minutes=45))
        assert responding.answer(asking(lamp, issuer), clock.now()).der == first.content
    revoke(town.city, lamp)
    with token_away(town, monkeypatch):
        told = get(town, asking(lamp, issuer))
        assert status(told) is ocsp.OCSPResponseStatus.TRY_LATER, "it is known to be revoked"


def status(answer: Any) -> ocsp.OCSPResponseStatus:
    assert answer.status_code == 200
    return ocsp.load_der_ocsp_response(answer.content).response_status
