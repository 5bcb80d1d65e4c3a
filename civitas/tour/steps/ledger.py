"""Step 7: the ledger names every sign-in, release and look-up, with who, when and why."""

from __future__ import annotations

from civitas.tour.story import expect
from civitas.tour.world import World

WANTED = ("City library",)


def read_ledger(world: World) -> str:
    world.citizen.get(f"{world.provider.url}/account/ledger")
    for words in WANTED:
        expect(words in world.citizen.text, f"{words!r} in the ledger: {world.citizen.text[:300]}")
    answer = world.citizen.client.get(f"{world.provider.url}/account/ledger.json")
    entries = answer.json()["entries"]
    kinds = {entry["kind"] for entry in entries}
    for kind in ("sign-in.succeeded", "data.released", "data.verified", "data.refused"):
        expect(kind in kinds, f"{kind} among {sorted(kinds)}")
    looked_up = [k for k in kinds if "look" in k]
    expect(looked_up, f"the officer's look-up among {sorted(kinds)}")
    return f"{len(entries)} entries: {', '.join(sorted(kinds))}"
