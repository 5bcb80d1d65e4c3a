"""What an import read otherwise, or left out of a person, is told: 0024."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_import_remarks",
        sa.Column("import_id", sa.String(length=64), nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("what_to_do", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"],
            ["register_imports.id"],
            name=op.f("fk_register_import_remarks_import_id"),
        ),
        sa.PrimaryKeyConstraint(
            "import_id", "line", "field", name=op.f("pk_register_import_remarks")
        ),
    )
