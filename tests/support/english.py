"""Finds English on a page that speaks another language — WCAG 2.2 §3.1.2."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from babel.messages.pofile import read_po

from foundation.pages.language import CATALOGUES

_SPOKEN = ("aria-label", "alt", "title", "placeholder", "data-label")
_SILENT = ("script", "style", "code", "bdi", "svg")
_VOID = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr")
# Words without which English hardly says anything, and which French does not have.
_SMALL = re.compile(
    r"\b(the|of|and|is|to|you|your|this|with|for|was|were|not|by|are|it|that|has|have|from|an|in)\b",
    re.IGNORECASE,
)
_VALUE = re.compile(r"%\(\w+\)s|\{\w+\}")
_HTML = re.compile(r"<[^>]+>")


class _Reader(HTMLParser):
    """What a page says to people, piece by piece; not what is marked as a name, a code, a value
    of a person, or another language."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._quiet: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        quiet = (
            tag in _SILENT
            or has.get("translate") == "no"
            or ("lang" in has and tag != "html")
            or (bool(self._quiet) and self._quiet[-1])
        )
        if not quiet:
            self.pieces += [value for name in _SPOKEN if (value := has.get(name))]
            if tag == "input" and has.get("type") in ("submit", "button"):
                self.pieces.append(has.get("value") or "")
        if tag not in _VOID:
            self._quiet.append(quiet)

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._quiet:
            self._quiet.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._quiet and self._quiet[-1]):
            self.pieces.append(" ".join(data.split()))


@cache
def _english(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """(a part of it, the whole) of our sentences of three words or more that this language says
    otherwise."""
    with (CATALOGUES / language / "civitas.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    found = []
    for message in catalogue:
        for text in (message.id,) if isinstance(message.id, str) else message.id:
            plain = _HTML.sub("", text)
            fixed = _VALUE.sub(" ", plain)
            if len(re.findall(r"[A-Za-z]{2,}", fixed)) >= 3 and message.string != text:
                parts = [" ".join(part.split()) for part in _VALUE.split(plain)]
                whole = r"\s*.*?\s*".join(map(re.escape, parts))
                found.append((max(parts, key=len), re.compile(whole)))
    return found


def english_on(page: str, language: str) -> list[str]:
    """What is English on this page, which should speak `language`."""
    reader = _Reader()
    reader.feed(page)
    return [piece for piece in reader.pieces if _is_english(piece, language)]


@cache
def _is_english(piece: str, language: str) -> bool:
    return len(_SMALL.findall(piece)) >= 2 or any(
        part in piece and whole.search(piece) for part, whole in _english(language)
    )
