"""Collect the sentences of templates and code into the catalogues — GNU gettext.

Run as ``python -m foundation.pages.extraction``.

New sentences appear in every ``civitas.po``; English says them as they stand, the other
languages wait for a translator (``--check`` only tells whether something would change).
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from foundation import errors
from foundation.pages.language import CATALOGUES, DOMAIN, SOURCE

PACKAGES = ("foundation", "policies", "pki", "device_registry", "documents", "idp", "civitas")
_METHODS = [("**.html", "jinja2"), ("**.py", "python")]
_OPTIONS = {"**.html": {"trimmed": "true", "extensions": "jinja2.ext.i18n"}}
_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "plural": (1, 2)}
_IN_DATA = frozenset({"label", "sentence", "notice", "reason", "next_step", "title"})
# Errors that reach a person: in these folders, and of these classes where no next step is said.
_REFUSE_PEOPLE = (
    "foundation/audit/routes.py",
    "foundation/bodies.py",
    "foundation/browser.py",
    "foundation/edge.py",
    "foundation/middleware.py",
    "foundation/outages.py",
    "foundation/pages/",
    "foundation/rates.py",
    "foundation/web.py",
    "civitas/app.py",
    "civitas/system.py",
    "device_registry/",
    "documents/locker/endpoints/answering.py",
    "documents/locker/links.py",
    "idp/broker/",
    "idp/developers/",
    "idp/federation/accreditation.py",
    "idp/federation/endpoints/completion.py",
    "idp/federation/endpoints/console.py",
    "idp/federation/entity_identifier.py",
    "idp/login/",
    "idp/oauth/authorization/",
    "idp/oauth/clients.py",
    "idp/oauth/endpoints/consent.py",
    "idp/oauth/endpoints/end_session.py",
    "idp/oauth/signing_out.py",
    "idp/portal/",
    "idp/register/",
    "idp/supervision/",
    "policies/consents.py",
    "policies/withdrawal.py",
)
_REFUSALS = frozenset(
    {name for name, one in vars(errors).items() if isinstance(one, type)}
    | {"FileRefused", "Invalid"}
)
_SUPER = "super().__init__"  # of an error that is always the same
_OF_ROWS = ("Fault", "Remark", "WrongField")
"""What is wrong with a value: the last two are the reason, and what to do."""
# A fixed date keeps the catalogues free of changes that say nothing.
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def sentences(root: Path) -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    """(file, line, message id or plural pair) of everything that is marked under ``root``."""
    for package in PACKAGES:
        for file, line, message, _comments, _context in extract_from_dir(
            root / package, _METHODS, _OPTIONS, _KEYWORDS
        ):
            yield f"{package}/{file}", line, message
        for path in sorted((root / package).rglob("*.py")):
            file = path.relative_to(root).as_posix()
            if file.startswith(_REFUSE_PEOPLE):
                for line, message in _refusals(ast.parse(path.read_text())):
                    yield file, line, message
    for path in sorted(root.glob("**/data/**/*.toml")):
        if path.relative_to(root).parts[0] in PACKAGES:
            for message in _sentences_of(tomllib.loads(path.read_text())):
                yield str(path.relative_to(root)), 0, message


def _refusals(module: ast.Module) -> Iterator[tuple[int, str]]:
    """What errors say: their description, and the next step. The error page looks both up.

    A sentence with a value in it is no constant; ``N_("… %(name)s …", name=…)`` marks it.
    """
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        steps = [keyword.value for keyword in node.keywords if keyword.arg == "next_step"]
        if called in _OF_ROWS:
            told = node.args[-2:]
        elif called in _REFUSALS or (steps and (called[:1].isupper() or called == _SUPER)):
            told = [*node.args[:1], *steps]
        else:
            continue
        for said in told:
            # Without a space it is an address to go to, or a protocol's word.
            if isinstance(said, ast.Constant) and " " in str(said.value):
                yield said.lineno, str(said.value)


def _sentences_of(value: object) -> Iterator[str]:
    """What tables of data say to people: the members that are message ids."""
    if isinstance(value, list):
        for item in value:
            yield from _sentences_of(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _IN_DATA and isinstance(item, str):
                yield item
            else:
                yield from _sentences_of(item)


def template(root: Path) -> Catalog:
    """A catalogue of all message ids, without line numbers: they would change with every edit."""
    found = Catalog(project="Civitas", creation_date=_SINCE, revision_date=_SINCE, fuzzy=False)
    for file, _line, message in sentences(root):
        found.add(message, locations=[(file, None)])  # type: ignore[list-item]
    return found


def updated(catalogue: Catalog, messages: Catalog, language: str) -> Catalog:
    """``catalogue`` with the messages of today and the translations that it had."""
    catalogue.update(messages, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.project, catalogue.version = "Civitas", "1"
    catalogue.last_translator = "Civitas maintainers"
    catalogue.msgid_bugs_address = catalogue.language_team = ""
    catalogue.revision_date = _SINCE
    if language == SOURCE:
        for message in catalogue:
            if message.id:
                message.string = message.id
    return catalogue


def main(arguments: Sequence[str]) -> int:
    root = Path(__file__).parent.parent.parent
    stale = []
    for path in sorted(CATALOGUES.glob(f"*/{DOMAIN}.po")):
        language = path.parent.name
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language, domain=DOMAIN)
        had = {(m.id, m.string) for m in catalogue if m.id}
        # A fresh template for each: catalogues that were updated share its messages.
        catalogue = updated(catalogue, template(root), language)
        if had == {(m.id, m.string) for m in catalogue if m.id}:
            continue
        stale.append(language)
        if "--check" not in arguments:
            with path.open("wb") as out:
                write_po(out, catalogue, width=98, sort_output=True, omit_header=False)
    for language in stale:
        verdict = "needs an update" if "--check" in arguments else "updated"
        sys.stdout.write(f"{language}: {verdict}\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
