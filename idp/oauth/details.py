"""What a service asks to be allowed in detail, read against the catalogue — RFC 9396 §2, §3, §5.

A type is data (`policies/data/authorization_types.toml`): what it may say, and in which words a
person reads it. Nothing that is not in there is ever stored, shown or put into a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from foundation.pages import Translator
from idp.oauth.client import OPENID_CREDENTIAL, Client
from policies import AuthorizationType, DetailField

MOST, LONGEST = 10, 200
_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,4})?")
Detail = Mapping[str, Any]
Types = Mapping[str, AuthorizationType]


class Unusable(ValueError):
    """Why `authorization_details` are refused, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One detail as a person reads it."""

    sentence: str
    facts: tuple[tuple[str, str | date], ...]


def parse(text: str | None, types: Types, client: Client) -> tuple[Detail, ...]:
    """The details of a parameter, each of a known type that the client is registered for and says
    only what its type may say. Raises Unusable, which names the type or the field."""
    if text is None:
        return ()
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        raise Unusable("it is not JSON") from None
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        raise Unusable(f"it must be a list of 1 to {MOST} objects")
    for detail in listed:
        _check(detail, types, client)
    return tuple(listed)


IDENTIFIERS = "credential_identifiers"


def credentials_in(details: Sequence[Detail]) -> tuple[str, ...]:
    """The kinds of credentials that are asked for, or were allowed."""
    wanted = (one for one in details if one["type"] == OPENID_CREDENTIAL)
    return tuple(str(one["credential_configuration_id"]) for one in wanted)


def granted(details: Sequence[Detail]) -> tuple[Detail, ...]:
    """What the person allowed; of a credential, under which identifier the wallet asks for it
    (OpenID4VCI §6.2): the kind's own means the newest one."""
    return tuple(
        {**one, IDENTIFIERS: [one["credential_configuration_id"]]}
        if one["type"] == OPENID_CREDENTIAL
        else one
        for one in details
    )


def matching(wanted: Detail, given: Sequence[Detail]) -> Detail | None:
    """The one of those given that is wanted; None where nobody allowed it so."""
    for one in given:
        if {name: value for name, value in one.items() if name != IDENTIFIERS} == wanted:
            return one
    return None


def shown(details: Sequence[Detail], types: Types, translate: Translator) -> list[Shown]:
    """Each detail in a person's words, all of it, and what reads the same once; by its type alone
    once no table knows that."""
    said = (
        Shown(translate(types[detail["type"]].sentence), _facts(detail, types, translate))
        if detail["type"] in types
        else Shown(str(detail["type"]), ())
        for detail in details
    )
    return list(dict.fromkeys(said))


def _check(detail: Any, types: Types, client: Client) -> None:
    kind = detail.get("type") if isinstance(detail, dict) else None
    if not isinstance(kind, str):
        raise Unusable("each entry must be an object with a type")
    known = types.get(kind)
    if known is None:
        raise Unusable(f"the type {kind[:100]!r} is not known; there are {', '.join(types)}")
    if kind not in client.authorization_details_types:
        raise Unusable(f"this client is not registered for the type {kind!r}")
    for name in detail:
        if name != "type" and name not in known.fields:
            raise Unusable(f"{kind} has no {name[:100]!r}; it has {', '.join(known.fields)}")
    for field in known.fields.values():
        if field.name in detail:
            if not _fits(field, detail[field.name]):
                raise Unusable(f"{field.name} of {kind} must be {_MEANING[field.kind]}")
        elif field.required:
            raise Unusable(f"{field.name} of {kind} is missing")


_MEANING = {
    "text": f"a text of 1 to {LONGEST} characters on one line",
    "choice": "one of its values",
    "choices": "a list of its values, each once",
    "amount": "an object with currency (such as EUR) and amount (such as 12.50)",
    "day": "a day such as 2026-03-02",
    "count": "a whole number from 1",
}


def _fits(field: DetailField, value: Any) -> bool:
    match field.kind:
        case "text":
            return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
        case "choice":
            return isinstance(value, str) and value in field.values
        case "choices":
            return _is_choice_of(value, field)
        case "amount":
            return _is_amount(value)
        case "day":
            return _day(value) is not None
        case _:
            return type(value) is int and 1 <= value < 10**9


def _is_choice_of(value: Any, field: DetailField) -> bool:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        return False
    return len(set(value)) == len(value) and set(value) <= field.values.keys()


def _is_amount(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"currency", "amount"}:
        return False
    currency, amount = value["currency"], value["amount"]
    texts = isinstance(currency, str) and isinstance(amount, str)
    return texts and bool(_CURRENCY.fullmatch(currency)) and bool(_DECIMAL.fullmatch(amount))


def _day(value: Any) -> date | None:
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    # One spelling only: others of ISO 8601 are read by some and not by others.
    return found if found is not None and found.isoformat() == value else None


def _facts(
    detail: Detail, types: Types, translate: Translator
) -> tuple[tuple[str, str | date], ...]:
    fields = types[detail["type"]].fields.values()
    return tuple(
        (translate(field.label), _readable(field, detail[field.name], translate))
        for field in fields
        if field.name in detail
    )


def _readable(field: DetailField, value: Any, translate: Translator) -> str | date:
    match field.kind:
        case "choice":
            return translate(field.values.get(value, value))
        case "choices":
            return ", ".join(translate(field.values.get(one, one)) for one in value)
        case "amount":
            return f"{value['amount']} {value['currency']}"
        case "day":
            return _day(value) or str(value)
        case _:
            return str(value)
