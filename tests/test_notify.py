"""The delivery engine on a real database, with channels that do as they are told."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from sqlalchemy import Connection

from redshank.alert.base import Channel, Message, Picture
from redshank.alert.compose import Composer, Site
from redshank.blobs.disk import DiskBlobs
from redshank.errors import ChannelError, ChannelRefused, DiskFull
from redshank.model import Alert, Notification
from redshank.notify import Notifier, Writes
from redshank.notify_lane import Route
from redshank.store import alerts, outbox
from redshank.store.base import Store
from tests.alert import sample
from tests.harness.clocks import FakeClock

T = TypeVar("T")
Kind = Literal["open", "update", "close"]
KINDS: tuple[Kind, ...] = ("open", "update", "close")


class Told:
    """A channel: `answer` is asked for each message and returns the reference or raises."""

    def __init__(self, name: str = "told", can_update: bool = True) -> None:
        self._name = name
        self._can_update = can_update
        self.answer: Callable[[Message], str] = lambda message: f"ref-{message.alert.id}"
        self.hold: asyncio.Event | None = None
        """When set, sending waits for it first."""
        self.tried: list[Message] = []
        self.sent: list[tuple[str, str, str]] = []
        """Alert, kind and `previous` of what was accepted."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def can_update(self) -> bool:
        return self._can_update

    async def send(self, message: Message, previous: str) -> str:
        self.tried.append(message)
        if self.hold is not None:
            await self.hold.wait()
        reference = self.answer(message)
        self.sent.append((message.alert.id, message.kind, previous))
        return reference

    async def close(self) -> None:
        """Nothing was opened."""


class Full:
    """A store whose disk is full for the next `times` writes."""

    def __init__(self, store: Store, times: int = 0) -> None:
        self._store = store
        self.times = times

    def write(self, work: Callable[[Connection], T]) -> Future[T]:
        if self.times:
            self.times -= 1
            failed: Future[T] = Future()
            failed.set_exception(DiskFull("no space left for the database"))
            return failed
        return self._store.write(work)


@pytest.fixture
def jumping() -> FakeClock:
    """Every sleep passes at once and moves the time by itself: for tests with one channel."""
    return FakeClock(autojump=True)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as it is before the first start, made once."""
    path = tmp_path_factory.mktemp("empty") / "redshank.db"
    Store(f"sqlite:////{path}", FakeClock()).close()
    return path


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock, empty: Path) -> Iterator[Store]:
    shutil.copy(empty, tmp_path / "redshank.db")
    opened = Store(f"sqlite:////{tmp_path}/redshank.db", clock)
    yield opened
    opened.close()


def composer(folder: Path) -> Composer:
    async def none(alert: Alert) -> Picture | None:
        return None

    return Composer(Site(sample.BERLIN, {"front": sample.FRONT}), DiskBlobs(folder), none)


def queue(
    store: Store, clock: FakeClock, number: int, kind: Kind = "open", channel: str = "told"
) -> Notification | None:
    """What the judge does in one transaction."""
    alert = sample.alert(f"alert-{number:04}")
    alert = sample.closed(alert) if kind == "close" else alert
    wanted = outbox.Wanted(
        f"{alert.id}-{kind}-{channel}-{clock.now()}", alert.id, channel, kind, clock.now(), clock.now()
    )

    def work(conn: Connection) -> Notification | None:
        alerts.save(conn, alert)
        return outbox.queue(conn, wanted)

    return store.write(work).result(10)


def rows(store: Store, number: int) -> list[Notification]:
    return store.read(lambda conn: outbox.of_alert(conn, f"alert-{number:04}"))


def last_is(told: Told, kind: Kind) -> bool:
    return bool(told.sent) and told.sent[-1][1] == kind


def status_is(store: Store, number: int, status: str) -> bool:
    return rows(store, number)[-1].status == status


@asynccontextmanager
async def running(
    store: Writes, clock: FakeClock, channels: Sequence[Channel | Route], folder: Path, **more: Any
) -> AsyncIterator[Notifier]:
    """A notifier that runs meanwhile, and ends in good order."""
    routes = [one if isinstance(one, Route) else Route(one) for one in channels]
    notifier = Notifier(store, routes, clock, **{"composer": composer(folder), "chance": lambda: 0.0, **more})
    task = asyncio.create_task(notifier.run())
    try:
        yield notifier
    finally:
        notifier.stop()
        async with asyncio.timeout(10):
            await task
        await notifier.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other threads and in the database
            await asyncio.sleep(0.002)


def failing(times: int, error: Callable[[], ChannelError] = lambda: ChannelError("away")) -> Callable[[Message], str]:
    """An answer: fails so often, then accepts."""
    left = [times]

    def answer(message: Message) -> str:
        left[0] -= 1
        if left[0] >= 0:
            raise error()
        return f"ref-{message.alert.id}"

    return answer


async def test_what_is_queued_is_sent_in_order_and_marked(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    told = Told()
    for number in range(30):
        queue(store, clock, number)
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: notifier.health()["told"].sent == 30)
    assert [alert for alert, _, _ in told.sent] == [f"alert-{number:04}" for number in range(30)]
    (row,) = rows(store, 7)
    assert (row.status, row.attempts, row.error) == ("sent", 1, "")
    (entry,) = store.read(lambda conn: outbox.log(conn, row.id))
    assert (entry.outcome, entry.attempt, entry.channel) == ("sent", 1, "told")


async def test_a_wake_sends_at_once(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """No time passes on the clock between commit and send."""
    told = Told()
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: clock.slept)
        queue(store, clock, 1)
        notifier.wake()
        await until(lambda: told.sent)
        assert clock.mono_ns() == 0


async def test_a_lost_wake_costs_five_seconds(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    told = Told()
    async with running(store, clock, [told], tmp_path):
        await until(lambda: clock.slept)
        queue(store, clock, 1)
        assert clock.slept == [5.0]
        clock.advance(5)
        await until(lambda: told.sent)


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 1.0), (1.0, 0.8)])
async def test_the_wait_grows_to_two_minutes_less_a_chance(
    store: Store, jumping: FakeClock, tmp_path: Path, chance: float, factor: float
) -> None:
    told = Told()
    told.answer = failing(8)
    queue(store, jumping, 1)
    async with running(store, jumping, [told], tmp_path, chance=lambda: chance):
        await until(lambda: told.sent)
    waits = [seconds for seconds in jumping.slept if seconds != 5.0 or factor == 1.0][:8]
    assert waits == pytest.approx([factor * seconds for seconds in (5, 10, 20, 40, 80, 120, 120, 120)], abs=0.01)
    assert rows(store, 1)[0].attempts == 9


async def test_a_receiver_that_asks_for_patience_gets_it(store: Store, jumping: FakeClock, tmp_path: Path) -> None:
    told = Told()
    told.answer = failing(1, lambda: ChannelError("slow down", retry_after_s=300))
    queue(store, jumping, 1)
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: told.sent)
    assert jumping.slept[0] == 300


async def test_after_a_day_it_is_dead_with_the_reason(
    store: Store, jumping: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told()
    told.answer = failing(10_000)
    queue(store, jumping, 1)
    start = jumping.now()
    jumping.advance(23 * 3600)  # switched off so long
    async with running(store, jumping, [told], tmp_path) as notifier:
        await until(lambda: notifier.health()["told"].dead)
    (row,) = rows(store, 1)
    assert row.status == "dead"
    assert row.error == f"given up after 24 h and {row.attempts} tries: away"
    assert 24 * 3600 <= (store.read(lambda conn: outbox.log(conn, row.id))[-1].time - start) / 1e6 <= 24 * 3600 + 125
    assert row.attempts == len(told.tried) > 30
    assert caplog.text.count("delivery failed") == 1, "an error that repeats is logged once"


async def test_a_jump_of_the_clock_abandons_nothing(store: Store, jumping: FakeClock, tmp_path: Path) -> None:
    """A machine without a battery clock wakes in the past and then jumps by years."""
    queue(store, jumping, 1)
    jumping.step(5 * 365 * 86400)
    told = Told()
    told.answer = failing(2)
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: told.sent)


@pytest.mark.parametrize("seconds", [-3600, -30 * 86400])
async def test_a_clock_set_back_delays_nothing(
    store: Store, jumping: FakeClock, tmp_path: Path, seconds: float
) -> None:
    queue(store, jumping, 1)
    jumping.step(seconds)
    told = Told()
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: told.sent)
    assert jumping.mono_ns() < 60e9


async def test_patience_asked_for_one_message_is_given_though_longer_than_our_own(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    """The one that waits aside for an hour is not taken for a victim of the clock."""
    told, times = Told(), list[int]()

    def answer(message: Message) -> str:
        if message.alert.id != "alert-0000":
            return "ref"
        times.append(jumping.mono_ns())
        raise ChannelError("not that one", retry_after_s=3600)

    told.answer = answer
    for number in range(10):
        queue(store, jumping, number)
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: len(told.sent) == 9 and len(times) > 5)
    assert times[-1] - times[-2] >= 3600e9


async def test_a_refusal_is_dead_at_once_and_the_channel_says_why(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """req:T-14: a bad token shows a clear error, all else goes on."""
    bad, good = Told("bad"), Told("good")
    bad.answer = failing(100, lambda: ChannelRefused("Slack: invalid_auth: the token is wrong"))
    queue(store, clock, 1, channel="bad")
    queue(store, clock, 1, channel="good")
    async with running(store, clock, [bad, good], tmp_path) as notifier:
        await until(lambda: notifier.health()["good"].sent and notifier.health()["bad"].dead)
        health = notifier.health()
    assert (health["bad"].state, health["bad"].last_error) == ("refused", "Slack: invalid_auth: the token is wrong")
    assert health["bad"].failing_since == clock.now()
    assert (health["good"].state, health["good"].sent) == ("ok", 1)
    assert {row.channel: row.status for row in rows(store, 1)} == {"bad": "dead", "good": "sent"}
    assert len(bad.tried) == 1


async def test_a_start_tries_young_refusals_again_and_old_ones_not(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """The user put the right token in and started again: nothing of the night is lost."""
    told = Told()
    told.answer = failing(2, lambda: ChannelRefused("invalid_auth"))
    queue(store, clock, 1)
    clock.advance(23 * 3600)
    queue(store, clock, 2)
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: notifier.health()["told"].dead == 2)
    clock.advance(2 * 3600)
    async with running(store, clock, [told], tmp_path):
        await until(lambda: told.sent)
    assert [alert for alert, _, _ in told.sent] == ["alert-0002"]
    assert rows(store, 1)[0].status == "dead"


async def test_a_channel_that_hangs_delays_only_itself(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    hung, good = Told("hung"), Told("good")
    hung.hold = asyncio.Event()
    for number in range(5):
        queue(store, clock, number, channel="hung")
        queue(store, clock, number, channel="good")
    async with running(store, clock, [hung, good], tmp_path) as notifier:
        await until(lambda: len(good.sent) == 5)
        assert len(hung.tried) == 1
        assert notifier.health()["hung"].queued == 5
        assert clock.mono_ns() == 0
        hung.hold.set()


async def test_while_a_channel_fails_only_its_oldest_is_tried_and_the_order_is_kept(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    """rel:T51, the order per target."""
    told = Told()
    told.answer = failing(2)
    for number in range(50):
        queue(store, jumping, number)
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: len(told.sent) == 50)
    assert [alert for alert, _, _ in told.sent] == [f"alert-{number:04}" for number in range(50)]
    assert len(told.tried) == 50 + 2


async def test_a_server_that_comes_back_between_two_tries_costs_one_place(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    told = Told()
    told.answer = failing(3)
    for number in range(25):
        queue(store, jumping, number)
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: len(told.sent) == 25)
    assert [alert for alert, _, _ in told.sent] == [f"alert-{number:04}" for number in (1, 0, *range(2, 25))]


async def test_one_message_that_never_passes_does_not_hold_back_the_others(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    told = Told()

    def answer(message: Message) -> str:
        if message.alert.id == "alert-0000":
            raise ChannelError("this one makes the server fail")
        return "ref"

    told.answer = answer
    for number in range(40):
        queue(store, jumping, number)
    queue(store, jumping, 0, "update")
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: len(told.sent) == 39)
        assert jumping.mono_ns() < 60e9
        told.answer = lambda message: "ref"
        await until(lambda: len(told.sent) >= 40)
    assert [alert for alert, _, _ in told.sent] == [f"alert-{number:04}" for number in range(1, 40)] + ["alert-0000"]


async def test_later_messages_of_an_alert_get_the_reference_of_the_first(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    told = Told()
    async with running(store, clock, [told], tmp_path) as notifier:
        for kind in KINDS:
            queue(store, clock, 1, kind)
            notifier.wake()
            await until(partial(last_is, told, kind))
    assert told.sent == [
        ("alert-0001", "open", ""),
        ("alert-0001", "update", "ref-alert-0001"),
        ("alert-0001", "close", "ref-alert-0001"),
    ]


async def test_unsent_updates_of_one_alert_merge_and_distinct_alerts_never(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    told = Told()
    told.answer = failing(4)
    for number in (1, 2):
        queue(store, jumping, number)
    for _ in range(10):
        queue(store, jumping, 1, "update")
    queue(store, jumping, 1, "close")
    async with running(store, jumping, [told], tmp_path):
        await until(lambda: len(told.sent) == 3)
    assert [sent[:2] for sent in told.sent] == [("alert-0001", "open"), ("alert-0002", "open"), ("alert-0001", "close")]


async def test_a_channel_that_cannot_change_gets_opening_and_closing_only(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    mail = Told("mail", can_update=False)
    async with running(store, clock, [mail], tmp_path) as notifier:
        for kind, status in zip(KINDS, ("sent", "suppressed", "sent"), strict=True):
            queue(store, clock, 1, kind, "mail")
            notifier.wake()
            await until(partial(status_is, store, 1, status))
    assert [kind for _, kind, _ in mail.sent] == ["open", "close"]
    assert rows(store, 1)[1].error == "this channel cannot change what it sent"


async def test_a_dry_run_sends_nothing_and_says_what_it_would_have(
    store: Store, clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = Told()
    queue(store, clock, 1)
    async with running(store, clock, [Route(told, dry_run=True)], tmp_path):
        await until(lambda: rows(store, 1)[0].status == "dry_run")
    assert told.tried == []
    assert "dry run channel=told" in caplog.text
    assert "Person (87.3 %) at Front door" in caplog.text
    (entry,) = store.read(lambda conn: outbox.log(conn, rows(store, 1)[0].id))
    assert entry.outcome == "dry_run"


async def test_what_waits_survives_a_restart(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """req:I-12 R-05."""
    told = Told()
    told.answer = failing(1)
    queue(store, clock, 1)
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: notifier.health()["told"].failing_since)
    assert rows(store, 1)[0].status == "queued"
    async with running(store, clock, [told], tmp_path):
        await until(lambda: len(told.tried) >= 1)
        clock.advance(5)
        await until(lambda: told.sent)
    assert rows(store, 1)[0].attempts == 2


async def test_a_kill_between_accept_and_mark_sends_the_same_id_again(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    """rel:T52, the window: at least once, never lost."""
    told = Told()
    queue(store, clock, 1)
    accepted = Full(store)

    def accept(message: Message) -> str:
        accepted.times = 1_000_000  # from here on nothing reaches the database, as after kill -9
        return "ref"

    told.answer = accept
    notifier = Notifier(accepted, [Route(told)], clock, composer(tmp_path), grace_s=0.05)
    task = asyncio.create_task(notifier.run())
    await until(lambda: told.sent)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert rows(store, 1)[0].status == "queued"
    told.answer = lambda message: "ref"
    async with running(store, clock, [told], tmp_path):
        await until(lambda: rows(store, 1)[0].status == "sent")
    assert [message.id for message in told.tried] == [rows(store, 1)[0].id] * 2


async def test_a_full_disk_while_marking_is_waited_for_and_nothing_is_sent_twice(
    store: Store, jumping: FakeClock, tmp_path: Path
) -> None:
    told, full = Told(), Full(store)
    queue(store, jumping, 1)

    def accept(message: Message) -> str:
        full.times = 10
        return "ref"

    told.answer = accept
    async with running(full, jumping, [told], tmp_path):
        await until(lambda: rows(store, 1)[0].status == "sent")
    assert len(told.tried) == 1


async def test_a_database_that_is_away_is_tried_again(store: Store, jumping: FakeClock, tmp_path: Path) -> None:
    told, full = Told(), Full(store, 3)
    queue(store, jumping, 1)
    async with running(full, jumping, [told], tmp_path):
        await until(lambda: told.sent)


async def test_a_stop_lets_the_send_under_way_end_and_marks_it(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    told = Told()
    told.hold = asyncio.Event()
    queue(store, clock, 1)
    queue(store, clock, 2)
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: told.tried)
        notifier.stop()
        told.hold.set()
    assert [rows(store, number)[0].status for number in (1, 2)] == ["sent", "queued"]


async def test_a_cancel_is_a_stop_in_good_order(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """What the server has accepted is not sent again after a restart."""
    told = Told()
    told.hold = asyncio.Event()
    queue(store, clock, 1)
    task = asyncio.create_task(Notifier(store, [Route(told)], clock, composer(tmp_path)).run())
    await until(lambda: told.tried)
    task.cancel()
    asyncio.get_running_loop().call_later(0.05, told.hold.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rows(store, 1)[0].status == "sent"


async def test_a_channel_without_pictures_waits_for_none(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    async def never(alert: Alert) -> Picture | None:
        await asyncio.Event().wait()
        return None

    told = Told()
    queue(store, clock, 1)
    site = Site(sample.BERLIN, {"front": sample.FRONT})
    patient = Composer(site, DiskBlobs(tmp_path), never, lambda alert: sample.SEEN, wait_s=30)
    async with running(store, clock, [Route(told, picture=False)], tmp_path, composer=patient):
        await until(lambda: told.sent)
    assert (told.tried[0].picture, told.tried[0].no_picture) == (None, "")
    assert [d.label for d in told.tried[0].detections] == ["person", "dog"]


async def test_an_alert_that_is_gone_leaves_a_reason(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    told = Told()
    wanted = outbox.Wanted("n1", "no-such-alert", "told", "open", clock.now(), clock.now())
    store.write(lambda conn: outbox.queue(conn, wanted)).result(10)
    async with running(store, clock, [told], tmp_path):
        await until(lambda: store.read(lambda conn: outbox.of_alert(conn, "no-such-alert"))[0].status == "dead")
    assert told.tried == []


async def test_the_backlog_is_counted_while_the_channel_fails(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    """rel:T51: the page shows the backlog."""
    told = Told()
    told.answer = failing(1000)
    queue(store, clock, 0)
    async with running(store, clock, [told], tmp_path) as notifier:
        await until(lambda: notifier.health()["told"].failing_since)
        for number in range(1, 8):
            queue(store, clock, number)
        notifier.wake()
        await until(lambda: notifier.health()["told"].queued == 8)
        assert len(told.tried) == 1
        health = notifier.health()["told"]
    assert (health.state, health.failed, health.last_error) == ("failing", 1, "away")


async def test_recovery_is_seen_in_the_health(store: Store, jumping: FakeClock, tmp_path: Path) -> None:
    told = Told()
    told.answer = failing(2)
    queue(store, jumping, 1)
    async with running(store, jumping, [told], tmp_path) as notifier:
        await until(lambda: told.sent and notifier.health()["told"].sent)
        health = notifier.health()["told"]
    assert (health.state, health.failed, health.sent, health.failing_since, health.last_error) == ("ok", 2, 1, None, "")


def test_the_alert_of_the_tests_is_one_of_the_store(store: Store) -> None:
    alert = replace(sample.alert(), label="dog")
    store.write(lambda conn: alerts.save(conn, alert)).result(10)
    assert store.read(lambda conn: alerts.get(conn, alert.id)) == alert
