"""What each way of applying reaches, and what to bring, by the policy — EN-4 to EN-7."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idp.register.applications.ways import Offer, offers
from idp.register.proofing_policy import ProofingPolicy, shipped
from tests.support.deployments import START

BOTH = ("desk", "post")


@pytest.fixture
def policy() -> ProofingPolicy:
    return shipped().current(START.date())


def by_id(policy: ProofingPolicy) -> dict[str, Offer]:
    return {offer.way.id: offer for offer in offers(policy, BOTH)}


def test_papers_at_a_desk_reach_level_4_and_a_letter_alone_level_1(policy: ProofingPolicy) -> None:
    found = by_id(policy)
    assert found["desk"].levels == (1, 2, 3, 4)
    assert found["post"].levels == (1,)
    assert found["post"].asks == ()


def test_what_to_bring_is_what_the_levels_of_the_policy_ask(policy: ProofingPolicy) -> None:
    desk = by_id(policy)["desk"]
    asked = [(one.level, one.proving, one.more, one.contact) for one in desk.asks]
    assert asked == [(2, 1, 0, False), (3, 1, 1, True), (4, 2, 1, True)]
    assert ("Passport", ("Passport authority",)) in desk.proving
    assert ("Tax assessment", ("Tax authority",)) in desk.backing
    named = [document for document, _ in (*desk.proving, *desk.backing)]
    assert "The person's own statement" not in named


def test_another_policy_makes_other_promises(policy: ProofingPolicy) -> None:
    second = replace(policy.levels[2], evidence_confirmed=False)
    lax = replace(policy, levels={**policy.levels, 2: second})
    assert by_id(lax)["post"].levels == (1, 2)
    nobody_comes = {name: method for name, method in policy.methods.items() if not method.present}
    remote = replace(policy, methods=nobody_comes)
    assert by_id(remote)["desk"].levels == (1, 2, 3), "a remote session never reaches level 4"


def test_only_what_the_deployment_offers_is_promised(policy: ProofingPolicy) -> None:
    assert [offer.way.id for offer in offers(policy, ("post",))] == ["post"]
    assert offers(policy, ()) == ()
    nothing = replace(policy, methods={})
    assert offers(nothing, BOTH) == (), "a way that leads nowhere is no way"
