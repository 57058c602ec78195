"""Run by Alembic; the connection is handed in by `station.database`."""

from alembic import context

from station.schema import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
