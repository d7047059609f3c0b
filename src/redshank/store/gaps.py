"""The gap ledger: every instant a stream is known at is in a segment or in exactly one gap.

Gaps of a stream never overlap one another nor footage, neighbours with the same reason are one row, and at most one, the last, is
open: its `end` is null and nothing is known after its start. A hole that nobody explained becomes a gap too, so that there is no
hole between the first and the last instant known. What is told later wins over what was told before; footage wins over both.

Times are UTC microseconds, spans half-open. `bounds`, `free` and `span` read, the others run inside `Store.write`.
"""

from __future__ import annotations

from sqlalchemy import Connection

from redshank.clock import US_PER_S
from redshank.model import SITE, Gap, GapReason

LONGEST_US = 600 * US_PER_S
"""No segment is longer: with it every question about a span is one short range of an index."""


def open_(conn: Connection, camera: str, stream: str, start: int, reason: GapReason, site: str = SITE) -> None:
    """From `start` on there is no footage, until `close` or the next segment. Told again with another reason, that one counts
    from `start` on; nothing is said over footage. Write."""
    raise NotImplementedError


def close(conn: Connection, camera: str, stream: str, end: int, site: str = SITE) -> None:
    """The open gap ends there; one that would end before it began never was. Nothing open: nothing done. Write."""
    raise NotImplementedError


def add(conn: Connection, gap: Gap, site: str = SITE) -> None:
    """A whole gap, or an open one when it has no end. Where footage is, there is none. Write."""
    raise NotImplementedError


def span(conn: Connection, camera: str, stream: str, start: int, end: int, site: str = SITE) -> list[Gap]:
    """Those that overlap [start, end), oldest first, whole. Read."""
    raise NotImplementedError


def bounds(conn: Connection, camera: str, stream: str, site: str = SITE) -> tuple[int, int] | None:
    """First and last instant known of a stream, footage and gaps; an open gap counts to its start. None: nothing. Read."""
    raise NotImplementedError


def forget(conn: Connection, before: int, site: str = SITE) -> int:
    """Drop what the ledger says of the time before `before` where no footage is left of it. How many rows. Write."""
    raise NotImplementedError
