"""Whatever asks for status, the answer is one of the protocol — EN 303 645 5.13."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.clock import FrozenClock
from pki.status.asking import Malformed, parse
from pki.status.encoding import Frame, revocation_list
from pki.x509 import der
from tests.support import deployments
from tests.support.devices import Town, build_town, found_city
from tests.support.status import OCSP, asking, issue, issuer_of


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    clock = FrozenClock(deployments.START)
    folder: Path = tmp_path_factory.mktemp("town")
    runtime = deployments.build_runtime(deployments.settings_in(folder), clock)
    yield build_town(found_city(runtime))
    runtime.close()


@pytest.fixture(scope="module")
def question(town: Town) -> bytes:
    certificate = issue(town.city, "lamp")
    return asking(certificate, issuer_of(town.city, certificate).certificate, nonce=b"n" * 32)


def answered(answer: Any) -> None:
    assert answer.status_code == 200
    found = ocsp.load_der_ocsp_response(answer.content)
    assert found.response_status is not ocsp.OCSPResponseStatus.INTERNAL_ERROR


@pytest.mark.row("devices", "5.13")
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300))
def test_any_bytes_get_an_answer_by_post_and_by_get(town: Town, body: bytes) -> None:
    answered(town.http.post("/pki/ocsp", content=body, headers=OCSP))
    text = quote(base64.b64encode(body).decode(), safe="")
    if text:
        answered(town.http.get(f"/pki/ocsp/{text}"))


@pytest.mark.row("devices", "5.13")
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_request_with_bytes_changed_cut_or_added_gets_an_answer(
    town: Town, question: bytes, data: st.DataObject
) -> None:
    body = bytearray(question)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not body:
            body = bytearray(b"\0")
    answered(town.http.post("/pki/ocsp", content=bytes(body), headers=OCSP))


@pytest.mark.row("devices", "5.13")
@settings(max_examples=100, deadline=None)
@given(text=st.text(min_size=1, max_size=40).filter(lambda t: "\0" not in t))
def test_any_name_of_a_list_is_a_list_or_404(town: Town, text: str) -> None:
    try:
        name = quote(text, safe="")
    except UnicodeEncodeError:
        return
    for path in (f"/pki/crl/{name}", f"/pki/crl/devices-1/{name}", f"/pki/authorities/{name}"):
        assert town.http.get(path).status_code in (200, 404), path


@settings(max_examples=500, deadline=None)
@given(body=st.binary(max_size=200))
def test_the_parser_reads_or_refuses(body: bytes) -> None:
    try:
        asked = parse(body)
    except Malformed:
        return
    assert asked.certificates


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=300), tag=st.sampled_from([0x30, 0x04, 0xA0]))
def test_what_is_written_is_read_again(content: bytes, tag: int) -> None:
    begin, end = der.only(der.tlv(tag, content), tag)
    assert der.tlv(tag, content)[begin:end] == content


REASONS = st.sampled_from(["keyCompromise", "unspecified", "certificateHold", "superseded", None])


@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            st.integers(1, 2**159 - 1).map(lambda n: f"{n:x}"),
            st.integers(0, 4_000_000_000).map(lambda s: s * 1_000_000),
            REASONS,
        ),
        max_size=20,
        unique_by=lambda entry: entry[0],
    ),
    number=st.integers(0, 2**60),
)
def test_another_library_reads_every_list_that_we_write(
    town: Town, entries: list[Any], number: int
) -> None:
    authority, key = town.city.authority.hierarchy.signing("devices")
    now = town.city.now
    made = revocation_list(Frame(authority.certificate, number, now, now), entries, key)
    found = x509.load_der_x509_crl(made)
    assert found.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]
    read = {f"{e.serial_number:x}": int(e.revocation_date_utc.timestamp()) for e in found}
    assert read == {serial: at // 1_000_000 for serial, at, _ in entries}
    for entry, (_, _, reason) in zip(found, entries, strict=True):
        said = [one.value.reason.value for one in entry.extensions]  # type: ignore[attr-defined]
        assert said == ([] if reason == "unspecified" else [reason or "removeFromCRL"])
