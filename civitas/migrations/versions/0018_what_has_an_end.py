"""What has an end is found by it: 0018, after 0017."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_register_proofing_decisions_keep_until", "register_proofing_decisions", ["keep_until"]
    )
    op.create_index("ix_register_lookups_until", "register_lookups", ["until"])
