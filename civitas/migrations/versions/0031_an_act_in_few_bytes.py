"""The audit refers to an event by a number, and writes its row once: 0031, after 0030.

The tables are filled anew from the old ones, in the order of the log, within the upgrade, while no
other process has the database (an older program refuses it, and this one waits for it). What a leaf
hashes stays as it was, byte for byte; what is written from now on is shorter by itself, see
`foundation.audit.compact`. Subtrees of fewer than sixteen leaves are computed.
"""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OLD = ("audit_events", "audit_subjects", "audit_leaves", "audit_nodes")
INDEXES = {
    "audit_events": ("waiting", "set_aside", "at"),
    "audit_subjects": ("subject_at",),
}


def upgrade() -> None:
    for table in OLD:
        for name in INDEXES.get(table, ()):
            op.drop_index(f"ix_{table}_{name}", table_name=table)
        op.rename_table(table, f"{table}_before")
    if op.get_bind().dialect.name == "postgresql":
        # There the names of keys are those of their indexes, of which a schema has one each.
        for index in (*(f"pk_{table}" for table in OLD), "uq_audit_leaves_event_id"):
            op.execute(f"ALTER INDEX {index} RENAME TO {index}_before")
    _tables()
    op.execute(
        "INSERT INTO audit_events (id, kind, at, open, mac) "
        "SELECT id, kind, at, open, mac FROM audit_events_before ORDER BY at, id"
    )
    op.execute(
        "INSERT INTO audit_waiting (event, state) SELECT e.number, b.waiting "
        "FROM audit_events_before b JOIN audit_events e ON e.id = b.id "
        "WHERE b.waiting <> 0 ORDER BY e.number"
    )
    op.execute(
        "INSERT INTO audit_subjects (event, position, subject, sealed, at) "
        "SELECT e.number, b.position, b.subject, b.sealed, b.at "
        "FROM audit_subjects_before b JOIN audit_events e ON e.id = b.event_id "
        "ORDER BY e.number, b.position"
    )
    op.execute(
        "INSERT INTO audit_leaves (leaf_index, event, hash) "
        "SELECT b.leaf_index, e.number, b.hash "
        "FROM audit_leaves_before b JOIN audit_events e ON e.id = b.event_id ORDER BY b.leaf_index"
    )
    op.execute(
        "INSERT INTO audit_nodes (level, position, hash) SELECT level, position, hash "
        "FROM audit_nodes_before WHERE level >= 4 ORDER BY level, position"
    )
    for table in reversed(OLD):
        op.drop_table(f"{table}_before")
    # After the rows: an index that is made at once is smaller than one that grew.
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
    op.create_index("ix_audit_subjects_subject_at", "audit_subjects", ["subject", "at"])


def _tables() -> None:
    op.create_table(
        "audit_events",
        sa.Column("number", NUMBER, sa.Identity(), nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("open", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("id", name="uq_audit_events_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "audit_waiting",
        sa.Column("event", NUMBER, autoincrement=False, nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["audit_events.number"], name=op.f("fk_audit_waiting_event")
        ),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_audit_waiting")),
    )
    op.create_table(
        "audit_subjects",
        sa.Column("event", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", foundation.clock.Instant(), nullable=True),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["event"], ["audit_events.number"], name=op.f("fk_audit_subjects_event")
        ),
        sa.PrimaryKeyConstraint("event", "position", name=op.f("pk_audit_subjects")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_leaves",
        sa.Column("leaf_index", NUMBER, autoincrement=False, nullable=False),
        sa.Column("event", NUMBER, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event"], ["audit_events.number"], name=op.f("fk_audit_leaves_event")
        ),
        sa.PrimaryKeyConstraint("leaf_index", name=op.f("pk_audit_leaves")),
        sa.UniqueConstraint("event", name="uq_audit_leaves_event"),
    )
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_audit_nodes")),
        sqlite_with_rowid=False,
    )
