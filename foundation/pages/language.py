"""Sentences in the reader's language: gettext catalogues, read from .po files — RFC 4647 §3.4."""

from __future__ import annotations

import gettext
import io
from collections.abc import Iterable, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

from foundation.marking import N_, Sentence

__all__ = [
    "CHOSEN_NOW",
    "LANGUAGE_COOKIE",
    "N_",
    "Translator",
    "Words",
    "accepted_languages",
]

CATALOGUES = Path(__file__).parent / "locale"
DOMAIN = "civitas"
SOURCE = "en"  # the language that message ids are written in
LANGUAGE_COOKIE = "language"
CHOSEN_NOW = "language-now"
"""The cookies of what the reader chose, and of their having chosen it just now."""


class Translator:
    """Says a sentence in one language.

    ``_("Hello %(name)s", name=…)`` gives plain text. In templates ``_`` is ``escaped``, which is
    safe for any text; ``{% trans %}`` blocks are ``markup``: their sentences are our own.
    """

    def __init__(self, language: str, catalogue: Path) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self.direction = "rtl" if self.locale.text_direction == "rtl" else "ltr"
        self._path = catalogue

    @cached_property
    def _messages(self) -> gettext.NullTranslations:
        # Read when first spoken: a deployment in one language does not pay for three.
        return _read(self._path, self._path.stat().st_mtime_ns, self.language)

    @property
    def name(self) -> str:
        """The language's own name, such as "français"."""
        return self.locale.get_display_name(self.language) or self.language

    def __call__(self, message: str, **values: Any) -> str:
        said, values = self._found(message, values)
        return said % values if values else said

    def plural(self, one: str, many: str, number: int, **values: Any) -> str:
        """The form of the sentence that fits ``number``; ``%(num)s`` is the number."""
        return self._messages.ngettext(one, many, number) % {"num": number, **values}

    def escaped(self, message: str, /, **values: Any) -> Markup:
        """For templates: sentence and values are both escaped (a value may be Markup)."""
        said, values = self._found(message, values)
        return escape(said) % values if values else escape(said)

    def _found(self, message: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The sentence in this language, and what to put into it."""
        if not isinstance(message, Sentence):
            return self._messages.gettext(message), values
        own = {n: self(v) if isinstance(v, Sentence) else v for n, v in message.values.items()}
        return self._messages.gettext(message.message), own | values

    def markup(self, message: str, /, **values: Any) -> Markup:
        """For ``{% trans %}``: the sentence may hold our own markup, the values are escaped."""
        return Markup(self._messages.gettext(message)) % values  # noqa: S704

    def markup_plural(self, one: str, many: str, number: int, /, **values: Any) -> Markup:
        """For templates: as ``plural``, with escaped values."""
        said = Markup(self._messages.ngettext(one, many, number))  # noqa: S704
        return said % {"num": number, **values}


@cache
def _read(catalogue: Path, _changed: int, language: str) -> gettext.NullTranslations:
    """The sentences of a file: read once a process, however many deployments it assembles."""
    with catalogue.open("rb") as file:
        read = read_po(file, locale=language, domain=DOMAIN)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Words:
    """The languages of this deployment, in its order of preference."""

    def __init__(self, languages: Sequence[str], catalogues: Path = CATALOGUES) -> None:
        found = {
            language: Translator(language, path)
            for language in languages
            if (path := catalogues / language / f"{DOMAIN}.po").is_file()
        }
        if not found:
            found = {SOURCE: Translator(SOURCE, catalogues / SOURCE / f"{DOMAIN}.po")}
        self._translators = found

    @property
    def languages(self) -> tuple[Translator, ...]:
        return tuple(self._translators.values())

    def choose(self, wishes: Iterable[str]) -> Translator:
        """The first wish that we speak (``fr-CA`` is served by ``fr``), else our first language."""
        for wish in wishes:
            tag = wish.strip().lower()
            while tag:
                if tag in self._translators:
                    return self._translators[tag]
                tag = tag.rpartition("-")[0]
        return next(iter(self._translators.values()))

    def speaks(self, language: str) -> bool:
        return language in self._translators


def accepted_languages(header: str) -> tuple[str, ...]:
    """The tags of an ``Accept-Language`` header, best first; what does not parse is left out."""
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:1000].split(",")):
        tag, _, parameter = part.partition(";")
        quality = 1.0
        if parameter:
            name, _, value = parameter.partition("=")
            try:
                quality = float(value) if name.strip().lower() == "q" else 0.0
            except ValueError:
                continue
        if tag.strip() and tag.strip() != "*" and 0 < quality <= 1:
            weighed.append((-quality, place, tag.strip()))
    return tuple(tag for _, _, tag in sorted(weighed))
