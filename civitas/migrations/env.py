"""Alembic's entry: runs the history on the connection that `civitas.schema` hands in."""

from alembic import context

import civitas.governance  # noqa: F401 - every package declares its tables
from foundation.database import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
