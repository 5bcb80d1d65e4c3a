"""What we may not ship stops a release — SPDX expressions."""

from __future__ import annotations

import pytest

from scripts.release.licences import check, permitted
from scripts.release.stop import Stop
from tests.support.deployments import ROOT

RULES = ROOT / "requirements/licences.toml"


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("GPL-3.0-only", False),
        ("MIT WITH Classpath-exception-2.0", False),
        ("As you like it", False),
        ("", False),
    ],
)
def test_every_part_of_an_and_is_allowed_and_one_of_an_or(expression, may):
    assert permitted(expression, ["Apache-2.0", "MIT"]) is may


def test_all_that_is_not_allowed_is_named_at_once():
    components = [
        {"name": "Good_One", "licenses": [{"license": {"id": "MIT"}}]},
        {"name": "copyleft", "licenses": [{"license": {"id": "AGPL-3.0-only"}}]},
        {"name": "silent"},
    ]
    with pytest.raises(Stop, match=r"copyleft: AGPL-3\.0-only; silent: no licence"):
        check({"components": components}, RULES)
    assert check({"components": components[:1]}, RULES) == {"good-one": "MIT"}


def test_a_classifier_says_again_what_the_expression_says():
    said = [{"expression": "MIT"}, {"license": {"name": "License :: OSI Approved :: BSD License"}}]
    found = check({"components": [{"name": "both", "licenses": said}]}, RULES)
    assert found == {"both": "MIT AND BSD-3-Clause"}
