"""The outbox: notifications wait here until their channel has taken them.

`queue` is called by the judge inside the transaction that opens, updates or closes the alert; the other functions by the
sender. All take a connection inside `Store.write` (or `Store.read` for those that only look). A notification is delivered at
least once: a crash between sending and `sent` sends it again, with the same id.

A cooldown is nothing but rows: a queued, sent or dry-run opening with the same key within the last `cooldown_s` holds further ones
back. So it is reserved when queued, returned when the row is dead, and a suppressed row starts none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, and_, case, func, insert, select, update

from redshank.clock import US_PER_S
from redshank.model import SITE, Notification
from redshank.store.rows import Row, notification_in
from redshank.store.schema import deliveries, notifications

Kind = Literal["open", "update", "close", "test"]
_HOLDS = ("queued", "sent", "dry_run")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A notification the judge wants sent."""

    id: str
    alert: str
    channel: str
    kind: Kind
    happened: int
    """Time of the observation it tells of."""
    created: int
    """Wall time; it is due at once."""
    cooldown: str = ""
    """Key: notifications that share it share a cooldown, per channel."""
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver, as logged."""

    notification: str
    channel: str
    attempt: int
    time: int
    outcome: Literal["sent", "dry_run", "failed", "dead"]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one channel."""

    waiting: int
    oldest: int
    """Created, wall time."""
    by_status: Mapping[str, int] = field(default_factory=dict)


def queue(conn: Connection, wanted: Wanted, site: str = SITE) -> Notification | None:
    """Put it into the outbox and return the row; None when it merged into one of the same alert that is still unsent.

    - An opening within the cooldown of its key is stored as `suppressed`, with the reason.
    - An update or closing of an alert whose opening this channel did not get (suppressed, dead, never asked) is not stored.
    - An update merges into an unsent opening or update; a closing turns an unsent update into itself. Messages are built
      from the alert as it stands when they are sent, so nothing is lost. A row that a sender has claimed is left alone.
    """
    if wanted.kind in ("update", "close"):
        if _opening(conn, wanted, site) not in _HOLDS:
            return None
        unsent = _unsent(conn, wanted, site)
        if unsent is not None and _merges(unsent["kind"], wanted.kind):
            _merge(conn, unsent, wanted)
            return None
    reason = _cooling(conn, wanted, site) if wanted.kind == "open" and wanted.cooldown_s > 0 else ""
    row = {
        "id": wanted.id,
        "site": site,
        "alert": wanted.alert,
        "channel": wanted.channel,
        "kind": wanted.kind,
        "status": "suppressed" if reason else "queued",
        "created": wanted.created,
        "due": wanted.created,
        "attempts": 0,
        "error": reason,
        "cooldown": wanted.cooldown,
        "happened": wanted.happened,
        "claimed": 0,
        "reference": "",
    }
    conn.execute(insert(notifications).values(row))
    return notification_in(row)


def claim(
    conn: Connection, channel: str, now: int, lease_s: float = 120.0, limit: int = 20, site: str = SITE
) -> list[Notification]:
    """The oldest queued ones of this channel that are due, marked as being worked on until `now + lease_s`.

    In order of creation. An update never overtakes an older unsent notification of its alert. Write.
    """
    n, older = notifications, notifications.alias("older")
    overtakes = (
        select(older.c.id)
        .where(older.c.site == site, older.c.status == "queued", older.c.alert == n.c.alert)
        .where(older.c.channel == n.c.channel, older.c.number < n.c.number, older.c.alert != "")
        .exists()
    )
    rows = conn.execute(
        select(n)
        .where(n.c.site == site, n.c.status == "queued", n.c.channel == channel, n.c.due <= now, n.c.claimed <= now)
        .where(~overtakes)
        .order_by(n.c.number)
        .limit(limit)
    ).mappings()
    found = [notification_in(row) for row in rows]
    if found:
        until = now + round(lease_s * US_PER_S)
        conn.execute(update(n).where(n.c.id.in_([one.id for one in found])).values(claimed=until))
    return found


def release(conn: Connection, channel: str | None = None, site: str = SITE) -> int:
    """Forget all claims (of one channel): called by the only sender at its start. How many there were. Write."""
    n = notifications
    where = and_(n.c.site == site, n.c.status == "queued", n.c.claimed > 0)
    if channel is not None:
        where = and_(where, n.c.channel == channel)
    return conn.execute(update(n).where(where).values(claimed=0)).rowcount


def next_due(conn: Connection, channel: str, site: str = SITE) -> int | None:
    """The earliest wall time at which `claim` may find something; None when nothing is queued. Read."""
    n = notifications
    when = func.min(case((n.c.due > n.c.claimed, n.c.due), else_=n.c.claimed))
    found = conn.execute(select(when).where(n.c.site == site, n.c.status == "queued", n.c.channel == channel)).scalar()
    return None if found is None else int(found)


def sent(
    conn: Connection,
    id: str,
    now: int,
    reference: str = "",
    status: Literal["sent", "dry_run"] = "sent",
    site: str = SITE,
) -> None:
    """It was delivered (or written to the log only, `dry_run`). `reference` is kept for later updates. Write."""
    _finish(conn, id, {"status": status, "error": "", "reference": reference}, now, status, site)


def failed(conn: Connection, id: str, now: int, error: str, due: int, site: str = SITE) -> None:
    """It was not delivered; try again at `due` (wall time). `error` is one line without a credential. Write."""
    _finish(conn, id, {"error": error, "due": due}, now, "failed", site)


def dead(conn: Connection, id: str, now: int, error: str, site: str = SITE) -> None:
    """It is abandoned. Its cooldown is thereby returned. Write."""
    _finish(conn, id, {"status": "dead", "error": error}, now, "dead", site)


def previous(conn: Connection, alert: str, channel: str, site: str = SITE) -> str:
    """The last reference this channel returned for the alert; empty when there is none. Read."""
    n = notifications
    return (
        conn.execute(
            select(n.c.reference)
            .where(n.c.site == site, n.c.alert == alert, n.c.channel == channel, n.c.reference != "")
            .order_by(n.c.number.desc())
            .limit(1)
        ).scalar()
        or ""
    )


def of_alert(conn: Connection, alert: str, site: str = SITE) -> list[Notification]:
    """Everything sent, waiting or held back for an alert, oldest first: "what was not sent and why". Read."""
    n = notifications
    rows = conn.execute(select(n).where(n.c.site == site, n.c.alert == alert).order_by(n.c.number)).mappings()
    return [notification_in(row) for row in rows]


def log(conn: Connection, notification: str, site: str = SITE) -> list[Delivery]:
    """Every try to deliver it, oldest first. Read."""
    d = deliveries
    rows = conn.execute(
        select(d.c.notification, d.c.channel, d.c.attempt, d.c.time, d.c.outcome, d.c.error)
        .where(d.c.site == site, d.c.notification == notification)
        .order_by(d.c.number)
    )
    return [Delivery(*row) for row in rows]


def backlog(conn: Connection, site: str = SITE) -> dict[str, Backlog]:
    """By channel: how many wait, since when, and the count of each status. Read."""
    n = notifications
    rows: Sequence[Any] = conn.execute(
        select(n.c.channel, n.c.status, func.count(), func.min(n.c.created))
        .where(n.c.site == site)
        .group_by(n.c.channel, n.c.status)
    ).all()
    found: dict[str, Backlog] = {}
    for channel in sorted({row[0] for row in rows}):
        counts = {status: (count, oldest) for name, status, count, oldest in rows if name == channel}
        waiting, oldest = counts.get("queued", (0, 0))
        found[channel] = Backlog(waiting, oldest, {status: count for status, (count, _) in counts.items()})
    return found


def _finish(conn: Connection, id: str, values: dict[str, Any], now: int, outcome: str, site: str) -> None:
    """The row after a try, and a line of the log. `values` has its `error`."""
    n = notifications
    conn.execute(update(n).where(n.c.site == site, n.c.id == id).values(claimed=0, attempts=n.c.attempts + 1, **values))
    row = conn.execute(select(n.c.alert, n.c.channel, n.c.attempts).where(n.c.site == site, n.c.id == id)).one()
    tried = {"notification": id, "alert": row.alert, "channel": row.channel, "attempt": row.attempts, "time": now}
    conn.execute(insert(deliveries).values(site=site, **tried, outcome=outcome, error=values["error"]))


def _opening(conn: Connection, wanted: Wanted, site: str) -> str:
    n = notifications
    found = conn.execute(
        select(n.c.status).where(
            n.c.site == site, n.c.alert == wanted.alert, n.c.channel == wanted.channel, n.c.kind == "open"
        )
    ).scalar()
    return found or ""


def _unsent(conn: Connection, wanted: Wanted, site: str) -> Row | None:
    n = notifications
    rows = conn.execute(
        select(n)
        .where(n.c.site == site, n.c.alert == wanted.alert, n.c.channel == wanted.channel, n.c.status == "queued")
        .where(n.c.claimed <= wanted.created)
        .order_by(n.c.number.desc())
        .limit(1)
    ).mappings()
    return rows.first()


def _merges(waiting: str, new: str) -> bool:
    return new == "update" or (waiting, new) in (("update", "close"), ("close", "close"))


def _merge(conn: Connection, unsent: Row, wanted: Wanted) -> None:
    if wanted.kind == "close" and unsent["kind"] == "update":
        n = notifications
        conn.execute(update(n).where(n.c.id == unsent["id"]).values(kind="close", happened=wanted.happened))


def _cooling(conn: Connection, wanted: Wanted, site: str) -> str:
    """Why it must not be sent now; empty when it may. A reservation in the future (the clock was set back) does not count."""
    n = notifications
    since = wanted.happened - round(wanted.cooldown_s * US_PER_S)
    last = conn.execute(
        select(func.max(n.c.happened))
        .where(n.c.site == site, n.c.cooldown == wanted.cooldown, n.c.channel == wanted.channel, n.c.kind == "open")
        .where(n.c.status.in_(_HOLDS), n.c.happened > since, n.c.happened <= wanted.happened)
    ).scalar()
    if last is None:
        return ""
    ago = (wanted.happened - last) // US_PER_S
    return f"cooldown: the last message was {ago} s ago, this rule waits {wanted.cooldown_s:g} s"
