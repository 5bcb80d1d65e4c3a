"""Step 6: an office makes out a document; the citizen shares it with a service, and ends that."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import jwt

from civitas.tour.offices import SAID
from civitas.tour.service import Service
from civitas.tour.steps.withdrawal import by_page
from civitas.tour.story import expect
from civitas.tour.world import World


def share_document(world: World) -> str:
    learned = world.signed_in
    if learned is None:
        raise AssertionError("expected somebody who signed in at step 3")
    here, citizen = world.provider.url, world.citizen
    data = citizen.client.get(f"{here}/account/data.json").json()
    known = data["claims"]
    number = data["identity"]["civil_number"]
    made = world.office.make_out(number, known["name"], known["birthdate"], "R-2026-1")
    verified(world.library, here, made["document"])
    citizen.get(f"{here}/account/documents")
    expect("Certificate of residence" in citizen.text, "the certificate in the locker")

    asked = _call(
        world.library,
        "POST",
        f"{here}/documents/v1/requests",
        {
            "sub": learned.claims["sub"],
            "documents": [{"issuer": "town-hall", "kind": "residence", "parts": ["since"]}],
            "return_to": Service.redirect,
        },
    )
    citizen.leaves_at = Service.redirect
    citizen.get(asked["url"])
    form = citizen.form(action=urlsplit(asked["url"]).path)
    (box,) = [name for name in form.choices if name.startswith("pick.")]
    citizen.submit(form, ("answer", "share"), {box: "yes", "lasting": "until"})
    expect("state=shared" in citizen.url, f"the way back, but got {citizen.url}")

    found = _call(world.library, "GET", f"{here}/documents/v1/requests/{asked['id']}")
    (shared,) = found["documents"]
    told = verified(world.library, here, _call(world.library, "GET", shared["uri"])["document"])
    expect(told["content"] == {"since": SAID["since"]}, f"only what was asked, but got {told}")
    by_page(citizen, here)
    refused = _call(world.library, "GET", shared["uri"])
    expect(refused.get("where") == "withdrawn", f"a refusal after that, but got {refused}")
    return f"{made['uri']}: signed, shared in part, refused after the withdrawal"


def verified(service: Service, issuer: str, document: str) -> dict[str, Any]:
    """What an original says, by the keys that are published."""
    keys = jwt.PyJWKSet.from_dict(service.http.get(f"{issuer}/documents/v1/keys").json())
    kid = jwt.get_unverified_header(document)["kid"]
    told: dict[str, Any] = jwt.decode(document, keys[kid], algorithms=["ES256"], issuer=issuer)
    return told


def _call(service: Service, method: str, url: str, body: Any = None) -> dict[str, Any]:
    token = service.token(grant_type="client_credentials", scope="documents:request")
    expect("access_token" in token, f"a token of our own, but got {token}")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    answer: dict[str, Any] = service.http.request(method, url, json=body, headers=headers).json()
    return answer
