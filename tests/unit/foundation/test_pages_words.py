"""Sentences: extraction, completeness, choice of language — GNU gettext, RFC 4647 §3.4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from foundation.marking import N_, Sentence
from foundation.pages import Words
from foundation.pages.extraction import sentences
from foundation.pages.language import CATALOGUES, accepted_languages
from foundation.pages.times import spelled
from tests.support.deployments import ROOT

FORMS = {"en": 2, "fr": 2, "ar": 6}
"""How many plural forms each language of ours has — CLDR, Language Plural Rules."""


@pytest.fixture(scope="module")
def marked() -> list[tuple[str, str]]:
    """(file, message id) of every sentence in the service."""
    found = []
    for file, _, message in sentences(ROOT):
        for part in (message,) if isinstance(message, str) else message:
            found.append((file, part))
    return found


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language / "civitas.po").open("rb") as file:
        return read_po(file, locale=language)


def said(language: str) -> dict[str, str]:
    found = {}
    for message in catalogue(language):
        ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
        texts = (
            (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))
        )
        # Six forms: Arabic, whose first is for none and whose second is for one.
        one = 1 if len(texts) == 6 else 0
        for place, text in enumerate(ids):
            found[text] = texts[-1] if place else texts[one]
    return found


def test_no_sentence_lacks_its_english(marked: list[tuple[str, str]]) -> None:
    english = said("en")
    lacking = sorted({(file, message) for file, message in marked if not english.get(message)})
    assert not lacking, "run: python -m foundation.pages.extraction"


def every(language: str) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(what English says, what this language says) of each sentence: one and many, all forms."""
    for message in catalogue(language):
        if message.id and isinstance(message.id, str):
            yield (message.id,), (str(message.string),)
        elif message.id:
            yield tuple(message.id), tuple(message.string or ())


@pytest.mark.parametrize("language", list(FORMS))
def test_every_sentence_is_said_in_every_language(language: str) -> None:
    """Pages, letters, notices and refusals; in each form that the language has."""
    lacking = [
        source
        for source, said in every(language)
        if not all(said) or len(said) != (FORMS[language] if len(source) > 1 else 1)
    ]
    assert not lacking, "run: python -m foundation.pages.extraction, then translate these"


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_a_translation_holds_the_same_values_and_the_same_markup(language: str) -> None:
    def values(text: str) -> set[str]:
        braces = {name for _, name, _, _ in Formatter().parse(text) if name}
        return braces | set(re.findall(r"%\((\w+)\)s", text))

    def tags(text: str) -> list[str]:
        return sorted(re.findall(r"</?[a-z][^>]*>", text))

    for source, said in every(language):
        for place, text in enumerate(said):
            assert tags(text) == tags(source[-1]), source
            # Of none, one and two a language may say the number in a word.
            counted = len(said) > 1 and place < len(said) - 1
            assert values(text) == values(source[-1]) or (
                counted and values(text) | {"count"} == values(source[-1]) | {"count"}
            ), source


def test_a_wish_is_met_by_the_closest_language_that_we_speak() -> None:
    words = Words(("en", "fr", "ar"))
    assert words.choose(["de", "fr-CA"]).language == "fr"
    assert words.choose(["AR-eg"]).direction == "rtl"
    assert words.choose(["tlh"]).language == "en"
    assert words.choose([]).language == "en"


@pytest.mark.parametrize(
    ("header", "wishes"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", ("fr-CH", "fr", "en")),
        ("en;q=0.1, ar", ("ar", "en")),
        ("en;q=0", ()),
        ("", ()),
        ("en;q=x, fr", ("fr",)),
        (";;;,,,", ()),
    ],
)
def test_accept_language_is_read_in_order_of_preference(
    header: str, wishes: tuple[str, ...]
) -> None:
    assert accepted_languages(header) == wishes


def test_a_deployment_without_any_of_our_languages_speaks_english() -> None:
    assert [t.language for t in Words(("tlh",)).languages] == ["en"]


def test_an_error_with_a_value_in_it_is_said_in_the_readers_language() -> None:
    french, english = Words(("fr", "en")).languages
    lacks = N_("There is no client %(client_id)s.", client_id="<x>")
    assert lacks == "There is no client <x>."
    assert french(lacks) == "Il n’y a pas de client <x>."
    assert french.escaped(lacks) == "Il n’y a pas de client &lt;x&gt;."
    assert english(lacks) == lacks
    nested = N_("It is for %(callers)s.", callers=Sentence("citizens", {}))
    assert french(nested) == "C’est pour : citoyens."


def test_what_an_error_says_is_found_without_a_mark(marked: list[tuple[str, str]]) -> None:
    found = {message for _, message in marked}
    assert "You are the last operator." in found  # a description
    assert "Ask another operator." in found  # a next step


@pytest.mark.parametrize(
    ("zone", "language", "said"),
    [
        ("Europe/Zurich", "en_CH", "1 Jul 2026, 14:05:00 CEST"),
        ("Europe/Zurich", "fr_CH", "1 juil. 2026, 14:05:00 CEST"),
        ("UTC", "fr", "1 juil. 2026, 12:05:00 UTC"),
        ("Africa/Casablanca", "fr_MA", "1 juil. 2026, 13:05:00 UTC+01:00"),
        ("Asia/Kathmandu", "en_150", "1 Jul 2026, 17:50:00 UTC+05:45"),
    ],
)
def test_a_time_names_the_clock_that_it_is_by(zone: str, language: str, said: str) -> None:
    instant = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
    assert spelled(instant, ZoneInfo(zone), Locale.parse(language)) == said


def test_a_time_in_a_letter_names_its_clock_in_words() -> None:
    instant = datetime(2026, 12, 1, 12, 5, tzinfo=UTC)
    said = spelled(instant, ZoneInfo("Europe/Tallinn"), Locale.parse("en_150"), "full")
    assert said.endswith("Eastern European Standard Time")


def test_values_are_escaped_and_so_are_sentences_that_come_from_elsewhere() -> None:
    (english,) = Words(("en",)).languages
    assert english.escaped("<b>%(x)s</b>", x="<i>") == "&lt;b&gt;&lt;i&gt;&lt;/b&gt;"
    assert english.escaped("100 % <b>") == "100 % &lt;b&gt;"
    assert english.markup("<b>%(x)s</b>", x="<i>") == "<b>&lt;i&gt;</b>"


def test_no_page_has_anything_inline() -> None:
    """What the content security policy would refuse."""
    for template in [*ROOT.glob("**/pages/**/*.html")]:
        if ".venv" in Path(template).parts:
            continue
        text = template.read_text()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)", text), template
