"""OCSP for many: asked by GET, answered from caches — RFC 5019."""

from __future__ import annotations

import base64
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from cryptography.x509 import ocsp

from foundation.clock import FrozenClock
from tests.support.devices import Town
from tests.support.status import asking, get, issue, issuer_of, revoke


def question(town: Town, name: str = "lamp") -> bytes:
    certificate = issue(town.city, name)
    return asking(certificate, issuer_of(town.city, certificate).certificate)


@pytest.mark.rfc("5019", "5")
def test_a_request_in_the_path_may_be_percent_encoded_or_not(town: Town) -> None:
    with_slash = next(
        body
        for n in range(500)
        if "/" in base64.b64encode(body := question(town, f"lamp{n}")).decode()
    )
    text = base64.b64encode(with_slash).decode()
    encoded = text.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")
    answers = {town.http.get(f"/pki/ocsp/{t}").content for t in (text, encoded, text.rstrip("="))}
    assert len(answers) == 1
    found = ocsp.load_der_ocsp_response(answers.pop())
    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.rfc("5019", "6.2")
def test_an_answer_says_how_long_caches_may_keep_it(town: Town) -> None:
    answer = get(town, question(town))
    found = ocsp.load_der_ocsp_response(answer.content)
    assert answer.headers["content-type"] == "application/ocsp-response"
    assert answer.headers["cache-control"] == ("max-age=60, public, no-transform, must-revalidate")
    expires = parsedate_to_datetime(answer.headers["expires"])
    assert town.city.now < expires <= found.next_update_utc  # type: ignore[operator]
    assert parsedate_to_datetime(answer.headers["last-modified"]) == found.this_update_utc


@pytest.mark.rfc("5019", "6.2")
def test_who_has_the_answer_is_told_so_until_it_changes(town: Town) -> None:
    certificate = issue(town.city, "lamp")
    body = asking(certificate, issuer_of(town.city, certificate).certificate)
    tag = get(town, body).headers["etag"]
    again = get(town, body, **{"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    revoke(town.city, certificate)
    assert get(town, body, **{"If-None-Match": tag}).status_code == 200


@pytest.mark.rfc("5019", "2.2.1")
@pytest.mark.rfc("5019", "3.2.1")
def test_an_answer_is_made_once_and_given_to_all(town: Town, clock: FrozenClock) -> None:
    body = question(town)
    first = get(town, body).content
    clock.advance(timedelta(minutes=10))
    assert get(town, body).content == first
    assert len(ocsp.load_der_ocsp_response(first).certificates) == 1


@pytest.mark.rfc("5019", "2.2.3")
def test_errors_are_not_kept(town: Town) -> None:
    for path in ("/pki/ocsp/!", "/pki/ocsp/AAAA", "/pki/ocsp/" + "A" * 5000, "/pki/ocsp/%C3%A9"):
        answer = town.http.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        found = ocsp.load_der_ocsp_response(answer.content)
        assert found.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_what_is_kept_in_memory_is_bounded(town: Town) -> None:
    from pki.status.responding import Answer, Kept

    kept = Kept(1000)
    for n in range(100):
        kept.put(bytes([n]), None, Answer(bytes(100)))
    assert [kept.get(bytes([n]), None) is not None for n in (0, 89, 90, 99)] == [
        False, False, True, True,
    ]  # fmt: skip
    kept.put(b"large", None, Answer(bytes(2000)))
    assert kept.get(b"large", None) is None
    assert kept.get(bytes([99]), "another state") is None
