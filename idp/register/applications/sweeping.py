"""Applications whose time is over are deleted with their keys — GDPR art. 5(1)(e), X.1253 9.2-6."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete

from foundation.audit import SYSTEM
from foundation.runtime import Runtime
from idp.register.applications import store
from idp.register.applications.tables import contact_codes

KIND = "retention.deleted"
BATCH = 200


def sweep(runtime: Runtime, now: datetime) -> int:
    """Drafts that nobody went on with, what nobody came for, what ended a while ago; how many. The
    key goes first: who stops in between leaves nothing that can be read."""
    gone = 0
    while True:
        with runtime.database.read() as uow:
            due = store.over(uow, now, BATCH)
        if not due:
            break
        for application_id in due:
            runtime.vault.erase(application_id)
        with runtime.database.write() as uow:
            deleted = sum(store.forget(uow, application_id) for application_id in due)
            for application_id in due:
                runtime.audit.forget(uow, application_id)
            told = {"rows": {"register_online_applications": deleted}, "over_at": now}
            runtime.audit.record(uow, KIND, SYSTEM, (), told)
        gone += deleted
        if not deleted:
            break
    with runtime.database.write() as uow:
        uow.execute(delete(contact_codes).where(contact_codes.c.expires_at <= now))
    return gone
