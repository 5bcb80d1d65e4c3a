"""Step 4: a yes/no question at the AuthZEN endpoint, by the service's own `sub`."""

from __future__ import annotations

from civitas.tour.story import expect
from civitas.tour.world import PURPOSE, World


def ask(world: World) -> str:
    learned = world.signed_in
    if learned is None:
        raise AssertionError("expected somebody who signed in at step 3")
    answers = {
        claim: world.library.ask(learned.claims["sub"], claim, PURPOSE)
        for claim in ("age_over_18", "resident_of_city")
    }
    for claim, answer in answers.items():
        expect(answer["decision"] is True, f"yes to {claim}, but got {answer}")
        expect("birthdate" not in str(answer), "no attribute in the answer")
    stranger = world.library.ask("nobody-that-we-know", "age_over_18", PURPOSE)
    expect(stranger["decision"] is False, "no answer about a stranger")
    return "age_over_18: yes; resident_of_city: yes; nothing else was told"
