"""A clock that moves only when a test says so."""

from __future__ import annotations

import asyncio
import threading

from redshank.clock import NS_PER_S, US_PER_S

START = 1_767_225_600 * US_PER_S
"""2026-01-01T00:00:00Z."""


class FakeClock:
    """Wall and monotonic time move together with `advance`; `step` moves wall time alone, as NTP or a user would.

    `sleep` wakes inside `advance`; `wait` blocks its thread until `advance` passes the deadline. `autojump=True` makes both return
    at once and move time themselves: hours of retries in milliseconds.
    """

    def __init__(self, now: int = START, autojump: bool = False) -> None:
        self._now = now
        self._mono = 0
        self._autojump = autojump
        self._changed = threading.Condition()
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []
        self.slept: list[float] = []
        """Every wait asked for, in seconds, in order."""

    def now(self) -> int:
        return self._now

    def mono_ns(self) -> int:
        return self._mono

    def advance(self, seconds: float) -> None:
        """Move both clocks on and wake whoever is due. Call it on the loop when coroutines sleep."""
        with self._changed:
            self._now += round(seconds * US_PER_S)
            self._mono += round(seconds * NS_PER_S)
            self._changed.notify_all()
        for due, future in [s for s in self._sleepers if s[0] <= self._mono]:
            self._sleepers.remove((due, future))
            if not future.done():
                future.set_result(None)

    def step(self, seconds: float) -> None:
        """Wall time jumps; monotonic time does not."""
        self._now += round(seconds * US_PER_S)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._autojump:
            self.advance(seconds)
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._mono + round(seconds * NS_PER_S), future))
        await future

    def wait(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._autojump:
            self.advance(seconds)
            return
        due = self._mono + round(seconds * NS_PER_S)
        with self._changed:
            self._changed.wait_for(lambda: self._mono >= due)
