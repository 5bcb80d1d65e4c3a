"""How recent a sign-in is: enforced by us, told coarsely — OpenID Connect Core §3.1.2.1; P-1.

The second in which a person signed in is the same at every service of that session, and would join
what two of them know. So `auth_time` is told only to who asked (`max_age`, or the essential claim),
and rounded down to `COARSE`, or to half of a shorter `max_age`. A service that checks it against
its own `max_age` is right: the sign-in is held to be older by as much as the rounding may hide.
Where a sign-in is asked for anew (`prompt=login`, `max_age` under two seconds) the time is exact:
that sign-in was made for this very request.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from idp.oauth.authorization.request import AuthorizationRequest

COARSE = timedelta(minutes=5)
_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def told(request: AuthorizationRequest, auth_time: datetime) -> datetime | None:
    """What the service learns of the time of the sign-in; None when it did not ask."""
    if request.max_age is None and not request.claims.auth_time:
        return None
    return _EPOCH + (auth_time - _EPOCH) // _unit(request) * _unit(request)


def oldest(request: AuthorizationRequest) -> timedelta | None:
    """How old a sign-in may be, so that what is told of it is not older than `max_age`."""
    if request.max_age is None:
        return None
    rounding = _unit(request) if request.max_age > 1 else timedelta(0)
    return timedelta(seconds=request.max_age) - rounding


def _unit(request: AuthorizationRequest) -> timedelta:
    if "login" in request.prompt:
        return _SECOND
    if request.max_age is None:
        return COARSE
    return min(COARSE, max(_SECOND, timedelta(seconds=request.max_age // 2)))
