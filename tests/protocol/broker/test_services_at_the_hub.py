"""At the hub, too, every service that can act is listed and ends — G-4; failures 20."""

from __future__ import annotations

import pytest

from idp.oauth import pkce
from tests.support.authorization_server import VERIFIER, answer_of, hidden_fields


@pytest.mark.row("failures", "20")
def test_a_service_without_data_is_seen_and_ended_at_the_hub(hub) -> None:
    hub.sign_in(hub.first)
    tokens, browser, uri = hub.city.tokens, hub.member.browser, "https://quiet.example/cb"
    service = tokens.clients.add(
        {
            "client_name": "Quiet Notes",
            "redirect_uris": [uri],
            "scope": "openid offline_access",
            "purposes": ["identity.sign-in"],
            "grant_types": ["authorization_code", "refresh_token"],
            # Its key is made in no time; RS256, the usual one, needs `oauth.prepare`.
            "id_token_signed_response_alg": "ES256",
        },
        hub.member.runtime.clock.now(),
    )
    asked = {
        "client_id": service.client.id,
        "response_type": "code",
        "redirect_uri": uri,
        "scope": "openid offline_access",
        "code_challenge": pkce.challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    secret = (service.client.id, service.secret or "")
    page = browser.get(browser.get("/oauth/authorize", params=asked).headers["location"])
    form = {**hidden_fields(page.text), "answer": "accept"}
    code = answer_of(browser.post("/oauth/consent", data=form))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": uri}
    held = browser.post("/oauth/token", data={**form, "code_verifier": VERIFIER}, auth=secret)
    assert "/account/services" in browser.get("/account").text
    assert "Quiet Notes" in browser.get("/account/services").text

    ask = browser.get(f"/account/services/end?service={service.client.id}").text
    done = browser.post("/account/services/end", data=hidden_fields(ask))
    assert done.headers["location"] == "/account/services?done=one"
    assert "No service can act for you" in browser.get("/account/services").text
    again = {"grant_type": "refresh_token", "refresh_token": held.json()["refresh_token"]}
    assert browser.post("/oauth/token", data=again, auth=secret).status_code == 400
    silent = browser.get("/oauth/authorize", params={**asked, "prompt": "none"})
    assert answer_of(silent)["error"] == "login_required"
    assert "You ended everything that Quiet Notes could do" in browser.get("/account").text
