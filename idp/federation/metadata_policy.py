"""Metadata policy: operators, their combinations, merge and application — OpenID Federation §6.1.

Pure. Every operator is a row of `OPERATORS`, in the order of application; whatever the
specification calls a policy error is raised as PolicyError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from idp.federation.jws import Invalid

Policy = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Entity type → metadata parameter → operator → value."""

ABSENT: Any = object()


class PolicyError(Invalid):
    """A metadata policy that cannot be resolved or fulfilled: the trust chain is invalid."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator: what values it takes, how two merge, and what it does to a parameter."""

    accepts: Callable[[Any], bool]
    merge: Callable[[Any, Any], Any]
    apply: Callable[[Any, Any], Any]


# ── values ────────────────────────────────────────────────────────────────────────────────


def same(one: Any, other: Any) -> bool:
    """JSON equality: a boolean is not a number, arrays are compared in order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    return (type(one) is type(other) and bool(one == other)) or _equal_numbers(one, other)


def _equal_numbers(one: Any, other: Any) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float) and one == other


def among(value: Any, values: Sequence[Any]) -> bool:
    return any(same(value, v) for v in values)


def subset(values: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(among(v, others) for v in values)


def union(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    result = list(one)
    result.extend(v for v in other if not among(v, result))
    return result


def intersection(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    return [v for v in one if among(v, other)]


def _is_list(value: Any) -> bool:
    kinds = (str, dict, int, float)
    return isinstance(value, list) and all(
        isinstance(v, kinds) and not isinstance(v, bool) for v in value
    )


def _is_json(value: Any) -> bool:
    return value is not None and isinstance(value, str | bool | int | float | list | dict)


# ── merging two values of one operator (superior first) ──────────────────────────────────


def _equal(one: Any, other: Any) -> Any:
    if not same(one, other):
        raise PolicyError("Two authorities fix different values for one metadata parameter.")
    return one


def _common(one: Any, other: Any) -> Any:
    both = intersection(one, other)
    if not both:
        raise PolicyError("Two authorities leave no common value (one_of).")
    return both


# ── applying an operator to a parameter (ABSENT when it is not there) ────────────────────


def _value(value: Any, parameter: Any) -> Any:
    return ABSENT if value is None else value


def _add(value: Any, parameter: Any) -> Any:
    return value if parameter is ABSENT else union(_array(parameter, "add"), value)


def _default(value: Any, parameter: Any) -> Any:
    return value if parameter is ABSENT else parameter


def _one_of(value: Any, parameter: Any) -> Any:
    if parameter is not ABSENT and not among(parameter, value):
        raise PolicyError(f"The metadata value {parameter!r} is not one of those allowed.")
    return parameter


def _subset_of(value: Any, parameter: Any) -> Any:
    if parameter is ABSENT:
        return ABSENT
    return intersection(_array(parameter, "subset_of"), value)


def _superset_of(value: Any, parameter: Any) -> Any:
    if parameter is not ABSENT and not subset(value, _array(parameter, "superset_of")):
        raise PolicyError(f"The metadata value {parameter!r} lacks what the policy demands.")
    return parameter


def _essential(value: Any, parameter: Any) -> Any:
    if value and parameter is ABSENT:
        raise PolicyError("A metadata parameter that the policy makes essential is missing.")
    return parameter


def _array(parameter: Any, operator: str) -> list[Any]:
    if not _is_list(parameter):
        raise PolicyError(f"The operator {operator} meets a metadata value that is no array.")
    return list(parameter)


OPERATORS: dict[str, Operator] = {
    "value": Operator(lambda v: v is None or _is_json(v), _equal, _value),
    "add": Operator(_is_list, union, _add),
    "default": Operator(_is_json, _equal, _default),
    "one_of": Operator(lambda v: _is_list(v) and bool(v), _common, _one_of),
    "subset_of": Operator(_is_list, intersection, _subset_of),
    "superset_of": Operator(_is_list, union, _superset_of),
    "essential": Operator(
        lambda v: isinstance(v, bool), lambda one, other: one or other, _essential
    ),
}
"""The standard operators in their order of application (§6.1.3.1)."""


# ── combinations within one parameter's policy (§6.1.3.1) ────────────────────────────────


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_COMBINATIONS: tuple[tuple[str, str, Callable[[Any, Any], bool]], ...] = (
    ("value", "add", lambda value, add: value is not None and subset(add, _listed(value))),
    ("value", "default", lambda value, _: value is not None),
    ("value", "one_of", among),
    ("value", "subset_of", lambda value, s: value is not None and subset(_listed(value), s)),
    ("value", "superset_of", lambda value, s: value is not None and subset(s, _listed(value))),
    ("value", "essential", lambda value, essential: not (value is None and essential)),
    ("add", "one_of", lambda *_: False),
    ("add", "subset_of", subset),
    ("one_of", "subset_of", lambda *_: False),
    ("one_of", "superset_of", lambda *_: False),
    ("subset_of", "superset_of", lambda sub, sup: subset(sup, sub)),
)


def check_combinations(operators: Mapping[str, Any]) -> None:
    """Raise PolicyError unless these operators may stand together for one parameter."""
    for one, other, allowed in _COMBINATIONS:
        both = one in operators and other in operators
        if both and not allowed(operators[one], operators[other]):
            raise PolicyError(f"The operators {one} and {other} contradict each other.")


# ── one policy, a chain of policies, metadata ────────────────────────────────────────────


def parse(value: object, critical: frozenset[str] = frozenset()) -> Policy:
    """A `metadata_policy` claim with the operators that we know (§6.1.2, §6.1.3.2).

    Unknown operators are ignored unless `metadata_policy_crit` names them. Raises PolicyError.
    """
    if not isinstance(value, Mapping):
        raise PolicyError("The metadata_policy claim is not an object.")
    policy: dict[str, dict[str, dict[str, Any]]] = {}
    for entity_type, parameters in value.items():
        if not isinstance(parameters, Mapping):
            raise PolicyError(f"The metadata policy of {entity_type} is not an object.")
        policy[entity_type] = {
            name: _operators(f"{entity_type}.{name}", operators, critical)
            for name, operators in parameters.items()
        }
    return policy


def _operators(where: str, value: object, critical: frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise PolicyError(f"The metadata policy of {where} is not an object.")
    known: dict[str, Any] = {}
    for name, configured in value.items():
        operator = OPERATORS.get(name)
        if operator is None:
            if name in critical:
                raise PolicyError(f"The critical policy operator {name} is not understood.")
            continue
        if not operator.accepts(configured):
            raise PolicyError(f"The operator {name} of {where} has a value of the wrong kind.")
        known[name] = configured
    check_combinations(known)
    return known


def merge(superior: Policy, subordinate: Policy) -> Policy:
    """The policy that fulfils both (§6.1.4.1); never wider than `superior`. Raises PolicyError."""
    merged = {t: {p: dict(ops) for p, ops in ps.items()} for t, ps in superior.items()}
    for entity_type, parameters in subordinate.items():
        held = merged.setdefault(entity_type, {})
        for parameter, operators in parameters.items():
            current = held.setdefault(parameter, {})
            for name, value in operators.items():
                if name in current:
                    current[name] = OPERATORS[name].merge(current[name], value)
                else:
                    current[name] = value
            check_combinations(current)
    return merged


def resolve(policies: Sequence[object], critical: frozenset[str] = frozenset()) -> Policy:
    """The policy of a chain from its `metadata_policy` claims, most superior first."""
    resolved: Policy = {}
    for claim in policies:
        resolved = merge(resolved, parse(claim, critical))
    return resolved


def apply(policy: Policy, metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The resolved metadata (§6.1.4.2). Entity types without a policy pass unchanged."""
    result = {t: dict(deepcopy(dict(ps))) for t, ps in metadata.items()}
    for entity_type, parameters in policy.items():
        held = result.get(entity_type)
        if held is None:
            continue
        for name, operators in parameters.items():
            outcome = _applied(operators, name, held.get(name, ABSENT))
            if outcome is ABSENT:
                held.pop(name, None)
            else:
                held[name] = outcome
    return result


def _applied(operators: Mapping[str, Any], name: str, parameter: Any) -> Any:
    # §6.1.3.1: `scope` is a string of words, which the operators see as an array.
    words = name == "scope"
    if words and isinstance(parameter, str):
        parameter = parameter.split()
    for operator, rule in OPERATORS.items():
        if operator in operators:
            configured = operators[operator]
            if words and isinstance(configured, str):
                configured = configured.split()
            parameter = rule.apply(configured, parameter)
    if words and isinstance(parameter, list):
        parameter = " ".join(str(word) for word in parameter)
    return parameter
