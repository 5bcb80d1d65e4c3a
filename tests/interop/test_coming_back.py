"""A device with an expired certificate, at our real listeners by curl — RFC 7030 §4.2.2."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from foundation.clock import FrozenClock, SystemClock
from tests.support.listening import kept, listening_in, openssl_request


@pytest.mark.rfc("7030", "4.2.2")
@pytest.mark.parametrize("newest", ["1.2", "1.3"])
def test_an_expired_certificate_gets_through_tls_and_renews_itself(
    tmp_path: Path, newest: str
) -> None:
    clock = FrozenClock(SystemClock().now() - timedelta(days=100))
    with listening_in(tmp_path, clock) as town:
        registered, key, old = town.city.enrolled()
        written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "old.key").write_bytes(written)
        (tmp_path / "old.pem").write_bytes(old.public_bytes(Encoding.PEM))
        clock.advance(timedelta(days=100))
        openssl_request(town, registered.device.id)
        said = town.run(
            "curl", "-sS", "--max-time", "20", "--cacert", "ca.pem", "--tls-max", newest,
            "--cert", "old.pem", "--key", "old.key", "-H", "Content-Type: application/pkcs10",
            "--data-binary", "@device.csr", f"{town.url}/.well-known/est/simplereenroll",
        )  # fmt: skip
        new = kept(town, said, "device")
        assert new.not_valid_after_utc > clock.now()
        (found,) = town.city.devices.came_back(clock.now())
        assert found.device_id == registered.device.id
