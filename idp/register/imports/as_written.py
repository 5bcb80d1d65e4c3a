"""The values of a row as offices write them, in the form that a profile has; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from foundation.text import digits, fold, invisible, is_dash, nfkc, trimmed
from idp.register.imports.dates import Order, iso
from idp.register.profile import WrongField

# What a spreadsheet makes of a text that looks like a number: ="00012345".
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
# What our own files put before a value that a spreadsheet would take for a formula.
_MADE_HARMLESS = re.compile(r"^'(?=[=+@-])")


def field_name(written: str) -> str:
    """The name of a column or member, in any case, with spaces or hyphens for underscores."""
    return fold(trimmed(written)).replace(" ", "_").replace("-", "_")


def cell(written: str) -> str:
    text = _MADE_HARMLESS.sub("", written.strip())
    match = _TEXT_FORMULA.fullmatch(text)
    if match is not None:
        return match[1]
    return written if text == written.strip() else text


def tidied(
    values: Mapping[str, Any], order: Order | None
) -> tuple[dict[str, Any], tuple[WrongField, ...]]:
    """The values whose forms differ between offices, in ours; others, and what is no text, as they
    are. With them, what is wrong already: a date that could be two."""
    forms: dict[str, Callable[[str], str]] = {
        **_FORMS,
        "birthdate": lambda text: iso(text, order),
    }
    tidy, faults = dict(values), []
    for name, value in values.items():
        if name in forms and isinstance(value, str):
            try:
                tidy[name] = forms[name](value)
            except WrongField as wrong:
                faults.append(wrong)
    return tidy, tuple(faults)


def _phone(text: str) -> str:
    """E.164 without what groups its digits; `00` is the plus sign of a telephone."""
    plain = digits(nfkc(trimmed(text))).replace("(0)", "")
    plain = "".join(c for c in plain if c not in " ./()" and not is_dash(c) and not invisible(c))
    return f"+{plain[2:]}" if plain.startswith("00") else plain


def _locale(text: str) -> str:
    language, *rest = trimmed(text).replace("_", "-").split("-")
    return "-".join([language.lower(), *rest])


def _capitals(text: str) -> str:
    return nfkc(trimmed(text)).upper()


def _email(text: str) -> str:
    return trimmed(text).removeprefix("mailto:")


_FORMS: dict[str, Callable[[str], str]] = {
    "country": _capitals,
    "municipality_code": _capitals,
    "phone_number": _phone,
    "locale": _locale,
    "email": _email,
}
