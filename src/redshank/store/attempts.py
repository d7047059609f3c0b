"""What the limiter of log-ins remembers over restarts: one bucket per key. What the numbers mean is the limiter's business."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from redshank.model import SITE
from redshank.store.rows import upsert
from redshank.store.schema_access import attempts


@dataclass(frozen=True, slots=True)
class Bucket:
    """Of one address, name, or both."""

    key: str
    free: int = 0
    """UTC microseconds."""
    failures: int = 0
    updated: int = 0


def get(conn: Connection, key: str, site: str = SITE) -> Bucket:
    """A fresh one when there is none. Read."""
    a = attempts.c
    row = conn.execute(select(a.key, a.free, a.failures, a.updated).where(a.site == site, a.key == key)).first()
    return Bucket(*row) if row is not None else Bucket(key)


def put(conn: Connection, bucket: Bucket, site: str = SITE) -> None:
    """Write."""
    row = {"key": bucket.key, "free": bucket.free, "failures": bucket.failures, "updated": bucket.updated}
    upsert(conn, attempts, row | {"site": site})


def remove(conn: Connection, key: str, site: str = SITE) -> None:
    """Write."""
    conn.execute(delete(attempts).where(attempts.c.site == site, attempts.c.key == key))


def keep(conn: Connection, prefix: str, most: int, site: str = SITE) -> None:
    """Of keys that begin so, only the `most` that changed last. Write."""
    a = attempts.c
    own = (a.site == site) & a.key.startswith(prefix, autoescape=True)
    if (conn.execute(select(func.count()).select_from(attempts).where(own)).scalar() or 0) > most:
        kept = select(a.key).where(own).order_by(a.updated.desc()).limit(most)
        conn.execute(delete(attempts).where(own, a.key.not_in(kept)))
