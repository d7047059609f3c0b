"""The delivery engine: takes what the judge queued and gives it to the channels until they have it.

    outbox (database) ──claim──▶ one lane per channel ──▶ compose ──▶ channel.send ──▶ sent · failed (tried again) · dead

- At least once: a row is marked after the channel took it, so a crash in between sends it again, with the same id.
- One lane, one task: a server that hangs delays nobody but itself. Everything runs on the event loop; the database on its own thread.
- Order: within an alert always. Per channel too: while the channel fails, only its oldest message is tried. When that one has failed
  PROBE_AFTER times, and quickly, the next is tried as well; if that passes and the old one still does not, the old one alone is at
  fault and waits aside for its own turns.
- Wait after the n-th failure: 5 s · 2ⁿ⁻¹ up to BACKOFF_MAX_S, less up to a fifth by chance; at least what the receiver asks for. After
  GIVE_UP_S it is dead, with its reason. A refusal is dead at once; a start (settings may have changed) tries young refusals again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection, func, select, update

from redshank.alert.compose import Composer
from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.errors import ChannelError, ChannelRefused, StoreError
from redshank.model import SITE, Alert, Notification
from redshank.notify_lane import ChannelHealth, Lane, Route
from redshank.store import alerts, outbox
from redshank.store.schema import notifications

_log = logging.getLogger(__name__)
T = TypeVar("T")

BACKOFF_S = 5.0
BACKOFF_MAX_S = 120.0
"""Not longer, because rel:T51 wants 200 waiting messages delivered within 5 min of a server's return."""
JITTER = 0.2
GIVE_UP_S = 24 * 3600
GIVE_UP_TRIES = 3
"""And never after fewer tries than this: a clock that jumps must not abandon anything."""
PROBE_AFTER = 3
QUICK_S = 1.0
"""A server that hangs is no message's fault."""
BATCH = 20
POLL_S = 5.0
"""Looked for at least this often, should a `wake` get lost."""
STORE_WAIT_S = 5.0
GRACE_S = 12.0
"""For sends under way at a stop: a little more than their own time-out."""


class Writes(Protocol):
    """Of `redshank.store.base.Store`, what is used here."""

    def write(self, work: Callable[[Connection], T]) -> Future[T]: ...


@dataclass(frozen=True, slots=True)
class _Due:
    notification: Notification
    alert: Alert | None
    previous: str


class Notifier:
    """`run` until `stop`; `wake` after each commit that queued something. Used on one event loop."""

    def __init__(
        self,
        store: Writes,
        routes: Sequence[Route],
        clock: Clock,
        composer: Composer,
        chance: Callable[[], float] = random.random,
        site: str = SITE,
        grace_s: float = GRACE_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._composer = composer
        self._chance = chance
        self._site = site
        self._grace_s = grace_s
        self._lanes = [Lane(route) for route in routes]
        self._stopping = False
        self._stopped = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._left: dict[str, Lane] = {}
        """By channel: who may still be sending for it."""

    async def run(self) -> None:
        """Returns after `stop`, when every send under way has ended and is marked. To cancel it is to stop it, within GRACE_S."""
        await self._mark(lambda conn: self._free([lane.name for lane in self._lanes], conn))
        lanes = asyncio.ensure_future(self._follow_all())
        try:
            await asyncio.shield(lanes)
        finally:
            self.stop()
            await asyncio.wait({lanes}, timeout=self._grace_s)
            lanes.cancel()
            await asyncio.gather(lanes, return_exceptions=True)

    async def _follow_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for lane in self._lanes:
                lane.task = tasks.create_task(self._follow(lane), name=f"notify-{lane.name}")
            await self._stopped.wait()

    def change(self, routes: Sequence[Route]) -> None:
        """Other channels from now on. A route that is the same object goes on; else the channel ends when what it is sending has ended,
        and one of the same name begins after it."""
        staying = [lane for lane in self._lanes if any(lane.route is route for route in routes)]
        leaving = [lane for lane in self._lanes if lane not in staying]
        self._left |= {lane.name: lane for lane in leaving}
        fresh = [Lane(route) for route in routes if all(lane.route is not route for lane in staying)]
        self._lanes = [*staying, *fresh]
        for lane in leaving:
            lane.leaving = True
            lane.wake.set()
        if self._tasks is not None and not self._stopping:
            for lane in fresh:
                lane.task = self._tasks.create_task(
                    self._succeed(lane, self._left.get(lane.name)), name=f"notify-{lane.name}"
                )

    async def _succeed(self, lane: Lane, before: Lane | None) -> None:
        """Two never send for one channel at once: what one has claimed is not the other's."""
        if before is not None and before.task is not None:
            await asyncio.wait({before.task})
        await self._mark(lambda conn: self._free([lane.name], conn))
        await self._follow(lane)

    def wake(self) -> None:
        """Something was queued (or the clock or network changed): look now. Does not shorten a pause."""
        for lane in self._lanes:
            lane.wake.set()

    def stop(self) -> None:
        self._stopping = True
        self._stopped.set()
        self.wake()

    async def close(self) -> None:
        """After `run`: let go of pictures under way and of the channels."""
        await self._composer.close()
        for lane in self._lanes:
            await lane.route.channel.close()

    def health(self) -> dict[str, ChannelHealth]:
        return {lane.name: lane.health for lane in self._lanes}

    def _free(self, channels: Sequence[str], conn: Connection) -> None:
        """What a predecessor had claimed is free again, and young refusals get another chance."""
        for channel in channels:
            outbox.release(conn, channel, self._site)
        n, now = notifications, self._clock.now()
        conn.execute(
            update(n)
            .where(n.c.site == self._site, n.c.status == "dead", n.c.created >= now - GIVE_UP_S * US_PER_S)
            .where(n.c.channel.in_(channels))
            .values(status="queued", due=now, attempts=0)
        )

    async def _follow(self, lane: Lane) -> None:
        """Run-forever around `_round`."""
        while not self._ends(lane):
            lane.wake.clear()
            try:
                await self._round(lane)
                wait = self._until_next(lane)
            except StoreError as error:
                _log.warning("outbox unavailable channel=%s error=%s", lane.name, error)
                wait = STORE_WAIT_S
            if not self._ends(lane):
                await self._wait(lane, wait)
        if lane.leaving:
            await lane.route.channel.close()

    def _ends(self, lane: Lane) -> bool:
        return self._stopping or lane.leaving

    async def _round(self, lane: Lane) -> None:
        """Send what is due, oldest first, until nothing is or the channel fails. During a pause only count what waits."""
        if lane.paused_until > self._clock.mono_ns():
            await self._write(lambda conn: self._count(conn, lane))
        while not self._ends(lane) and lane.paused_until <= self._clock.mono_ns():
            batch = await self._write(lambda conn: self._claim(conn, lane))
            if not batch:
                return
            if not await self._send_all(lane, batch):
                await self._mark(lambda conn: outbox.release(conn, lane.name, self._site))

    async def _send_all(self, lane: Lane, batch: Sequence[_Due]) -> bool:
        """False when it stopped before the end."""
        suspect: _Due | None = None
        pause = 0.0
        for due in batch:
            if self._ends(lane):
                return False
            sent, before = lane.sent, self._clock.mono_ns()
            wait = await self._deliver(lane, due)
            if suspect is not None and lane.sent > sent:
                # The channel works. Had it just come back, or is it that message? Once it passes it is no longer aside.
                lane.aside.add(suspect.notification.id)
                await self._deliver(lane, suspect)
                suspect, pause = None, 0.0
            if wait is None or due.notification.id in lane.aside:
                continue
            pause = pause or wait
            quick = self._clock.mono_ns() - before < QUICK_S * NS_PER_S
            if suspect is not None or not quick or due.notification.attempts + 1 < PROBE_AFTER:
                self._pause(lane, pause)
                return False
            suspect = due
        if suspect is not None:
            self._pause(lane, pause)
        return True

    async def _deliver(self, lane: Lane, due: _Due) -> float | None:
        """One try, marked in the outbox. None when it is settled one way or the other, else the seconds until the next try."""
        notification, channel = due.notification, lane.route.channel
        if due.alert is None:
            await self._bury(lane, notification, "the alert it tells of is not kept any more")
            return None
        if notification.kind == "update" and not channel.can_update:
            await self._mark(lambda conn: self._suppress(conn, notification.id))
            return None
        if lane.route.dry_run:
            message = self._composer.words(notification, due.alert)
            _log.info("dry run channel=%s notification=%s text=%s", lane.name, notification.id, message.text)
            await self._settle(lane, notification.id, "", "dry_run")
            return None
        try:
            message = await self._composer.compose(notification, due.alert, lane.route.picture)
            reference = await channel.send(message, due.previous)
        except ChannelRefused as error:
            self._note_failure(lane, str(error), "refused")
            await self._bury(lane, notification, str(error))
            return None
        except ChannelError as error:
            self._note_failure(lane, str(error), "failing")
            return await self._put_off(lane, notification, error)
        await self._settle(lane, notification.id, reference, "sent")
        return None

    async def _settle(self, lane: Lane, id: str, reference: str, status: Literal["sent", "dry_run"]) -> None:
        now = self._clock.now()
        await self._mark(lambda conn: outbox.sent(conn, id, now, reference, status, self._site))
        if lane.state != "ok":
            _log.info("channel works again channel=%s", lane.name)
        lane.state, lane.failing_since, lane.last_error = "ok", None, ""
        lane.sent += 1
        lane.last_sent = now
        lane.aside.discard(id)

    async def _put_off(self, lane: Lane, notification: Notification, error: ChannelError) -> float | None:
        tries, now = notification.attempts + 1, self._clock.now()
        if now - notification.created >= GIVE_UP_S * US_PER_S and tries >= GIVE_UP_TRIES:
            await self._bury(lane, notification, f"given up after {GIVE_UP_S // 3600} h and {tries} tries: {error}")
            return None
        wait = max(self._backoff(tries), error.retry_after_s or 0.0)
        # The lane waits as a whole, on the monotonic clock; a row that was due later than the next would lose its place.
        due = now
        if notification.id in lane.aside:
            due = now + round(wait * US_PER_S)
            lane.longest_s = max(lane.longest_s, wait)
        await self._mark(lambda conn: outbox.failed(conn, notification.id, now, str(error), due, self._site))
        return wait

    async def _bury(self, lane: Lane, notification: Notification, reason: str) -> None:
        _log.warning("notification dead channel=%s notification=%s reason=%s", lane.name, notification.id, reason)
        lane.dead += 1
        lane.aside.discard(notification.id)
        now = self._clock.now()
        await self._mark(lambda conn: outbox.dead(conn, notification.id, now, reason, self._site))

    def _note_failure(self, lane: Lane, error: str, state: Literal["failing", "refused"]) -> None:
        if lane.last_error != error:
            _log.warning("delivery failed channel=%s error=%s", lane.name, error)
        lane.failed += 1
        lane.state, lane.last_error = state, error
        if lane.failing_since is None:
            lane.failing_since = self._clock.now()

    def _backoff(self, tries: int) -> float:
        longest = min(BACKOFF_S * 2.0 ** min(tries - 1, 10), BACKOFF_MAX_S)
        return longest * (1.0 - JITTER * self._chance())

    def _pause(self, lane: Lane, seconds: float) -> None:
        lane.paused_until = self._clock.mono_ns() + round(seconds * NS_PER_S)

    def _claim(self, conn: Connection, lane: Lane) -> list[_Due]:
        """On the store's thread, in one transaction: what is due, with its alert and what was sent of it before."""
        now = self._clock.now()
        n, latest = notifications, now + round(lane.longest_s * US_PER_S)
        mine = (n.c.site == self._site) & (n.c.channel == lane.name) & (n.c.status == "queued")
        conn.execute(update(n).where(mine, n.c.due > latest).values(due=now))
        found = outbox.claim(conn, lane.name, now, limit=BATCH, site=self._site)
        self._count(conn, lane)
        return [
            _Due(one, alerts.get(conn, one.alert, self._site), outbox.previous(conn, one.alert, lane.name, self._site))
            for one in found
        ]

    def _count(self, conn: Connection, lane: Lane) -> None:
        n = notifications
        waiting = select(func.count()).where(n.c.site == self._site, n.c.status == "queued", n.c.channel == lane.name)
        lane.queued = conn.execute(waiting).scalar() or 0
        lane.next_due = outbox.next_due(conn, lane.name, self._site)

    def _suppress(self, conn: Connection, id: str) -> None:
        n = notifications
        reason = "this channel cannot change what it sent"
        conn.execute(
            update(n).where(n.c.site == self._site, n.c.id == id).values(status="suppressed", error=reason, claimed=0)
        )

    def _until_next(self, lane: Lane) -> float:
        """Seconds; never more than POLL_S, never less than the pause."""
        paused = (lane.paused_until - self._clock.mono_ns()) / NS_PER_S
        if paused > 0:
            return paused
        if lane.next_due is None:
            return POLL_S
        return min(max((lane.next_due - self._clock.now()) / US_PER_S, 0.01), POLL_S)

    async def _wait(self, lane: Lane, seconds: float) -> None:
        """Until `wake` or the time has passed."""
        both = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(lane.wake.wait())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _mark(self, work: Callable[[Connection], object]) -> None:
        """A change that must not be lost: until the database takes it (a full disk is waited for)."""
        while True:
            try:
                await self._write(work)
                return
            except StoreError as error:
                _log.warning("outbox unavailable error=%s", error)
                await self._clock.sleep(STORE_WAIT_S)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        # Shielded: what was handed to the writer is written even when we are cancelled meanwhile.
        return await asyncio.shield(asyncio.wrap_future(self._store.write(work)))
