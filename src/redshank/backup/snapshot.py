"""Copies of the database that make themselves, in `<data>/backups`: taken, verified, thinned out, and tried once a day.

    <data>/backups/redshank-20261121T081500Z.db     0600, a whole database, verified before it has this name
    <data>/backups/before-0002-20261121T081500Z.db  the same, made by a start that migrates (`redshank.backup.migration`)

Order of writes: `.part` copied and verified → synced → renamed → folder synced → older ones deleted. The last three are kept, and the
newest of each of seven days (`backup.keep`, `backup.keep_daily`); newer is what has the higher mark, because clocks may be wrong.
One at a time; `step` blocks and runs in a thread, never in two at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

from redshank.backup import database, drill
from redshank.backup.mark import Marker
from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.errors import DiskFull, StoreError

log = logging.getLogger(__name__)

INTERVAL_S = 300.0
"""At most this much of the events is lost with a damaged database, as long as a copy takes less than SHARE of it."""
SHARE = 0.02
"""Of the time, that may go into copying: a copy of 15 s is made every 12.5 min."""
STEP_S = 10.0
"""How often we look whether there is something to do, and raise the mark."""
PAUSE_S = 0.01
"""Between two steps of a copy: the disk and the processor belong to the recorder."""
DRILL_S = 86400.0
KEEP, KEEP_DAILY = 3, 7
ROOM = 64 * 1024 * 1024
"""Bytes left free by a copy, beyond its own size."""
LEFT_S = 3600
_STAMP = "%Y%m%dT%H%M%SZ"


def stamp(time_us: int) -> str:
    """The time in a file's name."""
    return datetime.fromtimestamp(time_us / US_PER_S, UTC).strftime(_STAMP)


def taken_at(snapshot: Path) -> int | None:
    """When it was made, from its name, UTC microseconds; None: this is no copy of ours."""
    try:
        return (
            round(datetime.strptime(snapshot.stem.rpartition("-")[2], _STAMP).replace(tzinfo=UTC).timestamp())
            * US_PER_S
        )
    except ValueError:
        return None


def listed(data: Path, kind: str = "*") -> list[Path]:
    """Newest first. `kind`: redshank, before-0002 …; all by default."""
    found = [(at, path) for path in (data / database.FOLDER).glob(f"{kind}-*.db") if (at := taken_at(path)) is not None]
    return [path for _at, path in sorted(found, reverse=True)]


def take(data: Path, kind: str, now: int, pace: database.Pace = lambda: None, room: int = ROOM) -> Path:
    """A verified copy of the database in use or at rest. Raises StoreError, DiskFull; nothing is left behind then."""
    source, folder = data / database.NAME, data / database.FOLDER
    with database.translated(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        needed = sum(
            path.stat().st_size for path in data.glob(f"{database.NAME}*") if path.suffix in (".db", ".db-wal")
        )
        if shutil.disk_usage(folder).free < needed + room:
            raise DiskFull(f"{folder}: no room for a backup of the database ({needed / 1e6:.0f} MB)")
        part = folder / ".part"
        part.unlink(missing_ok=True)
    database.copy(source, part, pace)
    with database.translated(folder):
        made = part.rename(folder / f"{kind}-{stamp(now)}.db")
        database.sync(folder)
    return made


def by_mark(data: Path, kind: str) -> list[Path]:
    """Newest first, whatever the clock was when they were made. One that cannot be read now is not among them."""
    found = []
    for number, path in enumerate(listed(data, kind)):
        with contextlib.suppress(StoreError):
            found.append((database.mark_of(path), -number, path))
    return [path for _mark, _number, path in sorted(found, reverse=True)]


def thin(data: Path, made: Path, keep: int = KEEP, keep_daily: int = KEEP_DAILY) -> None:
    """Delete what is neither among the newest nor the newest of its day; never `made`, the one just made.

    Copies made before a migration: the last two stay.
    """
    copies = [made, *(path for path in by_mark(data, "redshank") if path != made)]
    newest_of_day: dict[str, Path] = {}
    for path in copies:
        newest_of_day.setdefault(path.stem[:-8], path)
    before = by_mark(data, "before-*")
    kept = {*copies[:keep], *list(newest_of_day.values())[:keep_daily], *before[:2]}
    for path in (*copies, *before):
        if path not in kept:
            path.unlink(missing_ok=True)
    for left in (data / database.FOLDER).glob(".bundle-*"):  # of a `redshank backup` that was killed
        if left.stat().st_mtime < made.stat().st_mtime - LEFT_S:
            shutil.rmtree(left, ignore_errors=True)


class Snapshots:
    """Keeps copies coming for as long as `run` runs. `trouble` may be read from any thread."""

    def __init__(
        self,
        data: Path,
        clock: Clock,
        interval_s: float = INTERVAL_S,
        keep: int = KEEP,
        keep_daily: int = KEEP_DAILY,
    ) -> None:
        self._data = data
        self._keep, self._keep_daily = keep, keep_daily
        self._clock = clock
        self._interval_s = interval_s
        self._marker = Marker(data / database.NAME)
        self._changed = True
        """Since the newest copy."""
        self._stopping = threading.Event()
        self._error = ""
        """Why the last copy was not made; empty when it was."""
        self._drill_error = ""
        self._took_s = 0.0
        self._tried_ns = self._drilled_ns = clock.mono_ns()
        self._good_ns = clock.mono_ns()
        """When the newest copy last was all there is to keep."""
        self.room = ROOM
        """Bytes that a copy must leave free."""
        self._newest: Path | None = None
        """The last one made since the start."""
        self.taken = 0
        """Copies since the start."""

    @property
    def every_s(self) -> float:
        """Seconds between copies: longer for a database that takes long to copy."""
        return max(self._interval_s, self._took_s / SHARE)

    @property
    def trouble(self) -> str:
        """One line when no copy could be made, or none was made for too long; else empty."""
        age_s = (self._clock.mono_ns() - self._good_ns) / NS_PER_S
        if self._error or self._drill_error:
            return f"the database is not backed up: {self._error or self._drill_error}"
        if age_s > 2 * self.every_s:
            return f"the database is not backed up: the newest backup is {age_s / 60:.0f} minutes old"
        return ""

    async def run(self) -> None:
        """Until cancelled. A copy under way is given up then."""
        self._stopping.clear()
        try:
            while True:
                await asyncio.to_thread(self.step)
                await self._clock.sleep(STEP_S)
        finally:
            self._stopping.set()

    def step(self) -> None:
        """Raise the mark, and take and try a copy when it is time. What goes wrong is told by `trouble`, and tried again."""
        try:
            self._changed |= self._marker.step()
            if self._changed and self._due():
                self._take()
            if not self._changed:
                self._good_ns = self._clock.mono_ns()
                self._error = ""
        except StoreError as error:
            self._error = self._told(error, self._error)
        if self._passed(self._drilled_ns) >= DRILL_S:
            self._drill()

    def close(self) -> None:
        """After the last `step`."""
        self._marker.close()

    def _due(self) -> bool:
        """The first one of a start counts from the newest there is: a program that starts again and again copies no more often."""
        if self.taken or self._error:
            return self._passed(self._tried_ns) >= self.every_s
        newest = next(iter(listed(self._data, "redshank")), None)
        age_us = self._clock.now() - (taken_at(newest) or 0) if newest else -1
        return not 0 <= age_us < self.every_s * US_PER_S

    def _take(self) -> None:
        self._tried_ns = start = self._clock.mono_ns()
        self._newest = take(self._data, "redshank", self._clock.now(), self._pace, self.room)
        # What was committed after the mark of this step is in the copy or not; the next step finds it again.
        self._changed = False
        self._took_s = self._passed(start)
        self._good_ns = start
        self.taken += 1
        with database.translated(self._data):
            thin(self._data, self._newest, self._keep, self._keep_daily)

    def _drill(self) -> None:
        """Of the newest copy. One that failed is followed by a drill of the next copy."""
        self._drilled_ns = self._clock.mono_ns()
        newest = self._newest or next(iter(by_mark(self._data, "redshank")), None)
        try:
            if newest is not None:
                drill.try_database(newest, self._data / database.FOLDER / ".drill", self._clock)
            self._drill_error = ""
        except StoreError as error:
            self._drill_error = self._told(error, self._drill_error)
            self._drilled_ns -= round((DRILL_S - self.every_s) * NS_PER_S)

    def _told(self, error: StoreError, before: str) -> str:
        if self._stopping.is_set():
            return before
        if str(error) != before:
            log.error("no backup of the database: %s", error)
        return str(error)

    def _passed(self, since_ns: int) -> float:
        return (self._clock.mono_ns() - since_ns) / NS_PER_S

    def _pace(self) -> None:
        if self._stopping.is_set():
            raise StoreError("stopped")
        self._clock.wait(PAUSE_S)
