"""Names of people in any living script; none that show nothing — RFC 8264, RFC 8265."""

from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from foundation.errors import BadRequest
from foundation.vault import normalise
from idp.register.profile import Profile, WrongField
from idp.register.sign_in_names import check, written

TODAY = date(2026, 3, 2)
ROW = {
    "civil_number": "39001012222",
    "given_name": "Anna",
    "family_name": "Tamm",
    "birthdate": "2008-03-02",
    "locality": "Tallinn",
    "country": "EE",
}
LIVING = [
    "प्रिया",
    "สมหญิง",
    "রবীন্দ্র",
    "குமார்",
    "Ọla\u0301n\u0301rewa\u0301ju\u0301",
    "مُحَمَّد",
    "שָׁלוֹם",
    "李明",
    "이순",
    "さき",
    "サーラ",
    "\U000323af\U00031350",  # CJK Extension H, Unicode 15
    "\U0002ebf0\U0002ee5d",  # CJK Extension I, Unicode 15.1
    "نازنین\u200cزهرا",
    "ශ්\u200dරී",
    "കൃഷ്ണന്\u200d",
    "සොක්ඛා",
    "សុខា",
    "အောင်",
    "བསྟན་འཛིན",
    "አበበ",
    "გიორგი",
    "Արմեն",
    "ᏣᎳᎩ",
    "𞤀𞤣𞤤𞤢𞤥",
    "ߞߊ߲ߕߍ",
    "ᠪᠠᠲᠤ",
    "𞓐𞓑𞓒",
    "Nguyễn",
    "ʻŌkūkala",
    "Ġużè",
]
NOTHING = [
    "\u200b\u200b\u200b",
    "\u3164\u3164\u3164",
    "\u115f\u115f\u115f",
    "\uffa0\uffa0\uffa0",
    "\u2800\u2800\u2800",
    "\u00ad\u00ad\u00ad",
    "\ufe0f\ufe0f\ufe0f",
    "\u17b4\u17b5\u17b4",
    "\U000e0041\U000e0042\U000e0043",
    "\U000e0100\U000e0100\U000e0100",
    "\U00013441\U00013442\U00013441",
    "\u2060\ufeff\u180e",
    "\u0301\u0301\u0301",
    "...",
]


@pytest.mark.rfc("8265", "3")
@pytest.mark.parametrize("name", LIVING)
def test_a_sign_in_name_of_any_living_script_can_be_chosen(name):
    assert normalise(check(name)) == normalise(name)


@pytest.mark.rfc("8264", "4.2")
@pytest.mark.parametrize(
    "name",
    [
        *NOTHING,
        "ab",
        "a\u200bbc",
        "abc\u202ecba",
        "ab\u2067c",
        "x\u200dyz",
        "anna\u200canna",
        "\u0301abc",
        "abc\ue000",
        "abc\ud800",
        "abc\U0003ffff",
        "ab\u2028c",
        "😀😀😀",
        "a/b/c",
        "a b c",
    ],
)
def test_a_sign_in_name_that_shows_nothing_or_turns_the_writing_is_refused(name):
    with pytest.raises(BadRequest) as refusal:
        check(name)
    assert refusal.value.where == "sign_in_name"


def test_an_e_mail_address_is_a_sign_in_name_with_its_apostrophe_as_any_phone_types_it():
    assert check("o'brien@example.com") == "o'brien@example.com"
    assert check(" O\u2019Brien@example.com\u200b") == "O'Brien@example.com"
    assert check("jean\u2011luc@example.com") == "jean-luc@example.com"
    for odd in ("a!b@c", "a#b@c", "{a}|~b@c", "a=b&c@d", "अ@उदाहरण.भारत"):
        assert check(odd) == odd


def test_what_could_be_chosen_before_is_found_by_the_same_index():
    for old in ("Jüri.Kõiv", "ﬁrst", "Ⅳabc", "ʻokina", "محمـد", "Ａnna", "x²y", "サーラ"):
        before = " ".join(unicodedata.normalize("NFKC", old).casefold().split())
        assert normalise(written(old)) == before


@pytest.mark.parametrize(
    "name",
    [*LIVING, "D'Arcy", "O’Brien-Łuczak", "𠮷野", "Martin Luther King Jr. 3rd", "葛\U000e0100"],
)
def test_the_register_takes_a_name_of_any_living_script(name):
    profile = Profile.parse({**ROW, "given_name": f"\ufeff {name} "}, TODAY)
    assert normalise(profile.given_name) == normalise(name)


@pytest.mark.parametrize("name", [n for n in NOTHING if n[0] not in "\u0301."])
def test_the_register_takes_no_name_that_shows_nothing(name):
    with pytest.raises(WrongField, match="is empty"):
        Profile.parse({**ROW, "given_name": name, "family_name": name}, TODAY)


@pytest.mark.parametrize(
    "name", ["Ra\u3164j", "An\u2800na", "An\U000e0041na", "\u202eevil", "An\u2067na", "An\ue000"]
)
def test_a_name_in_which_something_is_not_seen_is_refused(name):
    with pytest.raises(WrongField) as wrong:
        Profile.parse({**ROW, "given_name": name}, TODAY)
    assert wrong.value.field == "given_name"
    assert wrong.value.what_to_do


def test_what_a_document_left_behind_in_a_name_is_left_out():
    assert Profile.parse({**ROW, "given_name": "An\u00adna\u200e"}, TODAY).given_name == "Anna"


# ── one name ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "family"),
    [("Suharto", ""), ("", "Suharto"), ("Suharto", None), ("\u3164", "Suharto")],
)
def test_a_person_with_one_name_is_enrolled_and_greeted_by_it(given, family):
    profile = Profile.parse({**ROW, "given_name": given, "family_name": family}, TODAY)
    assert (profile.name, profile.greeting) == ("Suharto", "Suharto")
    assert Profile.from_json(profile.to_json()) == profile


def test_a_dash_for_the_name_that_somebody_does_not_have_is_no_name_and_is_told():
    profile, left_out = Profile.read({**ROW, "given_name": "-", "family_name": "Suharto"}, TODAY)
    assert (profile.given_name, profile.name) == ("", "Suharto")
    assert [wrong.field for wrong in left_out] == ["given_name"]


def test_a_person_without_any_name_is_refused():
    for given, family in (("", ""), ("-", ""), ("-", "."), (None, "\u200b")):
        with pytest.raises(WrongField) as wrong:
            Profile.read({**ROW, "given_name": given, "family_name": family}, TODAY)
        assert wrong.value.field == "given_name"
        assert wrong.value.what_to_do


# ── civil numbers ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("A\u2010B1234", "AB1234"),
        ("A\u2011B1234", "AB1234"),
        ("A\u2012B1234", "AB1234"),
        ("A\u2013B1234", "AB1234"),
        ("A\u2014B1234", "AB1234"),
        ("A\u2212B1234", "AB1234"),
        ("A\u2043B1234", "AB1234"),
        ("A\u05beB1234", "AB1234"),
        ("A\uff0dB1234", "AB1234"),
        ("A\u00adB1234", "AB1234"),
        ("A\u30fcB1234", "AB1234"),
        ("a b-1.2/3 4", "AB1234"),
        ("A\u00a0B\u20091\u202f2\u30003\u200b4", "AB1234"),
        ("\ufeffAB1234\u200e", "AB1234"),
        ("'00012345", "00012345"),
        ("٩٨٧٦٥٤٣٢١", "987654321"),
        ("۱۲۳۴۵", "12345"),
        ("१२३४५", "12345"),
        ("１２３４５", "12345"),
        ("123.456.789-09", "12345678909"),
        ("131052-308T", "131052308T"),
        ("131052+308T", "131052+308T"),
    ],
)
def test_a_civil_number_is_read_as_people_paste_it(written, normal):
    assert Profile.parse({**ROW, "civil_number": written}, TODAY).civil_number == normal


@pytest.mark.parametrize(
    "number",
    ["1,23E+12", "1.23E+12", "1E+12", "12345678.0", "АБВ12345", "AB_1234", "123", "½12345"],
)
def test_what_a_spreadsheet_made_of_a_civil_number_or_no_number_is_refused(number):
    with pytest.raises(WrongField) as wrong:
        Profile.parse({**ROW, "civil_number": number}, TODAY)
    assert wrong.value.field == "civil_number"
    assert wrong.value.what_to_do
