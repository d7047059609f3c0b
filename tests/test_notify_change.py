"""Channels that come, go and change while messages are sent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from redshank.notify_lane import Route
from redshank.store.base import Store
from tests.harness.clocks import FakeClock
from tests.test_notify import Told, empty, failing, queue, running, status_is, store, until

__all__ = ["empty", "store"]


class Closing(Told):
    """Says whether it was closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


async def turns() -> None:
    """Long enough for whoever wants to begin."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_new_channel_takes_what_waits_for_it(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    old, new = Route(Told("old")), Told("new")
    queue(store, clock, 1, channel="new")
    async with running(store, clock, [old], tmp_path) as notifier:
        notifier.change([old, Route(new)])
        await until(lambda: new.sent)
        assert set(notifier.health()) == {"old", "new"}


async def test_without_any_channel_it_waits_for_one(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    new = Told("new")
    queue(store, clock, 1, channel="new")
    async with running(store, clock, [], tmp_path) as notifier:
        await asyncio.sleep(0)
        notifier.change([Route(new)])
        await until(lambda: new.sent)


async def test_a_channel_that_goes_ends_what_it_sends_and_is_closed(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    going = Closing()
    going.hold = asyncio.Event()
    queue(store, clock, 1)
    queue(store, clock, 2)
    async with running(store, clock, [going], tmp_path) as notifier:
        await until(lambda: going.tried)
        notifier.change([])
        going.hold.set()
        await until(lambda: going.closed)
        assert [alert for alert, _, _ in going.sent] == ["alert-0001"]
        assert status_is(store, 1, "sent")
        assert status_is(store, 2, "queued")
        assert notifier.health() == {}


async def test_other_settings_never_send_beside_the_old_ones_and_nothing_twice(
    store: Store, clock: FakeClock, tmp_path: Path
) -> None:
    before, after = Closing(), Told()
    before.hold = asyncio.Event()
    for number in range(3):
        queue(store, clock, number)
    async with running(store, clock, [before], tmp_path) as notifier:
        await until(lambda: before.tried)
        notifier.change([Route(after)])
        await turns()
        assert after.tried == []
        before.hold.set()
        await until(lambda: len(after.sent) == 2)
        assert [alert for alert, _, _ in [*before.sent, *after.sent]] == [f"alert-{number:04}" for number in range(3)]


async def test_the_same_route_goes_on_with_its_pause(store: Store, clock: FakeClock, tmp_path: Path) -> None:
    away = Told()
    away.answer = failing(100)
    route = Route(away)
    queue(store, clock, 1)
    async with running(store, clock, [route], tmp_path) as notifier:
        await until(lambda: away.tried)
        await until(lambda: notifier.health()["told"].state == "failing")
        notifier.change([route])
        await turns()
        assert len(away.tried) == 1
        assert notifier.health()["told"].failed == 1
