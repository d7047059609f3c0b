"""Alembic's entry: runs on the connection `redshank.store.migrate` hands over, inside its transaction."""

from __future__ import annotations

from alembic import context

from redshank.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
