"""Wrong sign-ins from all over one network are few, whatever addresses it has — AU-2, AU-3."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from foundation.audit.tables import events
from foundation.rates import RESERVE
from foundation.runtime import Runtime
from foundation.settings import Settings
from tests.support import deployments
from tests.support.sign_in import NAME, PASSWORD, SignInDesk, with_cheap_passwords

SPRAYED = 40
LIMIT = 6


@pytest.fixture
def desk(any_settings: Settings, clock: object) -> SignInDesk:
    changed = with_cheap_passwords(any_settings, source_attempts=LIMIT)
    return SignInDesk(deployments.build_runtime(changed, clock))  # type: ignore[arg-type]


@pytest.mark.row("assurance", "AU-2")
@pytest.mark.parametrize(
    ("pattern", "times"),
    [("2001:db8:0:{:x}00::1", 2), ("2001:db8:{:x}::1", 4)],
    ids=["a /48", "a /40"],
)
def test_a_network_guesses_no_more_often_than_its_width_is_due(
    desk: SignInDesk, pattern: str, times: int
) -> None:
    answers = [
        desk.browser(pattern.format(number)).sign_in(f"name.{number}", "wrong password").status_code
        for number in range(SPRAYED)
    ]
    assert answers.count(422) == LIMIT * times
    assert answers.count(429) == SPRAYED - LIMIT * times
    assert _locked(desk.runtime) == 1, "a flood must not fill the audit as well"


def test_a_spray_keeps_nobody_from_signing_in_elsewhere(desk: SignInDesk) -> None:
    desk.citizen()
    for number in range(2 * SPRAYED):  # the whole /32 is full
        desk.browser(f"2001:db8:{number:x}00::1").sign_in(NAME + str(number), "wrong password")
    assert desk.browser("2001:db8:ff00::1").sign_in(NAME, PASSWORD).status_code == 303
    assert desk.browser("198.51.100.7").sign_in(NAME, PASSWORD).status_code == 303


def _guess_name(desk: SignInDesk, address: str) -> int:
    return int(desk.browser(address).sign_in("nobody.at.all" + address, "wrong").status_code)


def _guess_code(desk: SignInDesk, address: str) -> int:
    return int(desk.browser(address).post("/activate", code="AAAA-AAAA-AAAA-AAAA-AAAA").status_code)


@pytest.mark.parametrize("guess", [_guess_name, _guess_code])
def test_wrong_guesses_leave_strangers_nearby_a_reserve_and_known_browsers_all(
    desk: SignInDesk, guess: Callable[[SignInDesk, str], int]
) -> None:
    citizen = desk.citizen()  # at 192.0.2.1
    for number in range(LIMIT * 4):
        guess(desk, f"192.0.2.{10 + number}")
    nearby = [guess(desk, "192.0.2.1") for _ in range(RESERVE + 1)]
    assert nearby.count(429) == 1
    assert nearby[-1] == 429
    assert citizen.sign_in().status_code == 303


def _locked(runtime: Runtime) -> int:
    query = select(func.count()).select_from(events).where(events.c.kind == "sign-in.locked")
    with runtime.database.read() as uow:
        return int(uow.connection.scalar(query) or 0)
