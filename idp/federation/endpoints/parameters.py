"""Query parameters of the federation endpoints, some of which may repeat — §8.2.1, §8.3.1."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from idp.federation.errors import InvalidRequest

_MOST = 50


def parameters(request: Request, repeatable: frozenset[str]) -> dict[str, list[str]]:
    """All parameters as lists; one that may not repeat has one element. Raises InvalidRequest."""
    try:
        pairs = parse_qsl(
            request.scope.get("query_string", b"").decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST,
        )
    except (ValueError, UnicodeDecodeError):
        raise InvalidRequest("The query string is not valid form encoding.") from None
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in values and name not in repeatable:
            raise InvalidRequest(f"The parameter {name} is repeated.")
        if "\0" in value:
            raise InvalidRequest(f"The parameter {name} holds a NUL character.")
        values.setdefault(name, []).append(value)
    return values


def boolean(values: list[str] | None, name: str) -> bool:
    """A boolean parameter; absent means false."""
    if not values:
        return False
    if values[0] not in ("true", "false"):
        raise InvalidRequest(f"The parameter {name} is true or false.")
    return values[0] == "true"
