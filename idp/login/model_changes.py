"""What changes for passkeys that are bound when the metadata of their models do — CM-2, CM-8.

A model that was revoked opens nothing: its owners are told, and sessions that rest on it end. One
that comes on the list, or leaves it, counts for another level from its next use on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from foundation.audit import SYSTEM
from foundation.database import UnitOfWork
from foundation.runtime import Runtime
from idp.login.authenticators.models import POLICY, ROOT, AuthenticatorModels
from idp.login.credential import Credential
from idp.login.directory import Directory
from idp.login.establishing import persons
from idp.login.sessions import Sessions
from idp.login.settings import LoginSettings
from idp.login.store import credential_of
from idp.login.tables import credentials

_AT_ONCE = 500


def models_of(runtime: Runtime, settings: LoginSettings) -> AuthenticatorModels:
    """As the settings say. Raises SettingsError."""
    resolve = runtime.settings.resolve
    return AuthenticatorModels(
        runtime.clock.now,
        resolve(settings.fido_metadata) if settings.fido_metadata else None,
        resolve(settings.fido_metadata_root) if settings.fido_metadata_root else ROOT,
        settings.fido_metadata_signer,
        resolve(settings.passkey_models) if settings.passkey_models else POLICY,
    )


class ModelChanges:
    """Looks at all passkeys whose model is attested, when there are newer metadata."""

    def __init__(
        self,
        runtime: Runtime,
        models: AuthenticatorModels,
        directory: Directory,
        sessions: Sessions,
    ) -> None:
        self._database = runtime.database
        self._audit = runtime.audit
        self._clock = runtime.clock
        self._models = models
        self._directory = directory
        self._sessions = sessions
        self._seen: int | None = None
        if models.used:
            runtime.jobs.periodic(
                "models of passkeys",
                timedelta(minutes=10),
                lambda: self.look(runtime.clock.now()),
            )

    def look(self, now: datetime) -> int:
        """Periodic work: once for each number of the metadata; how many passkeys changed."""
        metadata = self._models.metadata()
        if metadata is None or metadata.number == self._seen:
            return 0
        changed = 0
        for batch in self._attested():
            wrong = [one for one in batch if self._rated(one) != one.data]
            for one in wrong:
                with self._database.write() as uow:
                    changed += self._change(uow, one, now)
        self._seen = metadata.number
        return changed

    def _rated(self, passkey: Credential) -> dict[str, Any]:
        """Its data with what its model is worth now; that it was refused stays."""
        model = passkey.data["aaguid"]
        refused = passkey.data.get("refused", False) or self._models.refused(model)
        listed = not refused and self._models.listed(model)
        return {**passkey.data, "listed": listed, **({"refused": True} if refused else {})}

    def _change(self, uow: UnitOfWork, passkey: Credential, now: datetime) -> int:
        rated = self._rated(passkey)
        # Bound as it is: whoever changed or ended it meanwhile is looked at the next time.
        theirs = (credentials.c.id == passkey.id) & (credentials.c.state == "active")
        if uow.changed(update(credentials).where(theirs).values(data=rated)) != 1:
            return 0
        newly = rated.get("refused", False) and not passkey.data.get("refused", False)
        kind = "credential.model_refused" if newly else "credential.model_rated"
        details = {"credential": passkey.id, "model": passkey.data["aaguid"]}
        self._audit.record(uow, kind, SYSTEM, persons(passkey.holder), details)
        if newly:
            self._sessions.end_all(uow, passkey.holder.id, "model refused", now)
            self._directory.means_changed(uow, passkey.holder, now)
            self._directory.tell(uow, passkey.holder, "passkey.model-refused", now)
        return 1

    def _attested(self) -> Iterator[list[Credential]]:
        """All passkeys whose model is vouched for, some at a time."""
        after = ""
        query = select(credentials).where(
            credentials.c.kind == "passkey", credentials.c.state == "active"
        )
        while True:
            with self._database.read() as uow:
                some = query.where(credentials.c.id > after).order_by(credentials.c.id)
                rows = uow.all(some.limit(_AT_ONCE))
            if not rows:
                return
            after = rows[-1].id
            found = [credential_of(row) for row in rows]
            yield [one for one in found if one.data.get("attested")]
