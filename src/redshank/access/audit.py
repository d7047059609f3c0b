"""Notes of who did what: on the event loop or any thread, never waiting. The store's own queue takes them (bounded; what it refuses is
counted and logged).

Looking at footage is many requests: those of one asker, alike, within a minute are one line. The line is written at the first of them,
its count when the minute is over.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from redshank.access.who import Who
from redshank.clock import NS_PER_S, Clock
from redshank.store import audit
from redshank.store.audit import Line
from redshank.store.base import Store

log = logging.getLogger(__name__)

WINDOW_NS = 60 * NS_PER_S
OPEN = 500
"""Lines that are still counted; one more closes the oldest."""
REFUSED = "refused"
TEXT = 500
"""Characters of a detail."""
Key = tuple[str, str, str, str, str, str, str]


@dataclass(slots=True)
class _Counted:
    since_ns: int
    number: list[int]
    """Of the row, once it is written."""
    count: int = 1


class Audit:
    """Of one site."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[Key, _Counted] = OrderedDict()
        self.lost = 0
        """Lines that could not be written."""

    def note(self, who: Who, what: str, camera: str = "", detail: str = "") -> None:
        """detail: without any credential; what is too long is cut."""
        now = self._clock.now()
        line = Line(now, who.kind, who.id, who.name, what, camera[:TEXT], _printable(detail[:TEXT]), who.address)
        key: Key = (line.kind, line.asker, line.who, what, line.camera, line.detail, line.address)
        if what == REFUSED:
            # Whoever tries everything there is is one line a minute: the first thing, and how many.
            key = (line.kind, line.asker, line.who, what, "", "", "")
        with self._lock:
            self._close_old(OPEN)
            same = self._open.get(key)
            if same is not None:
                same.count += 1
                return
            number: list[int] = []
            written = self._store.write(partial(_add, line=line, number=number))
            self._open[key] = _Counted(self._clock.mono_ns(), number)
        written.add_done_callback(self._written)

    def flush(self, everything: bool = False) -> None:
        """Write the counts of lines whose minute is over, or of all. Never blocks."""
        with self._lock:
            self._close_old(0 if everything else OPEN)

    def _close_old(self, most: int) -> None:
        """With the lock. most: lines that may stay open."""
        until = self._clock.mono_ns() - WINDOW_NS
        while self._open and (len(self._open) > most or next(iter(self._open.values())).since_ns <= until):
            _key, counted = self._open.popitem(last=False)
            if counted.count > 1:
                self._store.write(partial(_count, number=counted.number, count=counted.count))

    def _written(self, done: Future[None]) -> None:
        failed = "the store is closing" if done.cancelled() else done.exception()
        if failed is not None:
            self.lost += 1
            log.error("a line of the audit could not be written: %s", failed)


def _add(conn: Connection, line: Line, number: list[int]) -> None:
    number.append(audit.add(conn, line))


def _count(conn: Connection, number: list[int], count: int) -> None:
    """After `_add`: the store keeps the order."""
    if number:
        audit.counted(conn, number[-1], count)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
