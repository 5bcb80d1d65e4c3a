"""The pages of docs/ hold what they say: links, commands, settings, tests and examples exist."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from civitas.cli import command_line
from civitas.components import SECTIONS

app = command_line()

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
IDS = [path.relative_to(ROOT).as_posix() for path in PAGES]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(
    r"(?:^\s*|bin/|[|(] *)civitas((?: +[a-z][a-z-]*)+)((?:[^`\n]|\\\n)*)", re.MULTILINE
)
NAMED_TEST = re.compile(r"`(test_\w+)`")
# Of services that are for tests.
NAMED_LIKE_TESTS = {"test_only", "test_purpose", "test_scope"}

each_page = pytest.mark.parametrize("page", PAGES, ids=IDS)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ +(.+)$", text_of(page), re.MULTILINE)
    )


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def commands_in(text: str) -> Iterator[tuple[list[str], str]]:
    """(words, what follows) of every `civitas …` in code, inline or fenced."""
    code = [body for language, body in FENCE.findall(text) if language == "sh"]
    code += re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    for piece in code:
        for words, rest in COMMAND.findall(piece):
            yield words.split(), rest


def resolve(words: list[str]) -> Any:
    """The command that `words` name, None if there is none; more words are its arguments."""
    found: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(found, "commands"):
            return found
        found = found.commands.get(word)
        if found is None:
            return None
    return found


@each_page
def test_every_command_and_option_exists(page: Path) -> None:
    for words, rest in commands_in(text_of(page)):
        command = resolve(words)
        assert command is not None, f"civitas {' '.join(words)}"
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        told = rest.replace("\\\n", " ").split("#")[0].split(" | ")[0]
        for option in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", told):
            assert option in known, f"civitas {' '.join(words)} {option}"


@each_page
def test_every_settings_key_exists(page: Path) -> None:
    keys = {section.section: set(section.model_fields) for section in SECTIONS}
    for section, key in re.findall(r"`\[([a-z_]+)\]\s+([a-z_0-9]+)", text_of(page)):
        assert section in keys, f"[{section}]"
        assert key in keys[section], f"[{section}] {key}"


@each_page
def test_every_shell_example_parses(page: Path) -> None:
    for language, body in FENCE.findall(text_of(page)):
        if language in ("sh", "bash"):
            done = subprocess.run(
                ["bash", "-n"], input=body, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{done.stderr}\n{body}"


@each_page
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(NAMED_TEST.findall(text_of(page)))
    assert named - NAMED_LIKE_TESTS <= names_of_tests()


@cache
def names_of_tests() -> frozenset[str]:
    return frozenset(
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *def (\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda p: p.name)
def test_a_picture_has_words_for_who_does_not_see_it_and_fits_dark_pages(picture: Path) -> None:
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    space = "{http://www.w3.org/2000/svg}"
    assert root.findtext(f"{space}title")
    assert root.findtext(f"{space}desc")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{space}style") or "")


@pytest.mark.parametrize(
    ("script", "page"),
    [("settings_reference", "settings.md"), ("assurance_controls", "assurance.md")],
)
def test_what_is_taken_from_the_code_is_of_today(
    script: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    module = __import__(script)
    present = text_of(ROOT / "docs" / page)
    made = module.render(present) if script == "assurance_controls" else module.render()
    assert present == made, "run `make index`"


def test_every_settings_key_has_a_meaning() -> None:
    bare = re.findall(
        r"^\| `(\w+)` \| .* \| *\|$", text_of(ROOT / "docs/settings.md"), re.MULTILINE
    )
    assert bare == []
