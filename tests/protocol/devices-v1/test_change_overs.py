"""The endpoints of the change-overs: who may, and what is refused without anything being done."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.web import Principal
from tests.support.devices import OPERATING, Town, csrf_token, strangers

PAGE = "/devices/change-overs"
PLANNED = {"from": "device", "to": "device-mldsa", "in_days": "0", "days": "30"}


@pytest.fixture
def operators(town: Town) -> Town:
    town.who["caller"] = OPERATING
    return town


def csrf(town: Town) -> str:
    return csrf_token(town.http.get(PAGE).text)


def post(town: Town, path: str = PAGE, **form: str) -> Any:
    return town.http.post(path, data={"csrf_token": csrf(town), **form}, follow_redirects=False)


def states(town: Town) -> list[str]:
    return [one.state.value for one in town.city.devices.change_overs.all(10)]


@pytest.mark.parametrize("caller", strangers("devices:manage"), ids=lambda caller: caller.kind)
@pytest.mark.parametrize("path", [PAGE, f"{PAGE}/chg_1/act"])
def test_others_than_an_operator_are_403(town: Town, caller: Principal, path: str) -> None:
    town.who["caller"] = OPERATING
    token = csrf(town)
    town.who["caller"] = caller
    assert town.http.get(PAGE).status_code == 403
    answer = town.http.post(path, data={"csrf_token": token, "act": "run", **PLANNED})
    assert answer.status_code == 403
    assert states(town) == []


def test_a_form_from_elsewhere_is_refused(operators: Town) -> None:
    assert post(operators, **PLANNED).status_code == 303
    planned = operators.city.devices.change_overs.all(1)[0].id
    for path in (PAGE, f"{PAGE}/{planned}/act"):
        for sent in ({}, {"csrf_token": "x"}):
            answer = operators.http.post(path, data={**sent, "act": "run", **PLANNED})
            assert answer.status_code == 403
    assert states(operators) == ["planned"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("in_days", "-1", "between 0 and"),
        ("in_days", "1e3", "between 0 and"),
        ("days", "", "between 0 and"),
        ("days", "99999", "between 0 and"),
        ("days", "٣", "between 0 and"),
        ("to", "no-such-kind", "no profile"),
        ("to", "device", "one kind of certificate to another"),
        ("from", "people-signature", "no profile"),
    ],
)
def test_a_plan_that_cannot_be_is_shown_again(
    operators: Town, field: str, value: str, said: str
) -> None:
    answer = post(operators, **{**PLANNED, field: value})
    assert answer.status_code in (400, 422)
    assert said in answer.text
    assert states(operators) == []


def test_a_second_plan_to_the_same_kind_waits_for_the_first(operators: Town) -> None:
    assert post(operators, **PLANNED).status_code == 303
    answer = post(operators, **PLANNED)
    assert answer.status_code == 409
    assert "under way" in answer.text
    assert states(operators) == ["planned"]


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        (f"{PAGE}/chg_unknown/act", {"act": "run"}, 404),
        (f"{PAGE}/{'x' * 500}/act", {"act": "undo"}, 404),
        (f"{PAGE}/chg_unknown/act", {"act": "explode"}, 400),
        (f"{PAGE}/chg_unknown/act", {}, 400),
    ],
)
def test_what_is_not_there_is_refused(
    operators: Town, path: str, form: dict[str, str], status: int
) -> None:
    assert post(operators, path, **form).status_code == status


def test_an_old_page_cannot_repeat_its_act(operators: Town) -> None:
    assert post(operators, **PLANNED).status_code == 303
    planned = operators.city.devices.change_overs.all(1)[0].id
    assert post(operators, f"{PAGE}/{planned}/act", act="run").status_code == 303
    answer = post(operators, f"{PAGE}/{planned}/act", act="run")
    assert answer.status_code == 409
    assert states(operators) == ["running"]
