"""Those who come to the doors with more than nothing."""

from __future__ import annotations

from typing import Any

from foundation.settings import Server
from tests.support.city import City, Visitor
from tests.support.passkey import SoftPasskey


def signed_in(provider: City, role: str) -> Visitor:
    """Staff with the passkey that their role asks for."""
    visitor = provider.staff(role)
    passkey = SoftPasskey(provider.settings.of(Server).url)
    visitor.http.headers["X-CSRF-Token"] = visitor.token("/account/credentials")

    def said(path: str, body: dict[str, Any]) -> Any:
        answer = visitor.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    asked = said("/passkeys/options", {})
    said(
        "/passkeys",
        {"challenge": asked["challenge"], "credential": passkey.create(asked["options"])},
    )
    asked = said("/sign-in/passkey/options", {"step_up": True})
    said(
        "/sign-in/passkey",
        {
            "step_up": True,
            "challenge": asked["challenge"],
            "credential": passkey.get(asked["options"]),
        },
    )
    home = "/desk" if role == "officer" else "/devices"
    assert visitor.get(home).status_code == 200
    return visitor
