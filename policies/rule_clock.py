"""What the rules ask of the clock: on which side of its ground's two instants a question lies.

Nothing else, and that is looked at in the rules themselves: an answer can then be kept while the
clock moves on, and a rule that asks for more of it ends that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from policies.question import Ground

_CONTEXT = {"Var": "context"}


def _of(record: Any, name: str) -> dict[str, Any]:
    return {".": {"left": record, "attr": name}}


_AT = _of(_CONTEXT, "at")
_BEGINS, _ENDS = (_of(_of(_CONTEXT, "ground"), name) for name in ("notBefore", "notAfter"))
# `notBefore <= at` and `at < notAfter`, their opposites, and each of them read from the right.
_SIDES = (
    ("<=", _BEGINS, _AT),
    (">=", _AT, _BEGINS),
    ("<", _AT, _BEGINS),
    (">", _BEGINS, _AT),
    ("<", _AT, _ENDS),
    (">", _ENDS, _AT),
    ("<=", _ENDS, _AT),
    (">=", _AT, _ENDS),
)


def sides(ground: Ground | None, at: datetime) -> tuple[bool, bool]:
    """All that an answer depends on of `at`: whether its ground has begun, and is over."""
    if ground is None:
        return False, False
    return ground.not_before <= at, ground.not_after <= at


def asks_for_sides_only(rules: Any) -> bool:
    """Whether rules (Cedar's JSON form) use the instant of the question in no other way."""
    if isinstance(rules, list):
        return all(map(asks_for_sides_only, rules))
    if not isinstance(rules, dict):
        return True
    if rules in (_AT, _CONTEXT):
        return False
    if len(rules) == 1:
        ((name, inner),) = rules.items()
        if isinstance(inner, dict):
            if (name, inner.get("left"), inner.get("right")) in _SIDES:
                return True
            if name in (".", "has") and inner.get("left") == _CONTEXT:
                return True  # another member than `at`: that one was looked for above
    return all(map(asks_for_sides_only, rules.values()))
