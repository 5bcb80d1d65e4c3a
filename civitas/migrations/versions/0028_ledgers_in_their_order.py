"""A person's events in the order of an index, and an auditor's: 0028, after 0026."""

import sqlalchemy as sa
from alembic import op

import foundation.clock

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit_subjects", sa.Column("at", foundation.clock.Instant(), nullable=True))
    # Before the rows are written anew: each would have to be put into the old index, too.
    op.drop_index("ix_audit_subjects_subject", table_name="audit_subjects")
    op.execute(
        "UPDATE audit_subjects SET at = (SELECT e.at FROM audit_events e "
        "WHERE e.id = audit_subjects.event_id)"
    )
    op.create_index("ix_audit_subjects_subject_at", "audit_subjects", ["subject", "at", "event_id"])
    op.create_index("ix_audit_events_at", "audit_events", ["at"])
