"""Those who come to the routes with more than nothing."""

from __future__ import annotations

from tests.support.city import City, Visitor


def signed_in(provider: City, role: str) -> Visitor:
    """Staff with the passkey that their role asks for."""
    visitor = provider.staff(role)
    visitor.http.headers["X-CSRF-Token"] = visitor.token()
    home = {"officer": "/desk", "developer": "/developers"}.get(role, "/devices")
    assert visitor.get(home).status_code == 200
    return visitor
