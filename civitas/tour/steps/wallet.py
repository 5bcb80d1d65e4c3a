"""Step 7: the citizen carries the document in a wallet, shows a part of it, and ends it."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import httpx

from civitas.tour.offices import SAID
from civitas.tour.story import expect
from civitas.tour.wallet import REDIRECT, Wallet
from civitas.tour.world import World

_SECONDS = 40
"""Within which an ended credential is refused; the list is built anew after fifteen."""


def carry_credential(world: World) -> str:
    here, citizen = world.provider.url, world.citizen
    added = world.run_json(
        world.provider, "clients", "add", "--for", "wallet", "--name", "City wallet",
        "--url", REDIRECT,
    )  # fmt: skip
    wallet = Wallet(added["client_id"])
    citizen.get(f"{here}/account/wallet")
    found = re.search(r'href="([^"]+credential=doc_[^"]+)"', citizen.html)
    expect(found is not None, "the certificate among what can be carried")
    citizen.get(unescape(found[1]) if found else here)
    form = citizen.form("credential", "wallet")
    ticks = {name: "yes" for name in form.choices if name.startswith("give.")}
    citizen.submit(form, None, {**ticks, "wallet": added["client_id"]})
    link = re.search(r'href="(openid-credential-offer:[^"]+)"', citizen.html)
    number = re.search(r'<code class="code">(\d+)</code>', citizen.html)
    if link is None or number is None:
        raise citizen.unexpected("an offer and its number")
    wallet.take(unescape(link[1]), number[1])

    asked = _ask(world)
    expect(wallet.show(asked["link_other_device"]).is_success, "what was shown to count")
    said = _said(world, asked["id"])
    wanted = {"c0": {"content.since": SAID["since"]}}
    expect(said.get("claims") == wanted, f"only what was asked, but got {said}")

    citizen.get(f"{here}/account/wallet")
    citizen.submit(citizen.form("batch"))
    citizen.submit(citizen.form("confirmed"))
    waits_until = time.monotonic() + _SECONDS
    while True:
        asked = _ask(world)
        wallet.show(asked["link_other_device"])
        said = _said(world, asked["id"])
        if said["state"] == "refused" or time.monotonic() > waits_until:
            break
        time.sleep(2)
    expect(said.get("refused") == "revoked", f"a refusal after the end, but got {said}")
    return "one claim of a certificate, shown from a wallet; refused once it was ended"


def _ask(world: World) -> dict[str, Any]:
    wanted = [{"credential": "credential.town-hall.residence",
               "claims": [{"claim": "content.since"}]}]  # fmt: skip
    answer = _call(world, "POST", "", {"credentials": wanted})
    expect("link_other_device" in answer, f"a request for a wallet, but got {answer}")
    return answer


def _said(world: World, request_id: str) -> dict[str, Any]:
    return _call(world, "GET", f"/{request_id}", None)


def _call(world: World, method: str, path: str, body: Any) -> dict[str, Any]:
    token = world.library.token(grant_type="client_credentials", scope="presentations:request")
    expect("access_token" in token, f"a token of our own, but got {token}")
    here = f"{world.provider.url}/presentations/v1/requests{path}"
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answer: httpx.Response = world.library.http.request(method, here, json=body, headers=headers)
    found: dict[str, Any] = answer.json()
    return found
