"""Metadata policy operators, their combinations and merges — OpenID Federation 1.0 §6.1."""

from typing import Any

import pytest

from idp.federation.metadata_policy import PolicyError, apply, merge, parse, resolve

pytestmark = pytest.mark.rfc("openid-federation", "6.1.3.1")


def applied(operators: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    policy = parse({"openid_provider": {"p": operators}})
    return apply(policy, {"openid_provider": metadata})["openid_provider"]


@pytest.mark.parametrize(
    ("operators", "given", "expected"),
    [
        ({"value": "a"}, {"p": "b"}, {"p": "a"}),
        ({"value": "a"}, {}, {"p": "a"}),
        ({"value": None}, {"p": "b"}, {}),
        ({"value": [1, 2]}, {"p": [3]}, {"p": [1, 2]}),
        ({"add": ["b", "c"]}, {"p": ["a", "b"]}, {"p": ["a", "b", "c"]}),
        ({"add": ["b"]}, {}, {"p": ["b"]}),
        ({"default": True}, {}, {"p": True}),
        ({"default": True}, {"p": False}, {"p": False}),
        ({"one_of": ["a", "b"]}, {"p": "b"}, {"p": "b"}),
        ({"one_of": ["a", "b"]}, {}, {}),
        ({"subset_of": ["a", "b", "c"]}, {"p": ["a", "e"]}, {"p": ["a"]}),
        ({"superset_of": ["a"]}, {"p": ["a", "b"]}, {"p": ["a", "b"]}),
        ({"superset_of": ["a"]}, {}, {}),
        ({"essential": False}, {}, {}),
        ({"essential": True}, {"p": {"any": "object"}}, {"p": {"any": "object"}}),
        ({"add": ["c"], "default": ["x"], "subset_of": ["a", "c"]}, {"p": ["a", "z"]},
         {"p": ["a", "c"]}),
    ],
)  # fmt: skip
def test_an_operator_acts_as_specified(
    operators: dict[str, Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert applied(operators, **given) == expected


@pytest.mark.parametrize(
    ("essential", "given", "expected"),
    [
        (True, ["a", "e"], ["a"]),
        (False, ["a", "e"], ["a"]),
        (True, ["d", "e"], []),
        (False, ["d", "e"], []),
        (False, None, None),
        (True, None, PolicyError),
    ],
)
def test_the_table_of_essential_with_subset_of(essential: bool, given: Any, expected: Any) -> None:
    operators = {"essential": essential, "subset_of": ["a", "b", "c"]}
    metadata = {} if given is None else {"p": given}
    if expected is PolicyError:
        with pytest.raises(PolicyError):
            applied(operators, **metadata)
    else:
        assert applied(operators, **metadata).get("p") == expected


@pytest.mark.parametrize(
    ("operators", "given"),
    [
        ({"one_of": ["a"]}, {"p": "b"}),
        ({"superset_of": ["a"]}, {"p": ["b"]}),
        ({"essential": True}, {}),
        ({"subset_of": ["a"]}, {"p": "a"}),
        ({"add": ["a"]}, {"p": "a"}),
    ],
)
def test_metadata_that_breaks_the_policy_is_an_error(
    operators: dict[str, Any], given: dict[str, Any]
) -> None:
    with pytest.raises(PolicyError):
        applied(operators, **given)


@pytest.mark.parametrize(
    "operators",
    [
        {"value": ["a"], "add": ["b"]},
        {"value": None, "default": "x"},
        {"value": "c", "one_of": ["a", "b"]},
        {"value": ["a", "z"], "subset_of": ["a"]},
        {"value": ["a"], "superset_of": ["a", "b"]},
        {"value": None, "essential": True},
        {"add": ["a"], "one_of": ["a"]},
        {"add": ["z"], "subset_of": ["a"]},
        {"one_of": ["a"], "subset_of": ["a"]},
        {"one_of": ["a"], "superset_of": ["a"]},
        {"subset_of": ["a"], "superset_of": ["a", "b"]},
    ],
)
def test_operators_that_contradict_each_other_are_an_error(operators: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        parse({"openid_provider": {"p": operators}})


@pytest.mark.parametrize(
    "operators",
    [
        {"value": ["a"], "add": ["a"], "subset_of": ["a", "b"], "superset_of": ["a"]},
        {"value": None, "essential": False},
        {"value": "a", "one_of": ["a", "b"], "default": "z", "essential": True},
        {"add": ["a"], "superset_of": ["z"], "default": ["q"]},
        {"one_of": ["a"], "default": "a", "essential": True},
        {"subset_of": ["a", "b"], "superset_of": ["a"], "essential": True},
    ],
)
def test_operators_that_may_stand_together_do(operators: dict[str, Any]) -> None:
    parse({"openid_provider": {"p": operators}})


@pytest.mark.parametrize(
    "policy",
    [
        [], "x", None, {"openid_provider": []}, {"openid_provider": {"p": []}},
        {"openid_provider": {"p": {"add": "a"}}}, {"openid_provider": {"p": {"add": [True]}}},
        {"openid_provider": {"p": {"one_of": []}}}, {"openid_provider": {"p": {"essential": 1}}},
        {"openid_provider": {"p": {"default": None}}},
        {"openid_provider": {"p": {"subset_of": None}}},
    ],
)  # fmt: skip
@pytest.mark.rfc("openid-federation", "6.1.2")
def test_a_policy_of_the_wrong_form_is_an_error(policy: Any) -> None:
    with pytest.raises(PolicyError):
        parse(policy)


@pytest.mark.rfc("openid-federation", "6.1.3.2")
def test_an_unknown_operator_is_ignored_unless_it_is_critical() -> None:
    policy = {"openid_provider": {"p": {"regexp": "^a"}}}
    assert parse(policy) == {"openid_provider": {"p": {}}}
    with pytest.raises(PolicyError, match="regexp"):
        parse(policy, frozenset({"regexp"}))


@pytest.mark.rfc("openid-federation", "6.1.4.1")
@pytest.mark.parametrize(
    ("superior", "subordinate", "merged"),
    [
        ({"add": ["a"]}, {"add": ["b"]}, {"add": ["a", "b"]}),
        ({"subset_of": ["a", "b"]}, {"subset_of": ["b", "c"]}, {"subset_of": ["b"]}),
        ({"subset_of": ["a"]}, {"subset_of": ["b"]}, {"subset_of": []}),
        ({"superset_of": ["a"]}, {"superset_of": ["b"]}, {"superset_of": ["a", "b"]}),
        ({"one_of": ["a", "b"]}, {"one_of": ["b"]}, {"one_of": ["b"]}),
        ({"essential": False}, {"essential": True}, {"essential": True}),
        ({"value": "a"}, {"value": "a"}, {"value": "a"}),
        ({"default": 1}, {"essential": True}, {"default": 1, "essential": True}),
        ({"one_of": ["a"]}, {"one_of": ["b"]}, PolicyError),
        ({"value": "a"}, {"value": "b"}, PolicyError),
        ({"value": True}, {"value": 1}, PolicyError),
        ({"default": "a"}, {"default": "b"}, PolicyError),
        ({"subset_of": ["a"]}, {"add": ["b"]}, PolicyError),
        ({"subset_of": ["a", "b"], "superset_of": ["a"]}, {"subset_of": ["b"]}, PolicyError),
    ],
)
def test_two_policies_merge_to_one_that_is_as_strict(
    superior: dict[str, Any], subordinate: dict[str, Any], merged: Any
) -> None:
    one, other = {"t": {"p": superior}}, {"t": {"p": subordinate}}
    if merged is PolicyError:
        with pytest.raises(PolicyError):
            merge(parse(one), parse(other))
    else:
        assert merge(parse(one), parse(other)) == {"t": {"p": merged}}


@pytest.mark.rfc("openid-federation", "6.1.4.1")
def test_what_only_the_subordinate_rules_is_copied() -> None:
    resolved = resolve([{"t": {"p": {"value": 1}}}, {"t": {"q": {"value": 2}}, "u": {"r": {}}}])
    assert resolved == {"t": {"p": {"value": 1}, "q": {"value": 2}}, "u": {"r": {}}}


@pytest.mark.rfc("openid-federation", "6.1.3.1.8")
def test_scope_is_seen_as_an_array_of_words() -> None:
    policy = parse({"openid_relying_party": {"scope": {"subset_of": ["openid", "profile"]}}})
    resolved = apply(policy, {"openid_relying_party": {"scope": "openid email"}})
    assert resolved == {"openid_relying_party": {"scope": "openid"}}


@pytest.mark.rfc("openid-federation", "6.1.4.2")
def test_a_policy_for_a_type_that_the_entity_is_not_changes_nothing() -> None:
    policy = parse({"openid_provider": {"p": {"essential": True}}})
    assert apply(policy, {"openid_relying_party": {}}) == {"openid_relying_party": {}}
