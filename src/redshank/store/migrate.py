"""Bring a database to the newest schema. Alembic (slow to import) is loaded only when there is something to do."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, inspect, text

from redshank.errors import StoreError
from redshank.store.schema import HEAD


def revision(conn: Connection) -> str:
    """The migration the database stands at; empty when it is new."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def pending(path: Path) -> bool:
    """Whether opening this database will migrate rows that are in it: the time to make a copy first. Changes nothing; a file that
    is not there, or not readable, is not for this to complain of."""
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as conn:
            row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error:
        return False
    return row is not None and row[0] < HEAD


def upgrade(conn: Connection, where: str, to: str = "head") -> bool:
    """Run what is missing, inside the caller's transaction, so that a power cut leaves the database as it was. `to`: an older
    schema, for tests. True when something was done. Raises StoreError."""
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
    command.upgrade(config, to)
    return True
