"""Licences of what is locked: a table, the texts, and a stop at one that we may not ship."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from license_expression import ExpressionError, get_spdx_licensing
from packaging.utils import canonicalize_name

from scripts.release.bill import Bill
from scripts.release.stop import Stop

RULE = "=" * 78


def check(bill: Bill, rules_file: Path) -> dict[str, str]:
    """Package → SPDX expression, by name; raises Stop with all that is not allowed."""
    rules = tomllib.loads(rules_file.read_text(encoding="utf-8"))
    found, refused = {}, []
    for component in bill["components"]:
        name = str(canonicalize_name(component["name"]))
        expression = _expression(name, component, rules)
        found[name] = expression
        if not permitted(expression, rules["allowed"]):
            refused.append(f"{name}: {expression or 'no licence that a program could read'}")
    if refused:
        raise Stop(
            f"{rules_file.name} does not allow {'; '.join(refused)}. Read the licence; then add a "
            "row there, or leave the package."
        )
    return dict(sorted(found.items()))


def permitted(expression: str, allowed: list[str]) -> bool:
    """Whether one may ship under it: every part of an AND, one part of an OR."""
    try:
        parsed = get_spdx_licensing().parse(expression, validate=True)
    except ExpressionError:
        return False
    if parsed is None:
        return False
    algebra = get_spdx_licensing()
    yes, no = algebra.TRUE, algebra.FALSE
    values = {s: yes if str(s) in allowed else no for s in parsed.symbols}
    return bool(parsed.subs(values, simplify=True) == yes)


def _expression(name: str, component: Mapping[str, Any], rules: Mapping[str, Any]) -> str:
    if name in rules["read"]:
        return str(rules["read"][name])
    said = []
    for entry in component.get("licenses", ()):
        licence = entry.get("license", {})
        words = entry.get("expression") or licence.get("id") or licence.get("name") or ""
        said.append(rules["in-other-words"].get(words, words))
    # A package's classifier says again, less exactly, what its expression says.
    return " AND ".join(dict.fromkeys(said))


def texts(environment: Path, licences: Mapping[str, str]) -> str:
    """One page: the table, then each package's licence and notice files word for word."""
    lines = ["Civitas is shipped with, or installs, these packages:", ""]
    lines += [f"  {name:40} {expression}" for name, expression in licences.items()]
    found = {
        str(canonicalize_name(d.name)): d
        for d in distributions(
            path=[str(p) for p in environment.glob("lib/python3*/site-packages")]
        )
    }
    for name in licences:
        for file, text in _files(found[name]):
            lines += ["", RULE, f"{name} {found[name].version}: {file}", RULE, "", text.rstrip()]
    return "\n".join(lines) + "\n"


def _files(distribution: Distribution) -> Iterator[tuple[str, str]]:
    for file in sorted(distribution.files or ()):
        name = file.name.upper()
        if ".dist-info" in str(file) and name.startswith(
            ("LICENSE", "LICENCE", "NOTICE", "COPYING")
        ):
            content = Path(str(file.locate())).read_bytes()
            yield file.name, content.decode("utf-8", errors="replace")
