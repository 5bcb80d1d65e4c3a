"""Rows that are bound to whom they belong to: 0016, after 0015."""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
