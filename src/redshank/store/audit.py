"""Who looked, exported, deleted, changed: rows in a chain, each with a hash over the one before, so that one that was removed or
changed shows. Not against somebody who writes the whole chain anew, or cuts off its end: such a one owns the machine.

`count` (so many alike, within a minute) is outside of the hash: it is the one thing that changes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from redshank.model import SITE
from redshank.store.schema_access import audit

AT_ONCE = 20_000
"""Lines that are let go of at once: by a wrong clock not all that there are."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that somebody did."""

    time: int
    kind: str
    """user, guest, token or nobody."""
    asker: str
    """Id of the user, guest link or token."""
    who: str
    """Name at that time."""
    what: str
    camera: str = ""
    detail: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """For which lines."""

    who: str = ""
    what: str = ""
    camera: str = ""
    start: int | None = None
    end: int | None = None
    before: int | None = None
    """Number of a row: only older ones."""


def add(conn: Connection, line: Line, site: str = SITE) -> int:
    """Its number. Write."""
    query = select(audit.c.hash).where(audit.c.site == site).order_by(audit.c.number.desc()).limit(1)
    last = conn.execute(query).scalar() or ""
    row = asdict(line) | {"site": site, "hash": chained(last, line), "count": 1}
    number = conn.execute(insert(audit), row).inserted_primary_key
    return int(number[0]) if number else 0


def counted(conn: Connection, number: int, count: int, site: str = SITE) -> None:
    """Write."""
    conn.execute(update(audit).where(audit.c.site == site, audit.c.number == number).values(count=count))


def page(conn: Connection, asked: Asked, limit: int, site: str = SITE) -> list[tuple[int, Line, int]]:
    """(number, line, count), newest first. Read."""
    a = audit.c
    query = select(audit).where(a.site == site).order_by(a.number.desc()).limit(limit)
    same = {a.who: asked.who, a.what: asked.what, a.camera: asked.camera}
    query = query.where(*(column == wanted for column, wanted in same.items() if wanted))
    if asked.start is not None:
        query = query.where(a.time >= asked.start)
    if asked.end is not None:
        query = query.where(a.time < asked.end)
    if asked.before is not None:
        query = query.where(a.number < asked.before)
    return [(row["number"], _line(row), row["count"]) for row in conn.execute(query).mappings()]


def broken(conn: Connection, site: str = SITE) -> int | None:
    """Number of the first row that does not follow from the one before it; None when the chain is whole. Reads every row: seconds for a
    million. Read."""
    last: str | None = None
    query = select(audit).where(audit.c.site == site).order_by(audit.c.number)
    for row in conn.execution_options(yield_per=1000).execute(query).mappings():
        # The first that is there follows from one that has been let go of.
        if last is not None and row["hash"] != chained(last, _line(row)):
            return int(row["number"])
        last = row["hash"]
    return None


def forget(conn: Connection, before: int, most: int, at_once: int = AT_ONCE, site: str = SITE) -> None:
    """Lines from before a time, and the oldest of more than `most`; at most `at_once` of them, the oldest first. Write."""
    a = audit.c
    newest = conn.execute(select(func.max(a.number)).where(a.site == site)).scalar() or 0
    old = (a.site == site) & ((a.time < before) | (a.number <= newest - most)) & (a.number < newest)
    conn.execute(delete(audit).where(a.number.in_(select(a.number).where(old).order_by(a.number).limit(at_once))))


def chained(last: str, line: Line) -> str:
    """SHA-256, hex."""
    return hashlib.sha256((last + json.dumps(list(asdict(line).values()))).encode()).hexdigest()


def _line(row: RowMapping) -> Line:
    return Line(**{field.name: row[field.name] for field in fields(Line)})
