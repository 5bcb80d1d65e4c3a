"""The time-stamping authority, over HTTP — RFC 3161, RFC 5816."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from foundation.clock import FrozenClock
from foundation.settings import Settings
from pki import TimeStampSettings
from pki.timestamps.request import MOST_OCTETS
from pki.timestamps.stamping import SIGNS
from tests.support.devices import Town, same_city
from tests.support.stamps import DIGEST, QUERY, ask, failure, info, query, signed_data


@pytest.mark.rfc("3161", "2.4.2")
def test_a_stamp_says_what_was_there_when(town: Town, settings: Settings) -> None:
    found = info(ask(town.http, query(nonce=2**63 + 7)))
    assert found["version"].native == "v1"
    assert found["policy"].dotted == settings.of(TimeStampSettings).policy
    assert found["message_imprint"]["hashed_message"].native == DIGEST
    assert found["message_imprint"]["hash_algorithm"]["algorithm"].native == "sha256"
    assert found["gen_time"].native == town.city.now
    assert found["nonce"].native == 2**63 + 7
    assert found["ordering"].native is True
    assert found["accuracy"].native == {"seconds": 1, "millis": None, "micros": None}
    assert found["serial_number"].native.bit_length() <= 160


@pytest.mark.rfc("3161", "2.3")
def test_its_key_is_for_time_stamps_alone_and_says_so_critically(town: Town) -> None:
    there = signed_data(ask(town.http, query()))["certificates"]
    loaded = [x509.load_der_x509_certificate(one.chosen.dump()) for one in there]
    (own,) = (one for one in loaded if "Time stamps" in one.subject.rfc4514_string())
    usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert usage.critical
    assert list(usage.value) == [x509.ExtendedKeyUsageOID.TIME_STAMPING]


@pytest.mark.rfc("5816", "2.2.1")
def test_it_names_its_certificate_by_a_strong_hash(town: Town) -> None:
    found = signed_data(ask(town.http, query()))
    attributes = {a["type"].native: a["values"] for a in found["signer_infos"][0]["signed_attrs"]}
    assert "signing_certificate" not in attributes  # by SHA-1, as RFC 3161 had it
    (named,) = attributes["signing_certificate_v2"][0]["certs"]
    there = {hashlib.sha256(c.chosen.dump()).digest() for c in found["certificates"]}
    assert named["cert_hash"].native in there


@pytest.mark.rfc("3161", "2.4.1")
def test_certificates_come_when_they_are_asked_for(town: Town) -> None:
    assert not signed_data(ask(town.http, query(certificate=False)))["certificates"]
    assert signed_data(ask(town.http, query(certificate=True)))["certificates"]


@pytest.mark.rfc("3161", "2.4.1")
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512", "sha3_256", "sha512_256"])
def test_strong_hashes_are_stamped(town: Town, algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"a document").digest()
    found = info(ask(town.http, query(digest, algorithm)))
    assert found["message_imprint"]["hashed_message"].native == digest


@pytest.mark.rfc("3161", "2.4.2")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (query(hashlib.sha1(b"").digest(), "sha1"), "bad_alg"),
        (query(hashlib.md5(b"").digest(), "md5"), "bad_alg"),
        (query(req_policy="1.2.3.4"), "unaccepted_policy"),
        (query(version=2), "bad_data_format"),
        (query()[:-1], "bad_data_format"),
        (query() + b"\0", "bad_data_format"),
        (b"", "bad_data_format"),
        (b"\x30\x80\0\0", "bad_data_format"),
        (b"hello", "bad_data_format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_says_why(town: Town, body: bytes, why: str) -> None:
    assert failure(ask(town.http, body)) == {why}


@pytest.mark.rfc("3161", "2.4.1")
def test_a_hash_of_another_length_is_refused(town: Town) -> None:
    for digest in (DIGEST[:-1], DIGEST + b"x", b""):
        assert failure(ask(town.http, query(digest))) == {"bad_data_format"}


@pytest.mark.rfc("3161", "2.4.1")
@pytest.mark.parametrize("critical", [False, True])
def test_an_extension_that_nobody_knows_is_refused(town: Town, critical: bool) -> None:
    extension = {"extn_id": "1.2.3", "critical": critical, "extn_value": b"\5\0"}
    assert failure(ask(town.http, query(extensions=[extension]))) == {"unaccepted_extensions"}


@pytest.mark.rfc("3161", "2.4.2")
def test_our_own_policy_may_be_asked_for(town: Town, settings: Settings) -> None:
    policy = settings.of(TimeStampSettings).policy
    assert info(ask(town.http, query(req_policy=policy)))["policy"].dotted == policy


@pytest.mark.rfc("3161", "3.4")
def test_what_is_no_query_is_refused_by_http(town: Town) -> None:
    assert town.http.post("/pki/tsa", content=query()).status_code == 415
    large = town.http.post("/pki/tsa", content=b"0" * (MOST_OCTETS + 1), headers=QUERY)
    assert large.status_code == 413
    assert town.http.get("/pki/tsa").status_code == 405


def test_a_stranger_has_so_many_in_a_minute(town: Town, settings: Settings) -> None:
    most = settings.of(TimeStampSettings).per_minute
    answers = [
        town.http.post("/pki/tsa", content=query(), headers=QUERY).status_code
        for _ in range(most + 1)
    ]
    assert answers == [200] * most + [429]


@pytest.mark.rfc("3161", "2.4.2")
def test_stamps_of_two_processes_have_one_order_and_no_number_twice(town: Town) -> None:
    one, other = town.city.authority, same_city(town.city.runtime).authority
    found = []
    for _ in range(20):
        for process in (one, other):
            token = process.time_stamping.stamp("2.16.840.1.101.3.4.2.1", DIGEST)
            content = tsp.ContentInfo.load(token)["content"]["encap_content_info"]["content"]
            found.append(content.parsed)
    times = [stamp["gen_time"].native for stamp in found]
    numbers = [stamp["serial_number"].native for stamp in found]
    assert times == sorted(set(times))
    assert numbers == sorted(set(numbers))


@pytest.mark.rfc("3161", "2.4.2")
def test_no_time_is_told_after_the_clock_went_back(town: Town, clock: FrozenClock) -> None:
    clock.advance(timedelta(days=1))
    info(ask(town.http, query()))
    clock.advance(-timedelta(hours=1))
    assert failure(ask(town.http, query())) == {"time_not_available"}
    clock.advance(timedelta(hours=1))
    info(ask(town.http, query()))


def test_its_key_makes_room_after_a_year(town: Town, clock: FrozenClock) -> None:
    def who() -> Any:
        return signed_data(ask(town.http, query()))["signer_infos"][0]["sid"].native

    first = who()
    clock.advance(SIGNS.signs_for / 2)
    town.city.authority._stamp_signer.renew(clock.now())
    assert who() == first
    clock.advance(SIGNS.signs_for)
    town.city.authority._stamp_signer.renew(clock.now())
    assert who() != first


# ── by verifiers that we did not write ────────────────────────────────────────────────────


@pytest.mark.rfc("3161", "2.4.2")
def test_openssl_accepts_a_stamp_and_refuses_another_document(town: Town, tmp_path: Path) -> None:
    document, root = tmp_path / "document", tmp_path / "root.pem"
    document.write_bytes(b"a document")
    (tmp_path / "other").write_bytes(b"A document")
    root.write_bytes(town.city.authority.hierarchy.named("root")[0].certificate.public_bytes(
        Encoding.PEM
    ))  # fmt: skip

    def openssl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", "ts", *arguments], cwd=tmp_path, capture_output=True)

    assert openssl("-query", "-data", "document", "-sha256", "-cert", "-out", "q").returncode == 0
    answer = town.http.post("/pki/tsa", content=(tmp_path / "q").read_bytes(), headers=QUERY)
    (tmp_path / "r").write_bytes(answer.content)
    at = str(int(town.city.now.timestamp()))

    def verify(*what: str) -> subprocess.CompletedProcess[bytes]:
        return openssl("-verify", *what, "-in", "r", "-CAfile", "root.pem", "-attime", at)

    assert (
        b"Verification: OK" in verify("-queryfile", "q").stdout + verify("-data", "document").stderr
    )
    assert verify("-data", "document").returncode == 0
    assert verify("-data", "other").returncode != 0


class _Client(TimeStamper):
    """pyHanko's client, over our application."""

    def __init__(self, http: Any) -> None:
        super().__init__()
        self._http = http

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        return ask(self._http, req.dump())


def test_pyhanko_asks_for_a_stamp_and_validates_it(town: Town, clock: FrozenClock) -> None:
    token = asyncio.run(_Client(town.http).async_timestamp(DIGEST, "sha256"))
    root = town.city.authority.hierarchy.named("root")[0].certificate
    from asn1crypto import x509 as asn1_x509

    anchor = asn1_x509.Certificate.load(root.public_bytes(Encoding.DER))
    context = ValidationContext(
        trust_roots=[anchor], moment=clock.now(), best_signature_time=clock.now(),
        revocation_mode="soft-fail", allow_fetching=False,
    )  # fmt: skip
    status = asyncio.run(validate_tst_signed_data(token["content"], context, lambda _: DIGEST))
    assert status["intact"]
    assert status["valid"]
    assert status["trust_problem_indic"] is None
