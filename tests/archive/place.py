"""Numbered footage with its rows, to be exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redshank.archive.clip import Clip, Source, Wanted, make_clip
from redshank.archive.job import Control
from redshank.clock import US_PER_S, SystemClock
from redshank.store import recordings
from redshank.store.base import Store
from tests.playback.recording import NOON, Recording, numbered


class Place:
    """`out` is where exports go. Picture n is shown at NOON + n / 10 s."""

    def __init__(self, folder: Path) -> None:
        self.recording = Recording(folder / "recordings")
        self.store = Store(f"sqlite:///{folder / 'redshank.db'}", SystemClock())
        self.out = folder / "out"
        self.out.mkdir()
        self.now = NOON + 3600 * US_PER_S

    def record(self, seconds: float = 20, at_s: float = 0, stream: str = "main", **encoding: object) -> None:
        for segment in self.recording.add(numbered(seconds, **encoding), NOON + round(at_s * US_PER_S), stream=stream):
            self.store.write(lambda conn: recordings.add(conn, segment)).result()  # noqa: B023

    @property
    def source(self) -> Source:
        return Source(self.store, {"vol": self.recording.disk}, self.now)

    def wanted(self, start_s: float, end_s: float, stream: str = "main") -> Wanted:
        start, end = (NOON + round(s * US_PER_S) for s in (start_s, end_s))
        return Wanted("yard", stream, start, end, f"yard-{stream}")

    def clip(self, start_s: float, end_s: float, stream: str = "main") -> Clip:
        return make_clip(self.source, self.wanted(start_s, end_s, stream))

    def left(self) -> list[str]:
        """Names in `out`."""
        return sorted(one.name for one in self.out.iterdir())


@contextmanager
def placed(folder: Path) -> Iterator[Place]:
    place = Place(folder)
    try:
        yield place
    finally:
        place.store.close()


class StopsAt(Control):
    """Stopped by its user once so many bytes are done."""

    def __init__(self, done: int) -> None:
        super().__init__()
        self._at = done
        self.first = -1
        """Where it began."""

    def at(self, done: int, total: int) -> None:
        self.first = done if self.first < 0 else self.first
        if done >= self._at:
            self.stop()
        super().at(done, total)
