"""Originals as sealed PDFs: for verifiers that know nothing of us but our root — EN 319 142-1."""

# mypy: disallow-untyped-calls=False
from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from documents.locker import DocumentsSettings, sheet
from documents.locker.seals import SIGNS_FOR, job_of
from documents.locker.settings import fonts_of
from foundation.clock import FrozenClock
from foundation.errors import Unprocessable
from foundation.settings import Settings, SettingsError
from pki import Job, TimeStampSettings
from tests.support.city import Visitor
from tests.support.lockers import Lockers, lockers
from tests.support.pdfs import pdfsig, verdict


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.with_sections(TimeStampSettings(clock="operator"))


@pytest.fixture
def city(settings: Settings, clock: FrozenClock) -> Iterator[Lockers]:
    with lockers(settings, clock) as made:
        yield made


@pytest.fixture
def citizen(city: Lockers) -> Visitor:
    return city.citizen(city.people()[0], "first.citizen")


def sheet_of(city: Lockers, citizen: Visitor, language: str = "en") -> Any:
    city.program(city.office).make_out(citizen.id)
    found = city.locker.of_person(citizen.id)[0][0]
    path = f"/account/documents/{found.id}"
    return citizen.get(f"{path}/pdf", headers={"Accept-Language": language})


def words_on(folder: Path, sheet: bytes) -> str:
    (folder / "sheet.pdf").write_bytes(sheet)
    done = subprocess.run(
        ["pdftotext", "-layout", str(folder / "sheet.pdf"), "-"], capture_output=True, text=True
    )
    return done.stdout


def test_a_sheet_is_sealed_by_its_issuer_and_others_accept_it(city, citizen, tmp_path):
    answer = sheet_of(city, citizen)
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].endswith('.pdf"')
    found = verdict(city, answer.content)
    assert found.bottom_line, found.pretty_print_details()
    assert found.signing_cert.subject.native == {"common_name": "Town Hall"}
    assert found.timestamp_validity.valid
    assert "Signature is Valid." in pdfsig(tmp_path, answer.content)


def test_the_page_for_signed_files_names_the_office(city, citizen, clock):
    sheet, stranger = sheet_of(city, citizen).content, city.browser()
    clock.advance(timedelta(days=4 * 366))  # the seal's certificate has ended: the stamp stands
    told = stranger.http.post(
        "/verify",
        data={"csrf_token": stranger.token("/verify")},
        files={"file": ("residence.pdf", sheet)},
    )
    assert "It is good: nothing was changed, and the certificate is ours." in told.text
    assert "Town Hall" in told.text


def test_one_changed_byte_of_a_sheet_is_noticed(city, citizen):
    sheet = sheet_of(city, citizen).content
    at = sheet.index(b"<dc:title>") + 60  # of its metadata, so every reader opens it yet
    spoiled = sheet[:at] + bytes([sheet[at] ^ 1]) + sheet[at + 1 :]
    assert not verdict(city, spoiled).intact


def test_the_signed_original_is_in_it(city, citizen):
    reader = PdfFileReader(BytesIO(sheet_of(city, citizen).content))
    ((_, file),) = [
        (name, spec)
        for name, spec in zip(
            *[iter(reader.root["/Names"]["/EmbeddedFiles"]["/Names"])] * 2, strict=True
        )
    ]
    original = file.get_object()["/EF"]["/F"].get_object().data.decode()
    assert city.locker.originals.verify(original)["content"]["street"] == "Long Street 1"


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Certificate of residence"), ("fr", "Certificat de résidence"), ("ar", "مولود في")],
)
def test_a_sheet_speaks_the_readers_language(city, citizen, tmp_path, language, words):
    said = words_on(tmp_path, sheet_of(city, citizen, language).content)
    for one in ("R-1", "Long Street 1", words):
        assert one in said


def test_where_the_clock_is_not_trusted_there_is_a_seal_and_no_stamp(settings, clock):
    plain = settings.with_sections(TimeStampSettings(clock="kernel"))
    with lockers(plain, clock) as city:
        city.locker.seals._stamping._kernel = lambda: None
        sheet = sheet_of(city, city.citizen(city.people()[0], "first.citizen")).content
        found = verdict(city, sheet)
        assert found.bottom_line
        assert found.timestamp_validity is None


def test_a_seal_makes_room_after_a_year_and_when_its_office_is_renamed(city, clock):
    authority = city.deployment.parts["pki"]
    job = job_of(city.locker.kinds.issuers["town-hall"])

    def sealing(job: Job) -> bytes:
        signer = authority.signer_for(job)
        signer.prepare(clock.now())
        return signer.standing(clock.now()).certificate

    first = sealing(job)
    clock.advance(SIGNS_FOR / 2)
    assert sealing(job) == first
    renamed = sealing(replace(job, common_name="City Hall"))
    assert renamed != first
    clock.advance(SIGNS_FOR)
    assert sealing(replace(job, common_name="City Hall")) != renamed


def test_nobody_else_gets_it(city, citizen):
    sheet_of(city, citizen)
    found = city.locker.of_person(citizen.id)[0][0]
    other = city.citizen(city.people(3)[-1], "another.citizen")
    assert other.get(f"/account/documents/{found.id}/pdf").status_code == 404


def test_letters_that_no_font_has_are_not_sealed_as_empty_boxes(clock):
    told = {"language": "zh", "right_to_left": False, "made_at": clock.now()}
    with pytest.raises(Unprocessable, match="letters") as refused:
        sheet.draw("居住证明", [("From", "Town Hall")], "", "https://x.example", "a.b.c", **told)
    assert "居" in refused.value.detail


def test_a_font_that_is_not_there_stops_the_start_by_name(settings):
    wrong = settings.with_sections(DocumentsSettings(fonts=("nowhere.ttf",)))
    with pytest.raises(SettingsError, match=r"nowhere\.ttf"):
        fonts_of(wrong)
