"""Bring a database to the newest schema. Alembic (slow to import) is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from redshank.errors import StoreError
from redshank.store.schema import HEAD


def revision(conn: Connection) -> str:
    """The migration the database stands at; empty when it is new."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def upgrade(conn: Connection, where: str) -> bool:
    """Run what is missing, inside the caller's transaction. True when something was done. Raises StoreError."""
    now = revision(conn)
    if now == HEAD:
        return False
    if now > HEAD:
        raise StoreError(
            f"the database {where} was made by a newer Redshank (schema {now}, this one knows {HEAD}): update Redshank"
        )
    from alembic import command  # heavy: 0.2 s
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return True
