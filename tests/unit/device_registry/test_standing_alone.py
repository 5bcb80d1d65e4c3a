"""What a device's certificate is worth while something of ours is down, and whose is worth nothing.

EN 303 645 5.9 (resilience to outages), IEEE 802.1AR (IDevID and LDevID).
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy.exc import OperationalError

from device_registry import DeviceRefused
from foundation.clock import FrozenClock
from foundation.errors import Unavailable
from foundation.keys import Keys
from foundation.settings import Settings
from tests.support.city import City as WholeCity
from tests.support.client import TestClient
from tests.support.devices import LAMPS, OPERATOR, City, TlsPeer, csr, new_key, same_city


@pytest.mark.row("devices", "5.9")
def test_while_the_authoritys_key_is_out_of_reach_devices_still_authenticate(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered, _, certificate = city.enrolled()

    def gone(keys: Keys, use: str) -> NoReturn:
        raise Unavailable("The token was taken out.")

    monkeypatch.setattr(Keys, "signers", gone)
    started_anew = same_city(city.runtime)
    assert started_anew.devices.authenticate(certificate, city.now).id == registered.device.id
    with pytest.raises(Unavailable):
        started_anew.renew(certificate, csr(new_key(), registered.device.id))


@pytest.mark.row("devices", "5.9")
def test_while_all_of_us_is_down_a_service_verifies_devices_by_anchors_and_the_last_list(
    city: City, tmp_path: Path
) -> None:
    _, _, certificate = city.enrolled()
    lists = [
        x509.load_der_x509_crl(city.authority.crl(name, city.now)) for name in ("root", "devices")
    ]
    (tmp_path / "anchors.pem").write_bytes(city.authority.trust_anchors())
    (tmp_path / "lists.pem").write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in lists))
    (tmp_path / "device.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    ends = [one.next_update_utc for one in lists if one.next_update_utc]
    city.runtime.close()
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient",
         "-attime", str(int(min(ends).timestamp()) - 60),
         "-CAfile", "anchors.pem", "-CRLfile", "lists.pem", "device.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "device.pem: OK\n", done.stderr


@pytest.mark.row("devices", "5.9")
def test_while_the_database_is_down_no_certificate_is_called_bad(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, certificate = city.enrolled()

    def gone(*_: object) -> NoReturn:
        raise OperationalError("select", {}, Exception("gone"))

    with monkeypatch.context() as down:
        for way in ("read", "write"):
            down.setattr(city.runtime.database, way, gone)
        with pytest.raises(OperationalError):  # 503 at the edge: try again
            city.devices.authenticate(certificate, city.now)
    city.devices.authenticate(certificate, city.now)


def test_a_quarantined_device_is_refused_and_gets_no_certificate_until_it_is_released(
    city: City,
) -> None:
    registered, _, certificate = city.enrolled()
    device_id = registered.device.id
    city.life.quarantine(device_id, OPERATOR, "old firmware", city.now)
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(certificate, city.now)
    assert caught.value.next_step is not None
    assert "firmware" in caught.value.next_step
    with pytest.raises(Exception, match="suspended"):
        city.renew(certificate, csr(new_key(), device_id))
    city.life.act("release", device_id, OPERATOR, "updated", city.now)
    city.renew(certificate, csr(new_key(), device_id))


def makers_certificate(device_id: str) -> x509.Certificate:
    """An IDevID: of its maker's authority, valid for ever, for the same device."""
    maker, device = new_key(), new_key()
    return (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [
                    x509.NameAttribute(NameOID.COMMON_NAME, device_id),
                    x509.NameAttribute(NameOID.SERIAL_NUMBER, "SN-114"),
                ]
            )
        )
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maker's Authority")]))
        .public_key(device.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))  # 802.1AR §8.7
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(maker, hashes.SHA256())
    )


@pytest.mark.row("devices", "802.1AR")
def test_a_makers_certificate_is_no_devices_certificate(city: City) -> None:
    registered, _, _ = city.enrolled()
    with pytest.raises(DeviceRefused) as caught:
        city.devices.authenticate(makers_certificate(registered.device.id), city.now)
    assert caught.value.reason == "foreign_issuer"


@pytest.mark.row("devices", "802.1AR")
def test_a_makers_certificate_opens_no_door(settings: Settings, clock: FrozenClock) -> None:
    city = WholeCity(settings, clock)
    registered = city.deployment.parts["devices"].register(
        "Lamp 114", LAMPS, [], OPERATOR, clock.now()
    )
    device_id = registered.device.id
    caller = TestClient(
        TlsPeer(city.app, makers_certificate(device_id)), base_url="https://localhost:8443"
    )
    token = caller.post(
        "/oauth/token", data={"grant_type": "client_credentials", "client_id": device_id}
    )
    assert (token.status_code, token.json()["error"]) == (401, "invalid_client")
    assert caller.get("/devices/v1/self").status_code == 401
    renewal = caller.post(
        "/.well-known/est/simplereenroll",
        content=csr(new_key(), device_id),
        headers={"Content-Type": "application/pkcs10"},
    )
    assert renewal.status_code == 401
    city.close()
