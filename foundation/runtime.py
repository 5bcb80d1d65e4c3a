"""What one deployment runs on in one process, as one value: `civitas` hands it to every package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from foundation import common_clock
from foundation.audit import Audit
from foundation.audit.settings import AuditSettings
from foundation.audit.witnesses import EVERY
from foundation.clock import Clock, SystemClock
from foundation.common_clock import CommonClock
from foundation.database import Database, DatabaseSettings, Replica
from foundation.jobs import Jobs
from foundation.keys import Keys, KeySettings
from foundation.limits import Limits
from foundation.pages import Pages
from foundation.rates import Rates
from foundation.row_macs import Macs
from foundation.rows.check import bind_existing, check_bound, record_alarms
from foundation.rows.guard import Guard
from foundation.rows.marks import Marks
from foundation.settings import Development, Jurisdiction, Server, Settings
from foundation.telemetry import Telemetry, TelemetrySettings
from foundation.vault import Vault, VaultSettings, database_url

SECTIONS = (
    Server,
    Limits,
    DatabaseSettings,
    VaultSettings,
    AuditSettings,
    KeySettings,
    Jurisdiction,
    Development,
    TelemetrySettings,
)


@dataclass(frozen=True)
class Runtime:
    """Everything that stands below the packages, of one deployment in one process."""

    settings: Settings
    clock: Clock
    database: Database
    keys: Keys
    vault: Vault
    audit: Audit
    jobs: Jobs
    rates: Rates
    telemetry: Telemetry
    pages: Pages
    guard: Guard

    def prepare(self) -> None:
        """What `init` and `db upgrade` do once the tables stand; idempotent."""
        self.keys.prepare()
        self.vault.prepare()
        self.audit.tree.prepare()
        bind_existing(self.database, self.guard)

    def check(self) -> None:
        """Raises SettingsError unless keys, vault and rows are those of this deployment."""
        self.keys.check()
        self.vault.check()
        check_bound(self.guard)

    def close(self) -> None:
        self.audit.tree.witnesses.close()
        self.telemetry.close()
        self.vault.close()
        self.database.close()


def open_database(settings: Settings) -> Database:
    chosen = settings.of(DatabaseSettings)
    return Database(
        database_url(settings, chosen.url),
        chosen.schema_name,
        chosen.pool,
        chosen.patience,
        chosen.group,
        chosen.pooler,
        Replica(chosen.replica_url, chosen.replica_seconds) if chosen.replica_url else None,
    )


def build(
    settings: Settings, template_dirs: Mapping[str, Path], clock: Clock | None = None
) -> Runtime:
    """Build the runtime from settings; opens no connection yet."""
    database = open_database(settings)
    common = None
    if clock is None and database.dialect == "postgresql":
        clock = common = CommonClock(database)
    clock = clock or SystemClock()
    keys = Keys.load(settings, database, clock)
    vault = Vault.load(settings, database, keys, clock)
    marks = Marks(vault.store, database, clock)
    guard = database.guard = Guard(Macs(keys.row_key()), marks, clock)
    telemetry = Telemetry(settings.of(TelemetrySettings))
    audit = Audit.load(settings, database, keys, vault, clock, telemetry.count_act)
    jobs = Jobs(database, clock)
    rates = Rates(database)
    if common is not None:
        jobs.here(common_clock.EVERY, common.compare)
    jobs.periodic("audit sequencer", timedelta(seconds=1), lambda: audit.tree.sequence(clock.now()))
    if audit.tree.witnesses.chosen:
        jobs.periodic("audit witnesses", EVERY, audit.tree.witnesses.visit)
    jobs.periodic("rate limits", timedelta(minutes=10), lambda: rates.sweep(clock.now()))
    jobs.periodic("held keys", timedelta(minutes=1), lambda: vault.expire(clock.now()))
    jobs.periodic("key rotation", timedelta(minutes=5), lambda: keys.rotate_due(clock.now()))
    jobs.periodic("row marks", timedelta(seconds=5), marks.settle)
    jobs.periodic("old row marks", timedelta(hours=1), lambda: marks.sweep(clock.now()))
    # What this process refused is in its own memory.
    jobs.here(timedelta(0), lambda: record_alarms(audit, guard))
    return Runtime(
        settings=settings,
        clock=clock,
        database=database,
        keys=keys,
        vault=vault,
        audit=audit,
        jobs=jobs,
        rates=rates,
        telemetry=telemetry,
        pages=Pages(template_dirs, settings.of(Jurisdiction)),
        guard=guard,
    )
