"""Credentials taken, shown and ended, on each database; what works once works once of eight."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from documents.credentials.store import Place, batch_at, ended_in
from foundation.clock import FrozenClock
from foundation.settings import Settings
from tests.support.holding import Counter, bind, choose, read
from tests.support.wallets import Phone, citizen_of, offer_page, wallets

IDENTITY = "credential.identity"


def test_taken_once_shown_once_and_ended(any_settings: Settings, clock: FrozenClock) -> None:
    with wallets(any_settings, clock) as (city, wallet):
        citizen, phone = citizen_of(city), Phone(city, wallet)
        offer, typed = phone.read(offer_page(citizen, IDENTITY).text)
        phones = [Phone(city, wallet) for _ in range(4)]

        def redeem(one: Phone) -> bool:
            return bool(one.redeem(offer, typed).status_code == 200)

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(redeem, phones)) == 1

        copies = phone.take(citizen, IDENTITY, copies=2)
        place = read(copies[0].partition("~")[0])["status"]["status_list"]
        with city.runtime.database.read() as uow:
            batch = batch_at(uow, Place(0, place["idx"]))
        assert batch is not None
        assert (batch.person_id, batch.copies, batch.state) == (citizen.id, 2, "valid")

        pool = Counter(city)
        asked = pool.ask("age_over_18")
        request = pool.request(asked)
        now = int(clock.now().timestamp())
        shown = bind(choose(copies[0], "age_over_18"), phone.keys[0], request, now)

        def answer(_: int) -> bool:
            answered: Any = pool.post(request, {"c0": [shown]})
            return bool(answered.status_code == 200)

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(answer, range(4))) == 1
        assert pool.read(asked)["claims"] == {"c0": {"age_over_18": True}}
        assert city.kinds(citizen.id).count("wallet.shown") == 1

        active = [
            consent
            for consent in city.deployment.parts["policies"].consent.list(citizen.id)
            if consent.state == "active"
        ]
        citizen.post(f"/account/consents/{active[0].id}/withdraw")
        with city.runtime.database.read() as uow:
            ended = ended_in(uow, 0, clock.now())
        assert place["idx"] in ended
        clock.advance(timedelta(seconds=16))
        request = pool.request(pool.ask("age_over_18"))
        now = int(clock.now().timestamp())
        shown = bind(choose(copies[1], "age_over_18"), phone.keys[1], request, now)
        assert pool.word(pool.post(request, {"c0": [shown]})) == "revoked"

        # Weeks later nothing of all this is kept but what the ledger says.
        clock.advance(timedelta(days=16))
        city.deployment.parts["credentials"]._sweep(clock.now())
        with city.runtime.database.read() as uow:
            assert ended_in(uow, 0, clock.now()) == []
            assert batch_at(uow, Place(0, place["idx"])) is None
