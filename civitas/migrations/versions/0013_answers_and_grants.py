"""Answers that a withdrawal ends, grants that a person sees: 0013, after 0012."""

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
