"""Forms that come back: all that is wrong at once, beside what was typed — WCAG 2.2 §3.3.1."""

from __future__ import annotations

import re

import pytest

from foundation.errors import Conflict, Forbidden, Unprocessable
from foundation.pages import Mistakes
from foundation.runtime import Runtime
from tests.support.sign_in import SignInDesk


def test_all_refusals_are_noted_each_with_its_field() -> None:
    wrong = Mistakes()
    with wrong.noting("label"):
        raise Unprocessable("A label is needed.", where="label", next_step="Write one.")
    with wrong.noting(owner="owner-field"):
        raise Unprocessable("Nobody is called so.", where="owner")
    assert [(m.field, m.next_step) for m in wrong] == [
        ("label", "Write one."),
        ("owner-field", None),
    ]
    assert wrong.status == 422


def test_one_refusal_keeps_its_own_status() -> None:
    wrong = Mistakes()
    with wrong.noting("identifier"):
        raise Conflict("It is known already.")
    assert wrong.status == 409


def test_what_no_form_can_mend_goes_on_to_its_own_page() -> None:
    with pytest.raises(Forbidden), Mistakes().noting():
        raise Forbidden("This is your own record.")
    with pytest.raises(Unprocessable), Mistakes().noting():
        raise Unprocessable("This one is kept on record.", consequence=lambda uow: None)


def test_a_form_that_comes_back_says_so_first_and_keeps_what_was_typed(runtime: Runtime) -> None:
    desk = SignInDesk(runtime)
    desk.citizen()
    page = desk.browser().sign_in(name="Mira <x>", password="a secret that is wrong").text
    assert "<title>Error: " in page
    summary = page.index('id="errors" role="alert" tabindex="-1" autofocus')
    assert page.index('<main id="main"') < summary < page.index("<h1>")
    assert '<a href="#name">' in page
    field = re.search(r'<input id="name"[^>]*>', page)
    assert field is not None
    assert 'value="Mira &lt;x&gt;"' in field[0]
    assert 'aria-invalid="true"' in field[0]
    assert "name-error" in field[0]
    assert "a secret that is wrong" not in page
