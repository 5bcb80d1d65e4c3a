"""When a clock is good enough for a time stamp, and what the stamp then promises — RFC 3161."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation.common_clock import CommonClock
from foundation.runtime import Runtime
from pki import TimeStampRefused, TimeStampSettings
from pki.profiles.profile import ProfileError, parse
from pki.timestamps import encoding
from pki.timestamps.stamping import TimeStamping
from tests.support.devices import found_city

MILLISECOND = timedelta(milliseconds=1)


def stamping(
    runtime: Runtime, kernel: timedelta | None, keeps: object = None, **written: object
) -> TimeStamping:
    return TimeStamping(
        runtime.database,
        runtime.rates,
        keeps or runtime.clock,  # type: ignore[arg-type]
        found_city(runtime).authority._stamp_signer,
        TimeStampSettings.model_validate(written),
        lambda: kernel,
    )


@pytest.mark.rfc("3161", "2.4.2")
@pytest.mark.parametrize("kernel", [None, 1001 * MILLISECOND])
def test_a_clock_that_is_not_trusted_gives_no_stamp(
    runtime: Runtime, kernel: timedelta | None
) -> None:
    with pytest.raises(TimeStampRefused) as refused:
        stamping(runtime, kernel).stamp("2.16.840.1.101.3.4.2.1", b"0" * 32)
    assert refused.value.name == "timeNotAvailable"


def test_a_stamp_promises_what_the_kernel_does(runtime: Runtime) -> None:
    assert stamping(runtime, 20 * MILLISECOND).accuracy() == 20 * MILLISECOND


def test_an_operator_may_vouch_where_the_kernel_does_not(runtime: Runtime) -> None:
    vouched = stamping(runtime, None, clock="operator", accuracy_ms=500)
    assert vouched.accuracy() == 500 * MILLISECOND


def test_where_the_databases_clock_counts_what_it_differs_by_counts_too(runtime: Runtime) -> None:
    common = CommonClock(runtime.database)
    common.ahead = -300 * MILLISECOND
    assert stamping(runtime, 20 * MILLISECOND, common).accuracy() == 520 * MILLISECOND
    common.ahead = timedelta(seconds=1)
    with pytest.raises(TimeStampRefused):
        stamping(runtime, 20 * MILLISECOND, common).accuracy()


@pytest.mark.parametrize(
    ("within", "written"),
    [
        (timedelta(microseconds=1), b"\x30\x03\x80\x01\x01"),
        (timedelta(seconds=1), b"\x30\x03\x02\x01\x01"),
        (timedelta(milliseconds=1500), b"\x30\x07\x02\x01\x01\x80\x02\x01\xf4"),
    ],
)
def test_accuracy_is_rounded_up_to_the_millisecond(within: timedelta, written: bytes) -> None:
    assert encoding._accuracy(within) == written


def test_a_profile_for_time_stamps_and_something_else_is_refused() -> None:
    with pytest.raises(ProfileError, match="nothing else"):
        parse(
            "x",
            {
                "issuer": "services",
                "lifetime_days": 1,
                "key_usage": ["digital_signature"],
                "extended_key_usage": ["time_stamping", "client_auth"],
                "keys": ["EC-secp256r1"],
            },
        )
