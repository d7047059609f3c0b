"""Before the database is asked whether somebody may try: in memory, on the event loop.

One try of a name from an address at a time: the second begins when the first is known to be right or wrong, so that a right password
said by eight connections at once is never taken for seven guesses. Of an address KNOCKS reach the database, so that a flood of tries
never fills the queue the recorder writes through. And what was said right is remembered for a while, for programs that say it with
each connection (RTSP).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from redshank.access import limiter
from redshank.access.refusal import Refusal
from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.store.attempts import Bucket
from redshank.store.register import Register
from redshank.store.users import User

KNOCKS = limiter.Lane(40, US_PER_S)
"""Looser than the limiter's own, which counts."""
PLACES = 5_000
WAITING = 20
"""Tries of one name from one address that wait for their turn."""
REMEMBERED_NS = 300 * NS_PER_S
REMEMBERED = 500


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class _Right:
    user: User
    said: bytes
    until_ns: int


class Doorstep:
    """Of one desk."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._knocks: OrderedDict[str, Bucket] = OrderedDict()
        self._turns: dict[str, _Turn] = {}
        self._right: OrderedDict[str, _Right] = OrderedDict()

    def knock(self, address: str) -> None:
        """Count a try. Raises Refusal."""
        now, where = self._clock.mono_ns() // 1000, limiter.place(address)
        bucket = self._knocks.get(where, Bucket(where))
        wait = limiter.lane_wait(bucket, KNOCKS, now)
        if wait:
            raise Refusal("often", "too many tries: wait a little", limiter.seconds(wait))
        self._knocks[where] = limiter.lane_taken(bucket, KNOCKS, now)
        self._knocks.move_to_end(where)
        if len(self._knocks) > PLACES:
            self._knocks.popitem(last=False)

    def opened(self, address: str) -> None:
        """It was a right one: it does not count."""
        where, now = limiter.place(address), self._clock.mono_ns() // 1000
        if where in self._knocks:
            self._knocks[where] = limiter.lane_given(self._knocks[where], KNOCKS, now)

    @asynccontextmanager
    async def turn(self, pair: str) -> AsyncIterator[None]:
        """Raises Refusal when too many wait."""
        turn = self._turns.setdefault(pair, _Turn(asyncio.Lock()))
        if turn.waiting >= WAITING:
            raise Refusal("busy", "too many log in at this moment: try again", 5)
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                self._turns.pop(pair, None)

    def remember(self, pair: str, user: User, password: str) -> None:
        """Right."""
        self._right[pair] = _Right(_worth(user), self._said(password), self._clock.mono_ns() + REMEMBERED_NS)
        if len(self._right) > REMEMBERED:
            self._right.popitem(last=False)

    def forget(self, pair: str) -> None:
        """After something wrong: whoever guesses must never be told by this that they guessed right."""
        self._right.pop(pair, None)

    def remembered(self, pair: str, password: str, there: Register) -> User | None:
        """Whom it is right for still: the account is what it was."""
        kept = self._right.get(pair)
        if kept is None or self._clock.mono_ns() >= kept.until_ns:
            return None
        user = there.users.get(kept.user.id)
        same = user is not None and _worth(user) == kept.user and hmac.compare_digest(kept.said, self._said(password))
        return user if same else None

    def _said(self, password: str) -> bytes:
        return hmac.digest(self._key, password.encode("utf-8", "replace"), hashlib.sha256)


def _worth(user: User) -> User:
    return replace(user, last_seen=None)
