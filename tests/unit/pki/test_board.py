"""What ends when, and what an operator should do in time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.clock import FrozenClock
from foundation.runtime import Runtime
from pki import Rollover
from pki.outlook.board import MONTHS, Board
from pki.outlook.picture import LABELS, WIDTH, draw
from tests.support.devices import City, found_city


@pytest.fixture
def city(any_runtime: Runtime) -> City:
    return found_city(any_runtime)


def board(city: City) -> Board:
    return city.authority.outlook.board(city.now)


def test_a_new_city_needs_nothing(city: City) -> None:
    assert board(city).attention == ()


def test_certificates_are_counted_in_the_month_in_which_they_end(
    city: City, clock: FrozenClock
) -> None:
    for _ in range(3):
        city.enrolled()
    _, _, revoked = city.enrolled()
    with city.runtime.database.write() as uow:
        city.authority.revoke(uow, f"{revoked.serial_number:x}", "superseded", city.now)
    months = dict(board(city).months)
    assert len(months) == MONTHS
    ends = (city.now + timedelta(days=90)).date().replace(day=1)
    assert months[ends]["device"] == 3
    assert sum(counts.get("device", 0) for counts in months.values()) == 3


def test_an_authority_is_named_in_time_to_publish_the_next_one(
    city: City, clock: FrozenClock
) -> None:
    (devices,) = city.authority.hierarchy.named("devices")
    end = devices.certificate.not_valid_after_utc
    clock.advance(end - city.now - timedelta(days=90 + 30 + 80))
    named = {a.authority: a for a in board(city).attention}
    assert "devices-1" in named
    assert named["devices-1"].next_step == "Run `civitas ca roll devices`."
    assert named["devices-1"].by == end - timedelta(days=90 + 30)
    Rollover(city.runtime).begin("devices", city.now)
    clock.advance(timedelta(seconds=2))
    assert "devices-1" not in {a.authority for a in board(city).attention}


def test_where_nobody_can_sign_the_board_says_so(city: City, clock: FrozenClock) -> None:
    (devices,) = city.authority.hierarchy.named("devices")
    city.runtime.keys.revoke(devices.kid, city.now)
    clock.advance(timedelta(seconds=2))
    assert [a.authority for a in board(city).attention] == ["devices"]
    assert city.authority.outlook.alert(city.now) == 1


def test_the_picture_keeps_inside_its_frame_and_in_proportion(
    city: City, clock: FrozenClock
) -> None:
    city.enrolled()
    picture = draw(board(city))
    for bar in picture.bars:
        assert LABELS <= bar.x <= bar.x + bar.width <= WIDTH + 0.2
    root = next(bar for bar in picture.bars if bar.name == "root-1")
    issuing = next(bar for bar in picture.bars if bar.name == "devices-1")
    assert root.width == pytest.approx(2 * issuing.width, rel=0.01)
    tallest = max(picture.columns, key=lambda column: column.height)
    assert tallest.count == picture.most
    assert all(0 <= column.y <= column.y + column.height for column in picture.columns)


def test_an_empty_hierarchy_is_drawn_too(city: City) -> None:
    empty = Board(city.now, (), (), ())
    assert draw(empty).bars == ()
