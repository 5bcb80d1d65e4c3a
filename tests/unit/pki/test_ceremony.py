"""Roots that several people make and use together: dual control, record, answers that verify."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.settings import Jurisdiction
from pki import ceremony
from pki.ceremony import papers, rehearsal
from pki.ceremony.box import OpenBox
from pki.ceremony.papers import RevocationRequest
from pki.ceremony.shares import combine, split
from pki.refusals import CeremonyRefused
from tests.support import softhsm
from tests.support.deployments import START

CITY = Jurisdiction(name="Rehearsal", country="XX")
THREE = ("A. Tamm", "B. Kask", "C. Saar")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "box"


@pytest.fixture
def begun(folder: Path) -> ceremony.Begun:
    return ceremony.begin(folder, CITY, THREE, 2, "ES384", START)


def asked() -> papers.Requests:
    return rehearsal._requests()


def test_any_two_of_three_custodians_bring_the_secret_back_and_one_does_not() -> None:
    secret = bytes(range(32))
    words = split(secret, 2, 3)
    for two in combinations(words, 2):
        assert combine(two) == secret
    for one in words:
        with pytest.raises(CeremonyRefused):
            combine([one, one])


@pytest.mark.parametrize(("threshold", "custodians"), [(1, 1), (1, 3), (4, 3), (2, 17)])
def test_what_is_not_dual_control_is_refused(threshold: int, custodians: int) -> None:
    with pytest.raises(CeremonyRefused, match="dual control"):
        split(bytes(32), threshold, custodians)


def test_one_person_under_two_names_is_refused(folder: Path) -> None:
    with pytest.raises(CeremonyRefused):
        ceremony.begin(folder, CITY, ("A. Tamm", "A. Tamm"), 2, "ES384", START)


def test_a_box_is_never_overwritten(begun: ceremony.Begun, folder: Path) -> None:
    with pytest.raises(CeremonyRefused, match="not empty"):
        ceremony.begin(folder, CITY, THREE, 2, "ES384", START)


def test_no_private_key_and_no_word_stands_in_the_box(begun: ceremony.Begun, folder: Path) -> None:
    written = (folder / "box.json").read_text() + begun.page.read_text()
    assert "PRIVATE" not in written
    assert (folder / "box.json").stat().st_mode & 0o077 == 0
    for line in begun.words:
        assert line not in written


def test_the_authorities_that_ask_are_certified_and_every_signature_is_on_record(
    begun: ceremony.Begun, folder: Path
) -> None:
    signed = ceremony.sign(folder, begun.words[:2], asked(), THREE[:2], START)
    certificates, lists = papers.read_answer(signed.answer)
    roots = {c.subject: c for c in certificates if c.subject == c.issuer}
    below = [c for c in certificates if c.subject != c.issuer]
    assert len(roots) == 2
    assert len(below) == len(asked().requests) == 5
    for certificate in below:
        certificate.verify_directly_issued_by(roots[certificate.issuer])
    for each in lists:
        assert each.is_signature_valid(roots[each.issuer].public_key())  # type: ignore[arg-type]
    recorded = {one["serial"] for one in ceremony.Box.read(folder).record}
    assert {f"{c.serial_number:x}" for c in certificates} <= recorded


def test_the_page_tells_what_everybody_saw(begun: ceremony.Begun, folder: Path) -> None:
    signed = ceremony.sign(folder, begun.words[1:], asked(), THREE[1:], START)
    certificates, _ = papers.read_answer(signed.answer)
    page = signed.page.read_text()
    for certificate in certificates:
        if certificate.subject != certificate.issuer:
            assert ceremony.fingerprint(certificate) in page
    for name in THREE[1:]:
        assert name in page


def test_a_next_root_and_the_present_one_certify_each_other(
    begun: ceremony.Begun, folder: Path
) -> None:
    later = START + timedelta(days=3000)
    renewed = ceremony.renew(folder, begun.words[:2], "root", THREE[:2], later)
    certificates, lists = papers.read_answer(renewed.answer)
    by_name: dict[str, list[x509.Certificate]] = {}
    for certificate in certificates:
        by_name.setdefault(certificate.subject.rfc4514_string(), []).append(certificate)
    old, new = (next(r for r in begun.box.roots if r.name == "root"),
                ceremony.Box.read(folder).newest("root"))  # fmt: skip
    assert new is not None
    assert new.generation == 2
    vouched = {(c.subject, c.issuer) for c in certificates if c.subject != c.issuer}
    names = old.authority.certificate.subject, new.authority.certificate.subject
    assert vouched == {names, names[::-1]}
    assert len(lists) == 3
    # From here on the new one certifies.
    signed = ceremony.sign(folder, begun.words[:2], asked(), THREE[:2], later)
    devices = [c for c in papers.read_answer(signed.answer)[0]
               if "Device Authority G1" in c.subject.rfc4514_string()]  # fmt: skip
    assert devices[0].issuer == new.authority.certificate.subject


def test_a_revoked_authority_is_named_by_its_roots_next_list(
    begun: ceremony.Begun, folder: Path
) -> None:
    first = ceremony.sign(folder, begun.words[:2], asked(), (), START)
    devices = next(c for c in papers.read_answer(first.answer)[0]
                   if "Device Authority G1" in c.subject.rfc4514_string())  # fmt: skip
    revocation = RevocationRequest(
        "root-1", f"{devices.serial_number:x}", "cACompromise", START.isoformat()
    )
    again = replace(asked(), requests=(), revoke=(revocation,))
    _, lists = papers.read_answer(ceremony.sign(folder, begun.words[:2], again, (), START).answer)
    named = [each for each in lists
             if each.get_revoked_certificate_by_serial_number(devices.serial_number)]  # fmt: skip
    assert len(named) == 1
    foreign = replace(again, revoke=(replace(revocation, serial="abc"),))
    with pytest.raises(CeremonyRefused):
        ceremony.sign(folder, begun.words[:2], foreign, (), START)


def test_numbers_of_lists_never_repeat(begun: ceremony.Begun, folder: Path) -> None:
    numbers = []
    for _ in range(2):
        answer = ceremony.sign(folder, begun.words[:2], replace(asked(), requests=()), (), START)
        for each in papers.read_answer(answer.answer)[1]:
            numbers.append(each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert len(set(numbers)) == len(numbers) == 4


def wrong_requests() -> Iterator[tuple[str, papers.Requests]]:
    good = asked()
    first = good.requests[0]
    yield "another city", replace(good, city="Elsewhere")
    yield "an unknown authority", replace(good, requests=(replace(first, authority="moon"),))
    yield "a root", replace(good, requests=(replace(first, authority="root"),))
    yield (
        "another generation than its name says",
        replace(good, requests=(replace(first, generation=7),)),
    )
    yield "no request", replace(good, requests=(replace(first, request="x"),))


@pytest.mark.parametrize(("what", "requests"), list(wrong_requests()), ids=lambda v: str(v)[:30])
def test_a_request_that_does_not_fit_is_refused_before_anything_is_signed(
    begun: ceremony.Begun, folder: Path, what: str, requests: papers.Requests
) -> None:
    before = ceremony.Box.read(folder).record
    with pytest.raises(Exception) as caught:  # RequestRefused or CeremonyRefused
        ceremony.sign(folder, begun.words[:2], requests, (), START)
    assert type(caught.value).__name__ in ("CeremonyRefused", "RequestRefused")
    assert ceremony.Box.read(folder).record == before


def test_words_of_another_box_open_nothing(begun: ceremony.Begun, tmp_path: Path) -> None:
    other = ceremony.begin(tmp_path / "other", CITY, THREE, 2, "ES384", START)
    with pytest.raises(CeremonyRefused, match="another box"):
        ceremony.sign(begun.box.folder, other.words[:2], asked(), (), START)


def test_a_changed_box_is_found_out(begun: ceremony.Begun, folder: Path) -> None:
    written = json.loads((folder / "box.json").read_text())
    written["roots"][0]["sealed"] = written["roots"][1]["sealed"]
    (folder / "box.json").write_text(json.dumps(written))
    with pytest.raises(CeremonyRefused, match="changed"):
        ceremony.sign(folder, begun.words[:2], asked(), (), START)


@pytest.mark.parametrize("field", ["certificate", "revoked", "record", "lists", "token", "seal"])
def test_whoever_has_the_medium_alone_changes_nothing_unseen(
    begun: ceremony.Begun, folder: Path, field: str
) -> None:
    ceremony.sign(folder, begun.words[:2], asked(), (), START)
    written = json.loads((folder / "box.json").read_text())
    if field == "certificate":
        other = ceremony.begin(folder.parent / "other", CITY, THREE, 2, "ES384", START)
        written["roots"][0]["certificate"] = other.box.roots[0].certificate
    else:
        changed = {
            "lists": 0,
            "token": "pkcs11:token=x?module-path=/tmp/evil.so",
            "seal": "",
            "revoked": [{"serial": "1"}],
            "record": [],
        }
        written[field] = changed[field]
    (folder / "box.json").write_text(json.dumps(written))
    with pytest.raises(CeremonyRefused, match="changed"):
        ceremony.renew(folder, begun.words[:2], "root", (), START)


def test_a_name_that_has_a_certificate_gets_none_for_another_key(
    begun: ceremony.Begun, folder: Path
) -> None:
    ceremony.sign(folder, begun.words[:2], asked(), (), START)
    before = ceremony.Box.read(folder).record
    with pytest.raises(CeremonyRefused, match="another key"):
        ceremony.sign(folder, begun.words[:2], asked(), (), START)
    assert ceremony.Box.read(folder).record == before


def test_an_authority_that_asks_twice_is_refused_before_anything_is_signed(
    begun: ceremony.Begun, folder: Path
) -> None:
    twice = replace(asked(), requests=(*asked().requests, asked().requests[0]))
    before = ceremony.Box.read(folder).record
    with pytest.raises(CeremonyRefused, match="twice"):
        ceremony.sign(folder, begun.words[:2], twice, (), START)
    assert ceremony.Box.read(folder).record == before


def test_the_page_shows_what_the_city_asked_and_where_lists_are_published(
    begun: ceremony.Begun, folder: Path
) -> None:
    requests = asked()
    page = ceremony.sign(folder, begun.words[:2], requests, (), START).page.read_text()
    assert ceremony.in_fours(requests.digest) in page
    assert requests.status in page


@pytest.mark.parametrize(
    "change",
    [
        {"reason": "bogus"},
        {"reason": "certificateHold"},
        {"at": "2026-03-02T09:00:00"},
        {"at": "1900-01-01T00:00:00+00:00"},
        {"serial": "zz"},
    ],
)
def test_a_revocation_that_no_root_could_sign_never_reaches_the_box(
    begun: ceremony.Begun, folder: Path, change: dict[str, str]
) -> None:
    good = {"issuer": "root-1", "serial": "1", "reason": "cACompromise", "at": START.isoformat()}
    requests = replace(asked(), requests=(), revoke=(RevocationRequest(**{**good, **change}),))
    with pytest.raises(CeremonyRefused):
        ceremony.read(requests.written())


def test_a_revocation_in_the_future_or_of_others_is_refused_before_anything_is_signed(
    begun: ceremony.Begun, folder: Path
) -> None:
    for serial, at in (("1", START), (ceremony.Box.read(folder).record[0]["serial"],
                                      START + timedelta(days=1))):  # fmt: skip
        revocation = RevocationRequest("root-1", serial, "cACompromise", at.isoformat())
        before = (folder / "box.json").read_text()
        with pytest.raises(CeremonyRefused):
            ceremony.sign(
                folder, begun.words[:2], replace(asked(), revoke=(revocation,)), (), START
            )
        assert (folder / "box.json").read_text() == before


def test_a_box_that_follows_a_lost_one_counts_on(tmp_path: Path) -> None:
    begun = ceremony.begin(tmp_path / "next", CITY, THREE, 2, "ES384", START, generation=3)
    assert {root.slug for root in begun.box.roots} == {"root-3", "root-mldsa-3"}


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"version": 1}', "\x00", "[" * 2000])
def test_a_file_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(CeremonyRefused):
        ceremony.read(text)


def test_a_rehearsal_plays_everything_through(tmp_path: Path) -> None:
    page = ceremony.rehearse(tmp_path / "box", START).page()
    for words in ("shared out", "root-1 was made", "certified", "root-2", "revocation list"):
        assert words in page


def test_a_root_in_a_token_never_leaves_it(folder: Path, hsm: Path) -> None:
    token = softhsm.new_token(hsm)
    uri = f"pkcs11:token={token.label}?module-path={token.module}"
    choice = ceremony.TokenChoice(uri, token.pin_file)
    begun = ceremony.begin(folder, CITY, THREE, 2, "ES384", START, choice)
    classical = begun.box.newest("root")
    assert classical is not None
    assert (classical.sealed, classical.label is not None) == (None, True)
    signed = ceremony.sign(folder, begun.words[:2], asked(), (), START)
    assert len(papers.read_answer(signed.answer)[0]) == 7
    opened = OpenBox(ceremony.Box.read(folder), combine(begun.words[:2]))
    with opened.key(classical) as key:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        with pytest.raises(Exception, match="never leaves"):
            key.private_numbers()
    assert not (folder / "token.pin").exists()
