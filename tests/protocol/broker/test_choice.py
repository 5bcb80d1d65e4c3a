"""Who is offered: accredited now, at the level asked, in no order, with nothing pre-selected."""

import re
from datetime import timedelta

import pytest

from foundation.clock import FrozenClock
from tests.protocol.broker.conftest import Hub, field
from tests.support.federation import OFFICER, PROVIDER, REGULATOR, SECOND_PROVIDER


def offered(hub: Hub, level: int) -> set[str]:
    return {p.entity_id for p in hub.broker.providers.offered(level)}


@pytest.mark.parametrize(
    ("level", "expected"),
    [(1, {PROVIDER, SECOND_PROVIDER}), (2, {PROVIDER, SECOND_PROVIDER}), (3, {SECOND_PROVIDER}),
     (4, set())],
)  # fmt: skip
def test_only_providers_that_reach_the_level_are_offered(
    hub: Hub, level: int, expected: set[str]
) -> None:
    assert offered(hub, level) == expected


def test_the_choice_page_preselects_nothing(hub: Hub) -> None:
    page, _ = hub.choice()
    assert page.count('name="provider"') == 2
    assert not re.search(r"<input[^>]* checked", page)
    assert "autofocus" not in page
    assert "You asked us to remember" not in page


@pytest.mark.row("governance", "broker choice")
def test_the_order_favours_nobody(hub: Hub) -> None:
    first = {hub.broker.providers.offered(1)[0].entity_id for _ in range(60)}
    assert first == {PROVIDER, SECOND_PROVIDER}


def test_the_choice_is_remembered_only_if_asked(hub: Hub) -> None:
    page, sealed = hub.choice()
    hub.choose(hub.first, page, sealed)
    assert "You asked us to remember" not in hub.choice()[0]
    hub.choose(hub.first, page, sealed, remember="yes")
    page, sealed = hub.choice()
    assert "You asked us to remember" in page
    assert not re.search(r"<input[^>]* checked", page)


@pytest.mark.row("governance", "suspend")
def test_a_suspended_provider_is_not_offered_within_seconds(hub: Hub, clock: FrozenClock) -> None:
    assert offered(hub, 2) == {PROVIDER, SECOND_PROVIDER}
    hub.regulator.federation.accreditation.suspend(PROVIDER, OFFICER, "an incident")
    clock.advance(timedelta(seconds=2))
    assert offered(hub, 2) == {SECOND_PROVIDER}
    hub.regulator.federation.accreditation.reinstate(PROVIDER, OFFICER, "put right")
    clock.advance(timedelta(seconds=2))
    assert offered(hub, 2) == {PROVIDER, SECOND_PROVIDER}


def test_a_provider_suspended_while_the_person_is_there_vouches_for_nobody(
    hub: Hub, clock: FrozenClock
) -> None:
    back = hub.answer_of(hub.first)
    hub.regulator.federation.accreditation.suspend(PROVIDER, OFFICER, "an incident")
    clock.advance(timedelta(seconds=2))
    answer = hub.member.browser.get(back)
    assert "not accredited" in answer.text
    assert hub.here() is None


def test_a_session_of_a_provider_suspended_since_does_not_suffice(
    hub: Hub, clock: FrozenClock
) -> None:
    hub.sign_in(hub.first)
    assert hub.here() is not None
    hub.regulator.federation.accreditation.suspend(PROVIDER, OFFICER, "an incident")
    clock.advance(timedelta(seconds=2))
    assert hub.here() is None


def test_a_provider_whose_mark_was_not_renewed_is_not_offered(
    hub: Hub, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider in (hub.first, hub.second):
        marks = provider.member.federation.own_marks
        shown = marks.held()
        monkeypatch.setattr(marks, "held", lambda shown=shown: shown)
    clock.advance(timedelta(hours=2))
    assert offered(hub, 1) == set()


def test_a_provider_without_a_mark_is_not_offered_although_it_is_listed(hub: Hub) -> None:
    hub.regulator.federation.accreditation.accredit(PROVIDER, 3, OFFICER)
    # It still shows its mark of level 2, which was revoked when the level changed.
    assert offered(hub, 1) == {SECOND_PROVIDER}


def test_without_the_regulator_nobody_is_offered(hub: Hub) -> None:
    del hub.city.network.members[REGULATOR]
    answer = hub.member.browser.get("/service")
    page = hub.member.browser.get(answer.headers["location"])
    assert page.status_code == 503
    assert "register" in page.text


def test_a_provider_that_speaks_for_another_issuer_is_not_offered(hub: Hub) -> None:
    honest = hub.first.metadata()["openid_provider"]
    hub.first.metadata = lambda: {  # type: ignore[method-assign]
        "openid_provider": {**honest, "issuer": SECOND_PROVIDER}
    }
    hub.first.member.federation._metadata = hub.first.metadata
    assert offered(hub, 1) == {SECOND_PROVIDER}


@pytest.mark.row("failures", "5")
def test_a_choice_begun_in_another_browser_is_refused(hub: Hub) -> None:
    page, sealed = hub.choice()
    hub.member.browser.cookies.clear()
    assert hub.member.browser.get("/broker/choose", params={"for": sealed}).status_code == 400
    assert hub.choose(hub.first, page, sealed).status_code == 403


def test_a_choice_that_waited_too_long_is_refused(hub: Hub, clock: FrozenClock) -> None:
    _, sealed = hub.choice()
    clock.advance(timedelta(hours=1))
    assert hub.member.browser.get("/broker/choose", params={"for": sealed}).status_code == 400


@pytest.mark.parametrize("sealed", ["", "x", "e30", "%00", "A" * 4000])
def test_a_forged_choice_is_refused(hub: Hub, sealed: str) -> None:
    page, _ = hub.choice()
    assert hub.member.browser.get(f"/broker/choose?for={sealed}").status_code == 400
    assert hub.choose(hub.first, page, sealed).status_code == 400


def test_a_choice_without_our_form_is_refused(hub: Hub) -> None:
    _, sealed = hub.choice()
    answer = hub.member.browser.post(
        "/broker/choose", data={"for": sealed, "provider": hub.slug(hub.first)}
    )
    assert answer.status_code == 403


def test_a_provider_that_is_not_offered_cannot_be_chosen(hub: Hub) -> None:
    page, sealed = hub.choice(level="3")
    answer = hub.choose(hub.first, page, sealed)
    assert answer.status_code == 200
    assert "not accredited at this level" in answer.text
    assert field(answer.text, "for")
