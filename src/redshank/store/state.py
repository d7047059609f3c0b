"""The judge's memory: one JSON value per (camera, rule), and per camera under the empty rule name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema import rule_state


def save(conn: Connection, camera: str, rule: str, updated: int, state: Any, site: str = SITE) -> None:
    """Write."""
    row = {"site": site, "camera": camera, "rule": rule, "updated": updated, "state": state}
    upsert(conn, rule_state, row)


def load(conn: Connection, site: str = SITE) -> dict[tuple[str, str], Any]:
    """By (camera, rule). Read."""
    rows = conn.execute(select(rule_state).where(rule_state.c.site == site)).mappings()
    return {(row["camera"], row["rule"]): row["state"] for row in rows}
