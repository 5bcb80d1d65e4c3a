"""Scope values: parsing and narrowing — RFC 6749 §3.3."""

import re

_TOKEN = re.compile(r"[!#-\[\]-~]+")


class MalformedScope(ValueError):
    """A scope string that is not a list of scope tokens with single spaces between."""


def parse(text: str) -> tuple[str, ...]:
    """The scope tokens in the order given, each once.

    Raises MalformedScope for an empty string, doubled spaces or characters outside §3.3.
    """
    tokens = text.split(" ")
    for token in tokens:
        if not _TOKEN.fullmatch(token):
            raise MalformedScope(text)
    return tuple(dict.fromkeys(tokens))


def render(scope: tuple[str, ...] | frozenset[str]) -> str:
    """The scope string of §3.3; a set is sorted so that equal scopes read equal."""
    return " ".join(sorted(scope) if isinstance(scope, frozenset) else scope)
