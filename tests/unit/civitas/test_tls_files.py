"""Our own listener's certificate is made once, renewed in time, and the operator's left alone."""

from __future__ import annotations

from datetime import timedelta

from civitas import tls_files
from foundation.clock import FrozenClock
from foundation.settings import Server, Settings
from tests.support.city import City


def test_the_certificate_is_made_once_and_renewed_in_its_last_third(
    settings: Settings, clock: FrozenClock
) -> None:
    listening = Server(tls_url="https://localhost:8443", tls_listen="127.0.0.1:8443")
    city = City(settings.with_sections(listening), clock)
    certificate = settings.path.parent / "tls/server.pem"
    assert tls_files.ensure(city.deployment)
    first = certificate.read_bytes()
    assert (certificate.parent / "server.key").stat().st_mode & 0o777 == 0o600
    assert not tls_files.ensure(city.deployment)
    clock.advance(timedelta(days=270))
    assert tls_files.ensure(city.deployment)
    assert certificate.read_bytes() != first
    city.close()


def test_a_certificate_of_a_clock_that_was_ahead_is_replaced_and_the_board_says_so(
    settings: Settings, clock: FrozenClock
) -> None:
    listening = Server(tls_url="https://localhost:8443", tls_listen="127.0.0.1:8443")
    city = City(settings.with_sections(listening), clock)
    outlook = city.deployment.parts["pki"].outlook
    clock.advance(timedelta(days=365))
    assert tls_files.ensure(city.deployment)
    assert outlook.attention(clock.now()) == ()
    clock.advance(timedelta(days=-365))
    told = [a.reason for a in outlook.attention(clock.now())]
    assert any("It begins on 2027-03-02" in reason for reason in told)
    assert any("1 good certificates begin later than now" in reason for reason in told)
    assert tls_files.ensure(city.deployment)
    assert not any("It begins on" in a.reason for a in outlook.attention(clock.now()))
    assert not tls_files.ensure(city.deployment)
    city.close()


def test_the_board_says_when_a_certificate_of_the_operator_ends(
    settings: Settings, clock: FrozenClock
) -> None:
    from tests.unit.civitas.test_server import certificate as another_authority

    listening = Server(tls_listen="127.0.0.1:8443", tls_certificate="cert.pem", tls_key="key.pem")
    city = City(settings.with_sections(listening), clock)
    outlook = city.deployment.parts["pki"].outlook
    another_authority(settings.path.parent)
    ends = tls_files.certificate_in(settings.path.parent / "cert.pem").not_valid_after_utc
    clock.advance(ends - clock.now() + timedelta(hours=1))
    ours = str(settings.path.parent / "cert.pem")
    (told,) = [a for a in outlook.attention(clock.now()) if a.authority == ours]
    assert told.reason == f"It ended on {ends:%Y-%m-%d}."
    city.close()


def test_a_certificate_of_the_operator_is_left_alone(
    settings: Settings, clock: FrozenClock
) -> None:
    from tests.unit.civitas.test_server import certificate as another_authority

    listening = Server(tls_listen="127.0.0.1:8443", tls_certificate="cert.pem", tls_key="key.pem")
    city = City(settings.with_sections(listening), clock)
    another_authority(settings.path.parent)
    before = (settings.path.parent / "cert.pem").read_bytes()
    clock.advance(timedelta(days=8900))
    assert not tls_files.ensure(city.deployment)
    assert (settings.path.parent / "cert.pem").read_bytes() == before
    city.close()
