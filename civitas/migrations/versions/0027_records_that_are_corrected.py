"""What else is wrong with a refused row, and the row as it came: 0027."""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0027"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "register_import_rows", sa.Column("more", foundation.database.Json(), nullable=True)
    )
    op.add_column("register_import_rows", sa.Column("sealed_row", sa.LargeBinary(), nullable=True))
