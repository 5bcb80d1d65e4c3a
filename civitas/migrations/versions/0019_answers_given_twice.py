"""Where an answer led, for who gives it twice; the cookie before a step-up: 0019, after 0018."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("said_digest", "led_to"):
        op.add_column("oauth_transactions", sa.Column(name, sa.LargeBinary(), nullable=True))
    op.add_column(
        "login_sessions", sa.Column("former_digest", sa.LargeBinary(length=32), nullable=True)
    )
    op.add_column("login_sessions", sa.Column("renewed_by", sa.String(length=64), nullable=True))
    op.create_index("ix_login_sessions_former_digest", "login_sessions", ["former_digest"])
    op.add_column("broker_transactions", sa.Column("led_to", sa.LargeBinary(), nullable=True))
