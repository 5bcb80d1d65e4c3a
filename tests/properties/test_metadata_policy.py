"""Whatever policies a chain carries, a subordinate never widens them — OpenID Federation §6.1."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from idp.federation.metadata_policy import PolicyError, apply, merge, parse, subset

words = st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)
operators = st.fixed_dictionaries(
    {},
    optional={
        "value": words,
        "add": words,
        "default": words,
        "subset_of": words,
        "superset_of": words,
        "essential": st.booleans(),
    },
)
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def policy(ops: dict[str, Any]) -> Any:
    return parse({"t": {"p": ops}})


def outcome(of: Any, metadata: dict[str, Any]) -> Any:
    try:
        return apply(of, {"t": metadata})["t"].get("p", "absent")
    except PolicyError:
        return "error"


def either(one: dict[str, Any], other: dict[str, Any]) -> Any:
    try:
        return merge(policy(one), policy(other))
    except PolicyError:
        return "error"


@given(operators, operators, st.none() | words)
def test_what_a_merged_policy_lets_pass_the_superior_lets_pass(
    superior: dict[str, Any], subordinate: dict[str, Any], given: list[str] | None
) -> None:
    merged = either(superior, subordinate)
    if merged == "error":
        return
    result = outcome(merged, {} if given is None else {"p": given})
    if result == "error":
        return
    if superior.get("essential"):
        assert result != "absent"
    if result != "absent":
        assert subset(result, superior.get("subset_of", result))
        assert subset(superior.get("superset_of", []), result)
        assert subset(superior.get("add", []), result)
        if "value" in superior:
            assert sorted(result) == sorted(superior["value"])


@given(operators, operators)
def test_a_merge_fails_or_holds_in_either_order_and_means_the_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    here, there = either(one, other), either(other, one)
    assert (here == "error") == (there == "error")
    if here != "error":
        for ops in (here["t"]["p"], there["t"]["p"]):
            for name, value in ops.items():
                ops[name] = sorted(value) if name in ("add", "subset_of", "superset_of") else value
        assert here["t"]["p"] == there["t"]["p"]


@given(operators)
def test_a_policy_merged_with_itself_is_itself(ops: dict[str, Any]) -> None:
    try:
        own = policy(ops)
    except PolicyError:
        return
    assert merge(own, own) == own


@given(operators, st.none() | words)
def test_applying_a_policy_twice_changes_nothing_more(
    ops: dict[str, Any], given: list[str] | None
) -> None:
    try:
        own = policy(ops)
    except PolicyError:
        return
    once = outcome(own, {} if given is None else {"p": given})
    if once not in ("error", "absent"):
        assert outcome(own, {"p": once}) == once


@given(json, json)
def test_any_json_gives_a_result_or_a_policy_error(claim: Any, metadata: Any) -> None:
    try:
        apply(parse({"t": {"p": claim}}), {"t": {"p": metadata}})
        apply(parse(claim), {"t": {"p": metadata}})
    except PolicyError:
        pass
