"""What works once works once, on either database, however many ask at once — failures 8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest

from foundation import opaque
from foundation.runtime import Runtime
from idp.oauth import (
    assertions,
    backchannel_requests,
    device_codes,
    pushed_requests,
    subjects,
    sweeping,
)
from idp.oauth.authorization import transaction
from idp.oauth.authorization.request import AuthorizationRequest, ClaimsWanted
from idp.oauth.backchannel_requests import BackchannelRequest
from tests.support.authorization_server import AuthorizationServer


@pytest.fixture
def server(any_authorization_server: AuthorizationServer) -> AuthorizationServer:
    any_authorization_server.people.born("per_1")
    any_authorization_server.people.sign_in("per_1")
    return any_authorization_server


def at_once(times: int, act: Callable[[], Any], threads: int = 10) -> list[Any]:
    """Results of `times` calls, `threads` of them starting at the same moment."""
    barrier = Barrier(threads)

    def run(number: int) -> Any:
        if number < threads:
            barrier.wait(timeout=30)
        return act()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(times)))


@pytest.mark.rfc("6749", "4.1.2")
def test_a_code_asked_for_by_ten_at_once_is_redeemed_once(server: AuthorizationServer) -> None:
    service = server.add()
    code = server.sign_in(service)
    answers = at_once(10, lambda: server.redeem(service, code))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 9}
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    assert server.introspect(service, winner["access_token"]) == {"active": False}


@pytest.mark.row("failures", "8")
def test_fifty_concurrent_refreshes_of_one_token_give_one_success_and_end_the_family(
    server: AuthorizationServer,
) -> None:
    service = server.add()
    token = server.tokens(service, scope="openid offline_access")["refresh_token"]
    answers = at_once(50, lambda: server.refresh(service, token))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 49}
    winner = next(answer for answer in answers if answer.status_code == 200).json()
    assert server.refresh(service, winner["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.introspect(service, winner["access_token"]) == {"active": False}


@pytest.mark.row("failures", "8")
def test_the_end_of_a_family_holds_after_a_restart(
    server: AuthorizationServer, any_runtime: Runtime
) -> None:
    service = server.add()
    tokens = server.tokens(service, scope="openid offline_access")
    winner = server.refresh(service, tokens["refresh_token"]).json()
    server.refresh(service, tokens["refresh_token"])
    restarted = AuthorizationServer(any_runtime)
    assert restarted.refresh(service, winner["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.row("failures", "7")
@pytest.mark.row("assurance", "X.1253-9.3-2")
def test_an_assertion_seen_by_ten_at_once_counts_once(server: AuthorizationServer) -> None:
    now = server.runtime.clock.now()

    def first() -> bool:
        with server.runtime.database.write() as uow:
            return assertions.first_use(uow, "svc_1", "jti-1", now)

    assert sum(at_once(10, first)) == 1


@pytest.mark.row("privacy", "P-1")
def test_a_subject_made_by_ten_at_once_is_one(server: AuthorizationServer) -> None:
    now = server.runtime.clock.now()

    def subject() -> str:
        with server.runtime.database.write() as uow:
            return subjects.subject_of(uow, "per_1", "library.example", now)

    assert len(set(at_once(10, subject))) == 1


@pytest.mark.row("failures", "11")
def test_a_consent_page_answered_by_ten_at_once_is_answered_once(
    server: AuthorizationServer,
) -> None:
    server.authorize(server.add())
    handle = opaque.secret()
    request = AuthorizationRequest(
        client_id="svc_1",
        redirect_uri="https://library.example/callback",
        scope=("openid",),
        purpose="library",
        code_challenge="c" * 43,
    )
    with server.runtime.database.write() as uow:
        now = server.runtime.clock.now()
        transaction.begin(uow, handle, "browser", request, now, timedelta(minutes=5))

    def answer() -> bool:
        with server.runtime.database.write() as uow:
            return transaction.answer(uow, handle, transaction.WAITING)

    assert sum(at_once(10, answer)) == 1


def test_a_stored_request_comes_back_as_it_was(server: AuthorizationServer) -> None:
    request = AuthorizationRequest(
        client_id="svc_1",
        redirect_uri="https://library.example/callback",
        scope=("openid", "email"),
        purpose="library",
        code_challenge="c" * 43,
        prompt=("login", "consent"),
        max_age=0,
        levels=(2, 3),
        claims=ClaimsWanted(userinfo=("email",), essential_levels=(3,)),
    )
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        transaction.begin(uow, "handle", "browser", request, now, timedelta(minutes=5))
    with server.runtime.database.read() as uow:
        found = transaction.find(uow, "handle", "browser", now)
    assert found is not None
    assert found.request == request
    assert found.request.digest() == request.digest()


def test_sweeping_forgets_only_what_is_over(server: AuthorizationServer) -> None:
    service = server.add()
    kept = server.tokens(service, scope="openid offline_access")
    server.tokens(service)
    database, now = server.runtime.database, server.runtime.clock.now()
    assert sweeping.sweep(database, now) == 0
    gone = sweeping.sweep(database, now + timedelta(hours=14))
    assert gone > 0
    assert sweeping.sweep(database, now + timedelta(hours=14)) == 0
    assert server.refresh(service, kept["refresh_token"]).status_code == 200


@pytest.mark.rfc("9126", "7.3")
@pytest.mark.row("failures", "7")
def test_a_pushed_request_answered_by_ten_at_once_is_answered_once(
    server: AuthorizationServer,
) -> None:
    now = server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        minute = timedelta(minutes=1)
        uri = pushed_requests.push(uow, "svc_1", {}, signed=False, now=now, lifetime=minute)

    def use() -> bool:
        with server.runtime.database.write() as uow:
            found = pushed_requests.find(uow, uri)
            return found is not None and pushed_requests.use(uow, found.digest, now)

    assert sum(at_once(10, use)) == 1


@pytest.mark.rfc("8628", "3.4")
@pytest.mark.row("failures", "7")
def test_a_device_code_asked_for_by_ten_at_once_is_used_once(server: AuthorizationServer) -> None:
    now, codes = server.runtime.clock.now(), device_codes.new_codes()
    with server.runtime.database.write() as uow:
        device_codes.issue(uow, "svc_1", {}, codes, now, timedelta(minutes=1))
        found = device_codes.of_device(uow, codes.device)
        assert found is not None
        assert device_codes.approve(uow, found.digest, "gra_1")

    def use() -> bool:
        with server.runtime.database.write() as uow:
            found = device_codes.of_device(uow, codes.device)
            return found is not None and device_codes.use(uow, found.digest)

    assert sum(at_once(10, use)) == 1


def _asked(server: AuthorizationServer, token: bytes | None = None) -> BackchannelRequest:
    now = server.runtime.clock.now()
    one = BackchannelRequest(
        digest=opaque.digest("auth-req-id"),
        id="ask_1",
        client_id="svc_1",
        person_id="per_1",
        request={},
        binding_message="4711",
        notification_token=token,
        state=backchannel_requests.PENDING,
        grant_id=None,
        polled_at=None,
        issued_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    with server.runtime.database.write() as uow:
        backchannel_requests.add(uow, one)
    return one


@pytest.mark.rfc("ciba", "10.1")
@pytest.mark.row("failures", "7")
def test_an_auth_req_id_used_by_fifty_at_once_is_used_once(server: AuthorizationServer) -> None:
    one, now = _asked(server), server.runtime.clock.now()
    with server.runtime.database.write() as uow:
        assert backchannel_requests.approve(uow, one.digest, "gra_1", now)

    def use() -> bool:
        with server.runtime.database.write() as uow:
            found = backchannel_requests.of_service(uow, "auth-req-id")
            return found is not None and backchannel_requests.use(uow, found.digest)

    assert sum(at_once(50, use)) == 1


@pytest.mark.rfc("ciba", "8")
def test_a_request_answered_by_fifty_at_once_is_answered_once(server: AuthorizationServer) -> None:
    one, now = _asked(server, b"sealed"), server.runtime.clock.now()

    def answer() -> bool:
        with server.runtime.database.write() as uow:
            return backchannel_requests.deny(uow, one.digest, now)

    assert sum(at_once(50, answer)) == 1
    with server.runtime.database.write() as uow:
        [(due, due_at)] = backchannel_requests.to_ping(uow, now, [], 5)
        assert backchannel_requests.lease_ping(uow, due, due_at, now)
        assert not backchannel_requests.lease_ping(uow, due, due_at, now)


@pytest.mark.rfc("ciba", "7.3")
def test_a_request_that_is_over_is_answered_by_nobody(server: AuthorizationServer) -> None:
    one = _asked(server)
    later = one.expires_at
    with server.runtime.database.write() as uow:
        assert not backchannel_requests.approve(uow, one.digest, "gra_1", later)
        assert not backchannel_requests.of_person(uow, "per_1", later)
        assert backchannel_requests.sweep(uow, later + timedelta(seconds=1)) == 1
