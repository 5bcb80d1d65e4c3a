"""Staff who leave, clients that are suspended: 0018, after 0017."""

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
