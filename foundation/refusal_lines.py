"""The line that a refusal leaves in the log: who keeps the log can say why — ISO/IEC 27002 8.15.

It names nobody (X.1253 9.1): of its sentence, what the caller sent is left out, but for the words
of protocols that tell of services alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from foundation.bodies import Body
from foundation.errors import CivitasError

IMPERSONAL = frozenset(
    {
        "acr_values",
        "claims_locales",
        "client_id",
        "code_challenge_method",
        "grant_type",
        "prompt",
        "purpose",
        "response_mode",
        "response_type",
        "scope",
        "token_type_hint",
    }
)
"""Parameters whose values tell of a service and of nobody."""
_WORD = re.compile(r"[^\s'\"(),;:!?…]+")
_LONG = 4
_MOST = 65_536


def reason(error: CivitasError, request: Request) -> str:
    """The error's sentence without what was sent."""
    sent = " ".join(_sent(request)).lower()
    words = set(_WORD.findall(sent))

    def shown(found: re.Match[str]) -> str:
        word = found[0].lower().rstrip(".")
        hidden = word in words or (len(word) >= _LONG and word in sent)
        return f"…{found[0][len(word) :]}" if hidden else found[0]

    return _WORD.sub(shown, error.description)


def _sent(request: Request) -> Iterator[str]:
    """All values that came with the request and may tell of somebody."""
    yield from (str(value) for value in request.path_params.values())
    yield from _values(request.scope.get("query_string", b"")[:_MOST])
    body: Body | None = request.scope.get("civitas.body")
    if body is None:
        return
    content = next(body.chunks(), b"")[:_MOST]
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        yield from _values(content)
        return
    try:
        yield from _leaves(json.loads(content))
    except (ValueError, RecursionError):
        yield content.decode("utf-8", "replace")


def _values(encoded: bytes) -> Iterator[str]:
    pairs = parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=False)
    yield from (value for name, value in pairs if name not in IMPERSONAL)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield str(value)
