"""Queries about accounts. What changes something runs inside `Store.write`, and calls `register.changed` in the same transaction."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema_access import preferences, users


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    name: str
    role: str
    created: int
    rights: Mapping[str, builtins.list[str] | None] | None = None
    """Verb: cameras, or None for every one; None: whatever the role may."""
    password: str = ""
    """Argon2id with its parameters; empty: there is none, nobody can log in by it."""
    disabled: bool = False
    last_seen: int | None = None


NAMES = tuple(field.name for field in fields(User))


def add(conn: Connection, user: User, site: str = SITE) -> None:
    """Write."""
    conn.execute(insert(users), asdict(user) | {"site": site})


def change(conn: Connection, id: str, values: Mapping[str, Any], site: str = SITE) -> bool:
    """Columns of this account; whether it is there. Write."""
    return conn.execute(update(users).where(users.c.site == site, users.c.id == id), dict(values)).rowcount > 0


def remove(conn: Connection, id: str, site: str = SITE) -> bool:
    """With what the pages remember of it; whether it was there. Write."""
    conn.execute(delete(preferences).where(preferences.c.site == site, preferences.c.user == id))
    return conn.execute(delete(users).where(users.c.site == site, users.c.id == id)).rowcount > 0


def list(conn: Connection, site: str = SITE) -> builtins.list[User]:
    """All, oldest first. Read."""
    query = select(*(users.c[name] for name in NAMES)).where(users.c.site == site).order_by(users.c.created, users.c.id)
    return [User(**row) for row in conn.execute(query).mappings()]


def get(conn: Connection, id: str, site: str = SITE) -> User | None:
    """Read."""
    return next((one for one in list(conn, site) if one.id == id), None)


def preference(conn: Connection, user: str, site: str = SITE) -> Any:
    """What the pages remember; None when nothing was kept. Read."""
    query = select(preferences.c.value).where(preferences.c.site == site, preferences.c.user == user)
    return conn.execute(query).scalar()


def prefer(conn: Connection, user: str, value: Any, site: str = SITE) -> None:
    """Write."""
    upsert(conn, preferences, {"site": site, "user": user, "value": value})
