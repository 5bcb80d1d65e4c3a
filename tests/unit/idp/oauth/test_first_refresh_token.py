"""What the first refresh token of a grant is tied to, whichever grant it is — RFC 8705 §4."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from idp.oauth import refresh_tokens
from idp.oauth.grants import first_refresh_token
from tests.support.deployments import START


def issued(monkeypatch: pytest.MonkeyPatch, **client: Any) -> Any:
    """What is recorded for a client that showed a certificate and a key; None for no token."""
    told = {"grant_types": {"refresh_token"}, "is_public": False}
    told |= {"certificate_bound_access_tokens": False, **client}
    request = SimpleNamespace(
        client=SimpleNamespace(**told),
        caller=SimpleNamespace(certificate_thumbprint="of the certificate"),
        key_thumbprint="of the key",
        now=START,
    )
    grant = SimpleNamespace(id="grt_1", client_id="cli_1", expires_at=START)
    monkeypatch.setattr(refresh_tokens, "issue", lambda uow, **row: row)
    return first_refresh_token.issue(None, grant, request)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("client", "certificate", "key"),
    [
        ({"is_public": True}, "of the certificate", "of the key"),
        ({"certificate_bound_access_tokens": True}, "of the certificate", None),
        ({}, None, None),
    ],
)
def test_it_is_tied_to_what_its_client_is_known_by(monkeypatch, client, certificate, key):
    row = issued(monkeypatch, **client)
    assert (row["certificate_thumbprint"], row["key_thumbprint"]) == (certificate, key)


def test_who_may_not_refresh_gets_none(monkeypatch):
    assert issued(monkeypatch, grant_types={"authorization_code"}) is None
