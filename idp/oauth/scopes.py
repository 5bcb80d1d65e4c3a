"""Scope values: parsing and narrowing — RFC 6749 §3.3."""

import re

_TOKEN = re.compile(r"[!#-\[\]-~]+")


class MalformedScope(ValueError):
    """A scope string that is not a list of scope tokens with spaces between."""


def parse(text: str) -> tuple[str, ...]:
    """The scope tokens in the order given, each once.

    A space too many separates as well as one. Raises MalformedScope for a string without a token
    or with characters outside §3.3.
    """
    tokens = [token for token in text.split(" ") if token]
    if not tokens or not all(_TOKEN.fullmatch(token) for token in tokens):
        raise MalformedScope(text)
    return tuple(dict.fromkeys(tokens))


def render(scope: tuple[str, ...] | frozenset[str]) -> str:
    """The scope string of §3.3; a set is sorted so that equal scopes read equal."""
    return " ".join(sorted(scope) if isinstance(scope, frozenset) else scope)
