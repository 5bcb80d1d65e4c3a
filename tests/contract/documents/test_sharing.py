"""Sharing and its end, on each database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from foundation.clock import FrozenClock
from foundation.errors import Forbidden
from foundation.settings import Settings
from tests.support.lockers import SAID, answer, lockers


def test_made_out_shared_once_and_withdrawn(any_settings: Settings, clock: FrozenClock) -> None:
    with lockers(any_settings, clock) as city:
        citizen = city.citizen(city.people()[0], "first.citizen")
        office, library = city.program(city.office), city.program(city.library)
        assert office.make_out(citizen.id).json()["version"] == 1
        assert office.make_out(citizen.id, content={**SAID, "owner": False}).json()["version"] == 2
        asked = library.ask(citizen.id).json()
        answer(citizen, asked["url"], lasting="once")
        (given,) = library.get(f"/documents/v1/requests/{asked['id']}").json()["documents"]
        # Of eight at once, one gets it.
        service = city.library.client.id
        _, issuer, kind, number = given["uri"].rsplit("/", 3)

        def fetch(_: int) -> bool:
            try:
                city.locker.asking.fetch(service, issuer, kind, number)
            except Forbidden:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(fetch, range(8))) == 1
        asked = library.ask(citizen.id).json()
        answer(citizen, asked["url"], lasting="until")
        assert library.get(given["uri"]).status_code == 200
        consents = city.deployment.parts["policies"].consent.list(citizen.id)
        active = [consent for consent in consents if consent.state == "active"]
        citizen.post(f"/account/consents/{active[0].id}/withdraw")
        assert library.get(given["uri"]).json()["where"] == "withdrawn"
        assert city.kinds(citizen.id)[-2:] == ["consent.withdrawn", "data.refused"]
