"""What is told of people, and how it is signed — RFC 8417; CAEP 1.0 §3; RISC 1.0 §2; SSF 1.0 §3.

An event names a person by the `sub` that its service knows, and a session by its `sid`. It says no
more of them: not why, not by whom, not which means of signing in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from foundation.keys import Keys
from idp.oauth.client import Client
from idp.oauth.tokens import id_token, jws

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_SSF = "https://schemas.openid.net/secevent/ssf/event-type/"
SESSION_REVOKED = f"{_CAEP}session-revoked"
CREDENTIAL_CHANGE = f"{_CAEP}credential-change"
ACCOUNT_DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
VERIFICATION = f"{_SSF}verification"
STREAM_UPDATED = f"{_SSF}stream-updated"
SUPPORTED = (SESSION_REVOKED, CREDENTIAL_CHANGE, ACCOUNT_DISABLED)
TYPE = "secevent+jwt"

_SAYS: Mapping[str, Mapping[str, Any]] = {
    # CAEP §3.3: both are required; which means it was is nobody's business but the person's.
    CREDENTIAL_CHANGE: {"credential_type": "unspecified", "change_type": "update"},
}


def subject_of(issuer: str, subject: str, session_reference: str | None) -> dict[str, Any]:
    """A subject identifier: the person, and the session if it is about one (RFC 9493 §3.2.4)."""
    person = {"format": "iss_sub", "iss": issuer, "sub": subject}
    if session_reference is None:
        return person
    session = {"format": "opaque", "id": session_reference}
    return {"format": "complex", "user": person, "session": session}


def body(event: str, at: datetime) -> dict[str, Any]:
    """What stands in the event itself; the time in seconds (CAEP §2)."""
    said = dict(_SAYS.get(event, {}))
    if event in (SESSION_REVOKED, CREDENTIAL_CHANGE):
        said["event_timestamp"] = int(at.timestamp())
    return said


def encode(
    keys: Keys,
    issuer: str,
    client: Client,
    jti: str,
    sub_id: Mapping[str, Any],
    event: str,
    said: Mapping[str, Any],
    at: datetime,
) -> str:
    """The security event token, by the algorithm of this client's ID tokens. Never inside a write.

    RFC 8417 §2.2, SSF §4.1: no `sub` and no `exp`, so that nobody takes it for another token.
    """
    claims = {
        "iss": issuer,
        "aud": client.id,
        "iat": int(at.timestamp()),
        "jti": jti,
        "sub_id": dict(sub_id),
        "events": {event: dict(said)},
    }
    return jws.sign(keys, id_token.USES[client.id_token_signed_response_alg], TYPE, claims)
