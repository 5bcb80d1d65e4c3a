"""The letter for who lost every means, stopped by who is in — NIST SP 800-63B §6.1.2.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foundation.audit import Actor
from idp.portal.endpoints.credentials import recovery_of
from idp.portal.portal import Portal
from idp.register import DESK

HERE = "/account/credentials"
AGAIN = f"/sign-in?return_to={HERE}&strongest=1"


def stop(portal: Portal, request: Request) -> Response:
    """No letter lets anybody in. One that an officer sent who saw the person is stopped by the
    strongest means alone, for a thief may hold the others (decision 37)."""
    session = portal.session(request)
    person_id, _ = portal.posted(request)
    standing = recovery_of(portal, session)
    if standing is None:
        return RedirectResponse(HERE, 303)
    if standing.way == DESK and not portal.login.management.may_change(session):
        return RedirectResponse(AGAIN, 303)
    with portal.runtime.database.write() as uow:
        now = portal.runtime.clock.now()
        portal.register.recoveries.stop(uow, person_id, Actor("citizen", person_id), now)
    return RedirectResponse(f"{HERE}?done=letter-stopped", 303)
