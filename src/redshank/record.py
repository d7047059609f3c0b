"""The recorder of one volume: packets from its spool to segments on its disk.

Threads: one writer (`_run`) does everything with the disk. Readers' threads only put packets into the spool. `add`, `adjust`, `part`,
`set_mode`, `keep`, `tick` and `stats` may be called from any thread and never wait for the disk. `tell` is called from the writer, and
from whoever calls `tick`.
It wakes four times a second and takes everything that waits; how a disk that hangs is noticed: `tick`, about once a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.disk import Disk
from redshank.media.spool import Queue, Spool
from redshank.model import GapReason
from redshank.pipe import Note
from redshank.record_plan import Change, Keep
from redshank.record_settings import Mode, RecordSettings
from redshank.record_stream import Means, Stream

log = logging.getLogger(__name__)

PERIOD_S = 0.25
CHUNK_BYTES = 1 << 20
"""Taken from one stream before the next has its turn."""
SLOW_S = 5.0
"""A packet that waits longer, or a call that takes longer, is trouble."""


class Recorder:
    """The streams that are recorded on one volume."""

    def __init__(
        self,
        volume: str,
        disk: Disk,
        settings: Sequence[RecordSettings],
        spool: Spool,
        clock: Clock,
        tell: Callable[[Note], None],
        next_seq: Callable[[], int],
    ) -> None:
        self._means = Means(volume, disk, clock, tell, next_seq)
        self.streams: tuple[Stream, ...] = ()
        """Replaced whole, so that the writer may walk over it meanwhile."""
        self._parting: tuple[Stream, ...] = ()
        """No longer recorded, and not written to their end yet."""
        self._lock = threading.Lock()
        """Of the two."""
        self._volume = volume
        self._spool = spool
        self._clock = clock
        self._tell = tell
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._busy_ns: int | None = None
        """Since when the writer works on a step."""
        self._told: tuple[str, int] = ("", 0)
        for each in settings:
            self.add(each)

    # -- from any thread

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"write-{self._volume}", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what waits, close all files, tell their segments; False when the disk did not let us in time."""
        self._stopping = True
        self._wake.set()
        if self._thread is None:
            self._finish()
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def add(self, settings: RecordSettings) -> Queue:
        """Record one more stream: what is put into the queue."""
        queue = self._spool.sink(settings.camera, settings.stream)
        with self._lock:
            self.streams = (*self.streams, Stream(settings, queue, self._means))
        return queue

    def adjust(self, settings: RecordSettings) -> None:
        """Record a stream in this way from now on; its mode is `set_mode`'s."""
        for stream in self._of(settings.camera):
            if stream.settings.stream == settings.stream:
                stream.adjust(settings)

    def part(self, camera: str, stream: str) -> None:
        """Record a stream no more: nothing comes into its queue now. What has come is written and told."""
        leaving = tuple(each for each in self._of(camera) if each.settings.stream == stream)
        off = Change(self._clock.now(), self._clock.mono_ns(), "off")
        for each in leaving:
            each.change(off)
        self._spool.part(camera, stream)
        with self._lock:
            self.streams = tuple(each for each in self.streams if each not in leaving)
            self._parting += leaving
        self._wake.set()

    @property
    def dead(self) -> bool:
        """The writer has ended by itself: a defect; the process must be replaced."""
        return self._thread is not None and not self._thread.is_alive() and not self._stopping

    def set_mode(self, camera: str, mode: Mode, private: bool, reason: str = "") -> None:
        """From now on. `reason`: of the gap, a GapReason, when nothing is kept for another one than the mode or privacy.

        Privacy begins with `Fanout.silence(True)`, before this, and ends with `silence(False)`, after it.
        """
        change = Change(self._clock.now(), self._clock.mono_ns(), mode, private, reason)
        for stream in self._of(camera):
            stream.change(change)
        self._wake.set()

    def keep(self, camera: str, since: int, until: int, important: bool) -> None:
        """This span (UTC µs) is wanted, with the pre- and post-roll of the settings; may be told again as it grows."""
        for stream in self._of(camera):
            if important:
                pre, post = (round(s * US_PER_S) for s in (stream.settings.pre_s, stream.settings.post_s))
                self._spool.protect(camera, since - pre, until + post)
            stream.keep(Keep(since, until, important))

    def tick(self) -> None:
        """Tell how the volume is, when it is in trouble or was. About once a second."""
        kind, text = self._trouble()
        dropped = sum(self._spool.dropped().values())
        was, dropped_before = self._told[0], min(self._told[1], dropped)
        if not (kind or was or dropped > dropped_before):
            return
        if not kind and dropped > dropped_before:
            kind, text = GapReason.SLOW_DISK, "footage was dropped: the disk does not keep up with the cameras"
        self._told = kind, dropped
        header = {"id": self._volume, "kind": kind, "trouble": text, "backlog": self._spool.waiting, "dropped": dropped}
        self._tell(Note("volume", header))

    def stats(self) -> dict[str, Any]:
        return {
            "volume": self._volume,
            "backlog": self._spool.waiting,
            "dropped": {f"{camera}/{stream}": n for (camera, stream), n in self._spool.dropped().items() if n},
            "segments": sum(stream.files for stream in self.streams),
            "open": sum(stream.file is not None for stream in self._all()),
            "trouble": self._trouble()[1],
        }

    def _all(self) -> tuple[Stream, ...]:
        return (*self.streams, *self._parting)

    def _of(self, camera: str) -> list[Stream]:
        return [stream for stream in self.streams if stream.settings.camera == camera]

    def _trouble(self) -> tuple[str, str]:
        """Kind and one line; empty when all is well."""
        failing = [stream for stream in self._all() if stream.trouble]
        if failing:
            return failing[0].kind, failing[0].trouble
        now_ns = self._clock.mono_ns()
        since = [ns for ns in (self._busy_ns, self._spool.oldest_ns()) if ns is not None]
        waits_s = (now_ns - min(since, default=now_ns)) / NS_PER_S
        if waits_s < SLOW_S:
            return "", ""
        return GapReason.SLOW_DISK, f"the disk is too slow: footage has waited {waits_s:.0f} s to be written"

    # -- the writer's thread

    def _run(self) -> None:
        while not self._stopping:
            self.step()
            self._wake.wait(PERIOD_S)
            self._wake.clear()
        self._finish()

    def step(self) -> None:
        """Do all that is due now."""
        self._busy_ns = self._clock.mono_ns()
        streams: Sequence[Stream] = self._all()
        while streams:
            streams = [stream for stream in streams if stream.step(CHUNK_BYTES)]
        if self._parting:
            with self._lock:
                self._parting = tuple(stream for stream in self._parting if not stream.idle)
        kinds = {stream.kind for stream in self._all() if stream.trouble}
        self._spool.reason = min(kinds, default=GapReason.SLOW_DISK)
        self._busy_ns = None

    def _finish(self) -> None:
        self.step()
        for stream in self._all():
            stream.finish(CHUNK_BYTES)
