"""Write docs/specifications.md: from a section of a specification to the files that hold it.

Two sources, both in the code: the first line of a file's docstring (`"Revocation — RFC 7009 §2"`)
and the markers of the tests (`pytest.mark.rfc("7009", "2.1")`, `pytest.mark.row("privacy", "1")`).
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("foundation", "policies", "pki", "device_registry", "documents", "idp", "civitas")
OUTPUT = ROOT / "docs" / "specifications.md"

FAMILIES = re.compile(
    r"""
    RFC\ \d{3,5}(?:,\ \d{4,5}\b)*
    | NIST\ SP\ 800-\d+[A-Z]*(?:-\d)?
    | ISO/IEC(?:\ TS)?\ \d+(?:-\d+)?
    | ITU-T\ [A-Z]\.\d+
    | IEEE\ 802\.\w+
    | OpenID\ (?:[A-Z][\w-]*\ ?)+(?:\d\.\d)?
    | FAPI\ \d(?:\.\d)?
    | AuthZEN(?:\ [A-Z]\w+)*(?:\ \d\.\d)?
    | WebAuthn(?:\ (?:Level\ )?\d)?
    | WCAG\ \d\.\d
    | GDPR
    | eIDAS
    | C2SP\ [\w-]+
    """,
    re.VERBOSE,
)
SECTIONS = re.compile(
    r"§+\s*([A-Z]?[\d.]*\d(?:[–-][\d.]*\d)?)|(Art\. \d+(?:, \d+)*)|(App(?:endix|\.) [A-Z])"
)


@dataclass(frozen=True, order=True)
class Reference:
    """One place that a file or a test names. `section` is empty for a whole document."""

    document: str
    section: str


def references(line: str) -> list[Reference]:
    """What a docstring's first line refers to, in its order."""
    found: list[Reference] = []
    matches = list(FAMILIES.finditer(line))
    ends = [*(match.start() for match in matches[1:]), len(line)]
    for match, end in zip(matches, ends, strict=False):
        # "RFC 7517, 7638" is two documents; what follows belongs to the last.
        names = match.group().strip().split(", ")
        documents = [names[0], *(f"RFC {number}" for number in names[1:])]
        found += [Reference(document, "") for document in documents[:-1]]
        rest = line[match.end() : end]
        sections = [next(g for g in m.groups() if g) for m in SECTIONS.finditer(rest)]
        # "§3.1, 3.2": a bare number in the list goes on with the same document.
        sections += re.findall(r"(?<=\d), (\d+(?:\.\d+)+)", rest)
        found += [Reference(documents[-1], section) for section in sections or [""]]
    return found


def first_line(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def markers(tree: ast.Module, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(test, arguments) of every `pytest.mark.<name>(…)`; the test is empty for a whole file."""
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                if (arguments := _marked(decorator, name)) is not None:
                    yield node.name, arguments
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            whole = node.value
            for mark in whole.elts if isinstance(whole, ast.List | ast.Tuple) else [whole]:
                if (arguments := _marked(mark, name)) is not None:
                    yield "", arguments


def _statements(within: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    """Of a file and its classes; tests stand nowhere else, and most of a file is inside of them."""
    for node in within.body:
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _statements(node)


def _marked(node: ast.expr, name: str) -> tuple[str, ...] | None:
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{name}"):
        return None
    return tuple(str(ast.literal_eval(argument)) for argument in node.args)


def _document(number: str) -> str:
    return f"RFC {number}" if number.isdecimal() else number


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(t), "") if t.isdecimal() else (-1, t) for t in re.findall(r"\d+|\D+", text)]


def _heading(document: str) -> str:
    number = document.removeprefix("RFC ")
    if number.isdecimal():
        return f"[{document}](https://www.rfc-editor.org/rfc/rfc{number})"
    return document


def _link(path: str) -> str:
    return f"[{path}](../{path})"


Files = dict[str, set[str]]


def collect(root: Path) -> tuple[dict[Reference, Files], dict[str, set[str]]]:
    """(reference → {"code": files, "tests": files}, "table row" → names of tests)."""
    index: dict[Reference, Files] = defaultdict(lambda: {"code": set(), "tests": set()})
    rows: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            path = file.relative_to(root).as_posix()
            for reference in references(first_line(ast.parse(file.read_text("utf-8")))):
                index[reference]["code"].add(path)
    for file in sorted((root / "tests").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        tree = ast.parse(file.read_text("utf-8"))
        for _, arguments in markers(tree, "rfc"):
            section = arguments[1].removeprefix("§") if len(arguments) > 1 else ""
            index[Reference(_document(arguments[0]), section)]["tests"].add(path)
        for test, arguments in markers(tree, "row"):
            rows[" ".join(arguments)].add(f"{_link(path)} {test}".strip())
    return dict(index), dict(rows)


def render(root: Path) -> str:
    index, rows = collect(root)
    lines = [
        "# Specifications",
        "From a section to the files that hold it. Generated by `make index` from the first lines",
        "of the files and the markers of the tests: do not edit.",
    ]
    for document in sorted({reference.document for reference in index}, key=_natural):
        lines += ["", f"## {_heading(document)}", "| section | code | tests |", "|---|---|---|"]
        of_document = [reference for reference in index if reference.document == document]
        for reference in sorted(of_document, key=lambda r: _natural(r.section)):
            section = reference.section or "—"
            code, tests = (
                "<br>".join(_link(path) for path in sorted(index[reference][kind]))
                for kind in ("code", "tests")
            )
            lines.append(f"| {section} | {code} | {tests} |")
    if rows:
        lines += ["", "## Requirements", "| row | tests |", "|---|---|"]
        for row in sorted(rows, key=_natural):
            lines.append(f"| {row} | {'<br>'.join(sorted(rows[row]))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    OUTPUT.write_text(render(ROOT), encoding="utf-8")
    print(f"wrote {OUTPUT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
