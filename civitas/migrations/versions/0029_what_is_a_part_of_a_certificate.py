"""What is a part of a certificate is not kept beside it: 0029.

What is signed is kept until it is. It moves to a column of its own, so that on PostgreSQL the rows
of all certificates that there are need not be written anew. No MAC covers what goes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pki_certificates", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.execute("UPDATE pki_certificates SET body = to_be_signed WHERE state = 'recorded'")
    for column in ("to_be_signed", "public_key_der", "common_name", "names"):
        op.drop_column("pki_certificates", column)
    op.create_index("ix_pki_certificates_not_before", "pki_certificates", ["not_before"])
