"""Certificates that were changed on their way: refused with a reason, and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from pki import CertificateRefused
from pki.path import PathRefused, Rules, trust_in
from tests.support import deployments
from tests.support.devices import City, found_city

pytestmark = [pytest.mark.row("devices", "5.13"), pytest.mark.rfc("5280", "6.1")]

QUIET = settings(
    max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
ANY_TIME = st.datetimes(datetime(1950, 1, 1), datetime(9999, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC)
)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder: Path = tmp_path_factory.mktemp("city")
    runtime = deployments.build_runtime(
        deployments.settings_in(folder), FrozenClock(deployments.START)
    )
    yield found_city(runtime)
    runtime.close()


@pytest.fixture(scope="module")
def der(city: City) -> bytes:
    return city.enrolled()[2].public_bytes(Encoding.DER)


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """Places as parts of the whole, and what stands there instead."""
    kind = st.sampled_from(["put", "cut", "insert"])
    one = st.tuples(kind, st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8))
    return draw(st.lists(one, min_size=1, max_size=4))


def mutated(der: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    changed = bytearray(der)
    for kind, part, octets in changes:
        at = int(part * len(changed))
        if kind == "put":
            changed[at : at + len(octets)] = octets
        elif kind == "cut":
            del changed[at : at + len(octets)]
        else:
            changed[at:at] = octets
    return bytes(changed)


@QUIET
@given(changes=mutations())
@example(changes=[("put", 0.05, b"\x00")])
def test_a_changed_certificate_is_refused_with_a_reason(
    city: City, der: bytes, changes: list[tuple[str, float, bytes]]
) -> None:
    changed = mutated(der, changes)
    if changed == der:
        return
    try:
        certificate = x509.load_der_x509_certificate(changed)
    except ValueError:
        return  # TLS, or the proxy's header, would have ended here
    with pytest.raises(CertificateRefused) as caught:
        city.authority.validate_client(certificate, city.now)
    assert caught.value.reason
    assert caught.value.next_step
    assert caught.value.status == 401


@QUIET
@given(changes=mutations(), now=ANY_TIME)
def test_a_path_holds_or_is_refused_and_nothing_else(
    city: City, der: bytes, changes: list[tuple[str, float, bytes]], now: datetime
) -> None:
    every = city.authority.hierarchy.all()
    trust = trust_in(
        [a.certificate.public_bytes(Encoding.DER) for a in every if a.is_root],
        [a.certificate.public_bytes(Encoding.DER) for a in every if not a.is_root],
    )
    changed = mutated(der, changes)
    with pytest.raises(PathRefused) as caught:
        trust.validate(changed if changed != der else der + b"\x00", Rules(None), now)
    assert caught.value.reason


@QUIET
@given(changes=mutations())
def test_changed_intermediates_and_lists_are_refused_or_lead_nowhere(
    city: City, der: bytes, changes: list[tuple[str, float, bytes]]
) -> None:
    every = city.authority.hierarchy.all()
    between = [a.certificate.public_bytes(Encoding.DER) for a in every if a.name == "devices"]
    changed = [mutated(one, changes) for one in between]
    if changed == between:
        return
    with pytest.raises(PathRefused):
        trust_in(
            [a.certificate.public_bytes(Encoding.DER) for a in every if a.is_root],
            changed,
            [mutated(der, changes)],
        ).validate(der, Rules(None), city.now)


@QUIET
@given(noise=st.binary(max_size=4096))
def test_noise_is_malformed(city: City, noise: bytes) -> None:
    root = city.authority.hierarchy.roots()[0].certificate.public_bytes(Encoding.DER)
    with pytest.raises(PathRefused) as caught:
        trust_in([root]).validate(noise, Rules(None), city.now)
    assert caught.value.reason in ("malformed", "no_path")
