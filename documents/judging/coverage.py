"""Whether a signature is over all files of a container and nothing else — EN 319 162-1 §4.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from documents.judging import markup
from documents.judging.bounds import Refused


def vouch(references: Iterable[Any], data: Mapping[str, bytes]) -> None:
    """That these references mean each file once, as it is, and nothing else. Raises Refused."""
    named = []
    for one in references:
        name = name_of(one.get("URI", ""))
        if name not in data:
            raise Refused("missing")
        if not markup.is_hash_of(one, data[name]):
            raise Refused("changed")
        named.append(name)
    if len(set(named)) != len(named):
        raise Refused("wrapping")
    if set(named) != set(data):
        raise Refused("uncovered")


def name_of(uri: str) -> str:
    """The file in the container that is meant. Raises Refused for addresses of anything else."""
    parts = urlsplit(uri)
    if parts.scheme or parts.netloc or parts.query or parts.fragment or not parts.path:
        raise Refused("transform")
    return unquote(parts.path)
