"""The outbox: cooldown, merging, claiming."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from redshank.clock import US_PER_S, SystemClock
from redshank.model import Notification
from redshank.store import outbox
from redshank.store.base import Store
from redshank.store.outbox import Kind, Wanted

S = US_PER_S
NOW = 1_800_000_000 * S


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """A connection of a fresh database, in one transaction that is thrown away."""
    store = Store(f"sqlite:///{tmp_path}/redshank.db", SystemClock())
    with store._writer.begin() as conn:
        yield conn
        conn.rollback()
    store.close()


def wanted(
    id: str, alert: str, kind: Kind = "open", at_s: float = 0, cooldown_s: float = 0, channel: str = "mail"
) -> Wanted:
    time = NOW + round(at_s * S)
    return Wanted(id, alert, channel, kind, happened=time, created=time, cooldown="rule|door", cooldown_s=cooldown_s)


def queue(conn: Connection, *all: Wanted) -> list[Notification | None]:
    return [outbox.queue(conn, one) for one in all]


def test_a_second_opening_within_the_cooldown_is_kept_with_its_reason(conn: Connection) -> None:
    first, second, third = queue(
        conn,
        wanted("1", "a", cooldown_s=60),
        wanted("2", "b", at_s=59.9, cooldown_s=60),
        wanted("3", "c", at_s=60, cooldown_s=60),
    )
    assert first
    assert first.status == "queued"
    assert second
    assert second.status == "suppressed"
    assert second.error == "cooldown: the last message was 59 s ago, this rule waits 60 s"
    assert third
    assert third.status == "queued"
    assert outbox.of_alert(conn, "b") == [second]


def test_a_suppressed_notification_starts_no_cooldown(conn: Connection) -> None:
    found = queue(conn, *(wanted(str(i), str(i), at_s=40 * i, cooldown_s=60) for i in range(4)))
    assert [one.status for one in found if one] == ["queued", "suppressed", "queued", "suppressed"]


def test_an_abandoned_notification_gives_its_cooldown_back(conn: Connection) -> None:
    queue(conn, wanted("1", "a", cooldown_s=60))
    outbox.dead(conn, "1", NOW, "the receiver refused it")
    (second,) = queue(conn, wanted("2", "b", at_s=1, cooldown_s=60))
    assert second
    assert second.status == "queued"


def test_a_clock_set_back_does_not_prolong_the_cooldown(conn: Connection) -> None:
    queue(conn, wanted("1", "a", at_s=3600, cooldown_s=60))
    (second,) = queue(conn, wanted("2", "b", at_s=0, cooldown_s=60))
    assert second
    assert second.status == "queued"


def test_each_channel_has_its_own_cooldown(conn: Connection) -> None:
    found = queue(conn, wanted("1", "a", cooldown_s=60), wanted("2", "a", cooldown_s=60, channel="slack"))
    assert [one.status for one in found if one] == ["queued", "queued"]


def test_updates_merge_while_unsent_and_alerts_never_do(conn: Connection) -> None:
    found = queue(conn, wanted("1", "a"), wanted("2", "a", "update"), wanted("3", "b"), wanted("4", "b", "close"))
    assert [one and one.id for one in found] == ["1", None, "3", "4"]
    outbox.sent(conn, "1", NOW, "thread-7")
    assert [one and one.id for one in queue(conn, wanted("5", "a", "update"), wanted("6", "a", "update"))] == [
        "5",
        None,
    ]
    assert queue(conn, wanted("7", "a", "close")) == [None]
    assert [(one.id, one.kind) for one in outbox.of_alert(conn, "a")] == [("1", "open"), ("5", "close")]


def test_a_claimed_notification_is_not_changed_under_its_sender(conn: Connection) -> None:
    queue(conn, wanted("1", "a"))
    assert [one.id for one in outbox.claim(conn, "mail", NOW)] == ["1"]
    (update,) = queue(conn, wanted("2", "a", "update", at_s=1))
    assert update
    assert update.id == "2"
    assert outbox.claim(conn, "mail", NOW + S) == []
    outbox.sent(conn, "1", NOW + S, "thread")
    assert [one.id for one in outbox.claim(conn, "mail", NOW + S)] == ["2"]
    assert outbox.previous(conn, "a", "mail") == "thread"
    assert outbox.previous(conn, "a", "slack") == ""


@pytest.mark.parametrize("kind", ["update", "close"])
def test_no_update_follows_an_opening_that_was_never_sent(conn: Connection, kind: Kind) -> None:
    queue(conn, wanted("1", "a", cooldown_s=60), wanted("2", "b", at_s=1, cooldown_s=60))
    assert queue(conn, wanted("3", "b", kind, at_s=2), wanted("4", "unknown", kind)) == [None, None]


def test_claiming_takes_the_oldest_due_first_and_comes_back_after_the_lease(conn: Connection) -> None:
    queue(conn, *(wanted(str(i), str(i)) for i in range(5)))
    assert [one.id for one in outbox.claim(conn, "mail", NOW, lease_s=60, limit=2)] == ["0", "1"]
    assert [one.id for one in outbox.claim(conn, "mail", NOW, lease_s=60)] == ["2", "3", "4"]
    assert outbox.next_due(conn, "mail") == NOW + 60 * S
    assert len(outbox.claim(conn, "mail", NOW + 60 * S)) == 5
    assert outbox.release(conn, "slack") == 0
    assert outbox.release(conn) == 5
    assert outbox.next_due(conn, "mail") == NOW
    assert outbox.next_due(conn, "slack") is None


def test_every_try_is_logged(conn: Connection) -> None:
    queue(conn, wanted("1", "a"), wanted("2", "b"))
    outbox.failed(conn, "1", NOW + S, "no route", due=NOW + 9 * S)
    assert [one.id for one in outbox.claim(conn, "mail", NOW + 2 * S)] == ["2"]
    outbox.sent(conn, "1", NOW + 9 * S, status="dry_run")
    outbox.dead(conn, "2", NOW + 9 * S, "gone")
    assert [(one.attempt, one.outcome, one.error) for one in outbox.log(conn, "1")] == [
        (1, "failed", "no route"),
        (2, "dry_run", ""),
    ]
    assert outbox.backlog(conn)["mail"].by_status == {"dry_run": 1, "dead": 1}
    assert outbox.backlog(conn)["mail"].waiting == 0
