"""A log that knows how far it had come: 0017, after 0016."""

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
