"""Queries about sessions. The secret itself is never here, only its SHA-256."""

from __future__ import annotations

import builtins
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, delete, insert, select, update

from redshank.model import SITE
from redshank.store.schema_access import sessions


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    id: str
    secret: str
    """SHA-256 of what the cookie holds, hex."""
    kind: str
    """user or guest."""
    owner: str
    """Of the user or guest link."""
    created: int
    seen: int
    address: str
    agent: str


NAMES = tuple(field.name for field in fields(Session))


def add(conn: Connection, session: Session, most: int, site: str = SITE) -> None:
    """An owner has at most `most`: those not seen for longest end. Write."""
    conn.execute(insert(sessions), asdict(session) | {"site": site})
    own = (sessions.c.site == site) & (sessions.c.owner == session.owner)
    kept = select(sessions.c.id).where(own).order_by(sessions.c.seen.desc(), sessions.c.id.desc()).limit(most)
    conn.execute(delete(sessions).where(own, sessions.c.id.not_in(kept)))


def remove(conn: Connection, id: str, site: str = SITE) -> bool:
    """Whether it was there. Write."""
    return conn.execute(delete(sessions).where(sessions.c.site == site, sessions.c.id == id)).rowcount > 0


def remove_of(conn: Connection, owner: str, keep: str = "", site: str = SITE) -> None:
    """All of a user or guest link, but for one. Write."""
    s = sessions.c
    conn.execute(delete(sessions).where(s.site == site, s.owner == owner, s.id != keep))


def remove_old(conn: Connection, seen: int, created: int, site: str = SITE) -> None:
    """Those last seen, or made, before. Write."""
    s = sessions.c
    conn.execute(delete(sessions).where(s.site == site, (s.seen < seen) | (s.created < created)))


def touch(conn: Connection, id: str, seen: int, site: str = SITE) -> None:
    """Write."""
    conn.execute(update(sessions).where(sessions.c.site == site, sessions.c.id == id).values(seen=seen))


def list(conn: Connection, site: str = SITE) -> builtins.list[Session]:
    """All, oldest first. Read."""
    columns = (sessions.c[name] for name in NAMES)
    query = select(*columns).where(sessions.c.site == site).order_by(sessions.c.created, sessions.c.id)
    return [Session(*row) for row in conn.execute(query)]
