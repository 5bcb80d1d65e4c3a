"""Step 5: the citizen withdraws; within a second the tokens are dead at every endpoint of ours."""

from __future__ import annotations

import re
import time

from civitas.tour.browser import Browser
from civitas.tour.service import Service, SignedIn
from civitas.tour.story import expect
from civitas.tour.world import PURPOSE, World


def withdraw(world: World) -> str:
    learned = world.signed_in
    if learned is None:
        raise AssertionError("expected somebody who signed in at step 3")
    expect(world.library.introspect(learned.tokens["access_token"])["active"], "a live token")
    started = time.monotonic()
    world.receipt = by_page(world.citizen, world.provider.url)
    dead_everywhere(world.library, learned)
    took = time.monotonic() - started
    refused = world.library.ask(learned.claims["sub"], "age_over_18", PURPOSE)
    expect(refused["decision"] is False, "no answer after the withdrawal")
    context = refused["context"]
    expect(context.get("reason") and context.get("next_step"), f"a reason, but got {context}")
    world.citizen.get(f"{world.provider.url}/account")
    expect("/sign-in" not in world.citizen.url, "the citizen's own session to stay")
    return f"dead at userinfo, introspection, refresh and questions in {took:.2f} s; receipt kept"


def by_page(citizen: Browser, url: str) -> str:
    """Withdraw the active consent on the account's pages; returns the signed receipt."""
    citizen.get(f"{url}/account/consents")
    link = next((a for a in citizen.links if re.fullmatch(r"/account/consents/[^/]+", a)), None)
    if link is None:
        raise citizen.unexpected("a consent")
    citizen.get(link)
    citizen.submit(citizen.form(action="/withdraw"))
    receipt = next((a for a in citizen.links if a.endswith("/receipt")), None)
    if receipt is None:
        raise citizen.unexpected("a receipt")
    answer = citizen.client.get(f"{url}{receipt}")
    expect(answer.text.count(".") == 2, f"a signed receipt, but got {answer.text[:100]}")
    return answer.text


def dead_everywhere(service: Service, learned: SignedIn) -> None:
    token = learned.tokens["access_token"]
    expect(not service.introspect(token)["active"], "a dead token at introspection")
    expect(service.userinfo(token).status_code == 401, "a dead token at userinfo")
    if "refresh_token" in learned.tokens:
        answer = service.token(
            grant_type="refresh_token", refresh_token=learned.tokens["refresh_token"]
        )
        expect(answer.get("error") == "invalid_grant", "a dead refresh token")
