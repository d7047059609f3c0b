"""What is to be written into the index of recordings, in the order capture told it; kept here while the database refuses.

After each commit a file loses its mark, the `.part` name, which until then tells the next start that the row is missing. On the event
loop; the database and the disk in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

from redshank.clock import US_PER_S, Clock
from redshank.errors import StoreError
from redshank.model import Gap, Segment
from redshank.store import ledger, recordings
from redshank.store.base import Store, is_bug
from redshank.store.gaps import LONGEST_US

log = logging.getLogger(__name__)

RETRY_S = 1.0
MOST = 500
"""Entries offered to the database at once: its queue is shared with the judge."""
SETTLED_US = 5 * US_PER_S
"""Analysis may be this far behind when a file is closed."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A file that a crash left, made whole."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Begun:
    """A file that capture has begun to write."""

    segment: Segment


Entry = Segment | Gap | Adopted | Begun


class Entries:
    """`put` what happened; `run` until cancelled. `unmark` is told what was committed, `note` trouble, or "" when it is over."""

    def __init__(
        self, store: Store, clock: Clock, unmark: Callable[[Iterable[Segment]], None], note: Callable[[str, str], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._unmark = unmark
        self._note = note
        self._waiting: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._closed: deque[tuple[int, Segment]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def closed(self) -> list[Segment]:
        """Finished files that wait. From any thread."""
        return [entry for entry in list(self._waiting) if isinstance(entry, Segment)]

    def put(self, entry: Entry) -> None:
        segment = entry.segment if isinstance(entry, Adopted) else entry
        if isinstance(segment, Segment) and not 0 < segment.end - segment.start <= LONGEST_US:
            log.error("a recording has an impossible length; its file stays", extra={"file": segment.path})
            return
        self._waiting.append(entry)
        self._arrived.set()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._commit()

    async def drain(self) -> None:
        """Until nothing waits."""
        while self._waiting:
            await self._commit()

    def settled(self) -> list[Segment]:
        """Files closed SETTLED_US ago or longer whose motion nobody has told yet, each once."""
        found = []
        while self._closed and self._closed[0][0] + SETTLED_US <= self._clock.now():
            found.append(self._closed.popleft()[1])
        return found

    async def moved(self, segment: Segment, motion: float) -> None:
        """So much moved in it; lost when the database refuses, and then it counts as unknown, which keeps it longer."""
        told = partial(
            recordings.set_motion, camera=segment.camera, start=segment.start, end=segment.end, motion=motion
        )
        with contextlib.suppress(StoreError):
            await asyncio.wrap_future(self._store.write(told))

    async def _commit(self) -> None:
        """Everything that waits, in one go and in order. What was committed although another was refused is replaced by itself."""
        entries = list(islice(self._waiting, MOST))
        writes = [asyncio.wrap_future(self._store.write(_row(entry))) for entry in entries]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        if refused := next((error for error in answers if isinstance(error, StoreError) and not is_bug(error)), None):
            self._note("recordings", f"{refused}; {self.waiting} entries wait for the index")
            await self._clock.sleep(RETRY_S)
            return
        self._note("recordings", "")
        finished = []
        for entry, answer in zip(entries, answers, strict=True):
            self._waiting.popleft()
            if isinstance(answer, BaseException):
                log.error("a recording could not be put into the index; its file keeps its mark", exc_info=answer)
            elif isinstance(entry, Segment | Adopted):
                finished.append(entry.segment if isinstance(entry, Adopted) else entry)
        now = self._clock.now()
        self._closed += [(now, segment) for segment in finished if segment.motion is None]
        self._unmark(finished)


def _row(entry: Entry) -> Callable[..., object]:
    match entry:
        case Gap():
            return partial(ledger.gap, gap=entry)
        case Begun():
            return partial(ledger.begun, segment=entry.segment)
        case Adopted():
            return partial(ledger.adopted, segment=entry.segment)
    return partial(ledger.closed, segment=entry)
