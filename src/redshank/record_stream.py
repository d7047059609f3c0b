"""One stream's recording: where files begin and end, and what is told about it. One thread, the volume's writer.

After any error of the disk everything that is not known to be safe goes back into the spool, and is taken again a second later.
What is cut and what is told when: docs/design/recording.md.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from redshank.clock import NS_PER_S, US_PER_S, Clock
from redshank.disk import Disk
from redshank.errors import DiskFull, SourceUnusable, StoreError
from redshank.media.fanout import starts
from redshank.media.segment import SegmentHead
from redshank.media.spool import Item, Lost, Queue
from redshank.model import SITE, GapReason, Packet, StreamFormat
from redshank.pipe import Note
from redshank.record_file import Endings, OpenFile, fields_of
from redshank.record_gap import SILENT_NS, Gaps
from redshank.record_plan import Change, Held, Keep, Plan, Run
from redshank.record_settings import RecordSettings

log = logging.getLogger(__name__)

SYNC_NS = 3 * NS_PER_S // 2
TELL_NS = RETRY_NS = NS_PER_S
HOLE_US = 2 * US_PER_S
"""Pictures further apart: a hole, unless the camera always takes so long (three times the usual)."""
NEAR_US = US_PER_S // 2
"""Two lines of time, or two formats, less apart than this meet."""
SOUND_NS = NS_PER_S // 2
"""The first file of a connection waits so long for sound: which tracks a file has is written at its beginning."""
LONGEST, LONGEST_S = 4, 120.0
"""Times `segment_s`, at least this: so long a file may be when no keyframe comes. The store takes ten minutes."""
FLUSH_BYTES = 1 << 20
HELD_MORE_S = 5.0
"""What may be asked for is `pre_s` before something that began so long ago."""
BEFORE_NS = 5 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Means:
    """What every stream of a volume works with."""

    volume: str
    disk: Disk
    clock: Clock
    tell: Callable[[Note], None]
    next_seq: Callable[[], int]


class Stream:
    """`change` and `keep` may be called from any thread, the rest by the writer."""

    def __init__(self, settings: RecordSettings, queue: Queue, means: Means) -> None:
        self.settings = settings
        self.queue = queue
        self.file: OpenFile | None = None
        self.files = 0
        """Segments told so far."""
        self.trouble = ""
        """Why the disk does not take it now; empty when it does."""
        self.kind = ""
        """disk_full or disk_error, with it."""
        self._means = means
        self._aside: OpenFile | None = None
        """The current file, while older footage is saved."""
        self._inbox: deque[Item] = deque()
        self._changes: deque[Change] = deque()
        self._plan = Plan(settings.pre_s, settings.post_s)
        self._held = Held(settings.pre_s + HELD_MORE_S)
        self._endings = Endings()
        self._doubtful = False
        """Since the last error nothing was synced."""
        self._retry_ns = self._settle_ns = self._told_ns = 0
        self._told_seq = -1
        self._begun: Change | None = None
        """When recording was switched on again: nothing from before is kept."""
        self._synced = False
        """Whether a keyframe came since the last break."""
        self._broken = ""
        self._last: Packet | None = None
        """The newest picture."""
        self._steps = (0, 0)
        """The last two distances between pictures, µs."""
        self._sound: StreamFormat | None = None
        self._gaps = Gaps(self._tell_gap)
        queue.sound = settings.sound
        first = Change(means.clock.now(), means.clock.mono_ns(), settings.mode, settings.private)
        queue.open = first.on
        self._plan.change(first)
        self._gaps.begin(first.time, first.mono_ns, first.gap)

    def change(self, change: Change) -> None:
        """What came before its time is recorded as before."""
        self._changes.append(change)
        self.queue.open = change.on

    def keep(self, wanted: Keep) -> None:
        self._plan.keep(wanted)

    def adjust(self, settings: RecordSettings) -> None:
        """Other lengths and sound, from the next file on; the volume stays. Any thread."""
        self.settings, self.queue.sound = settings, settings.sound
        self._plan.roll(settings.pre_s, settings.post_s)
        self._held.hold(settings.pre_s + HELD_MORE_S)

    @property
    def idle(self) -> bool:
        """Switched off, with everything written and told."""
        busy = self._changes or self._inbox or self.file or self._endings or self.queue.oldest_ns() is not None
        return not (busy or self._plan.now.on or self._gaps.untold)

    # -- one step

    def step(self, limit: int) -> bool:
        """Take up to `limit` bytes and do all that is due; whether there was something to take. Never raises."""
        now_ns = self._means.clock.mono_ns()
        if now_ns < self._retry_ns:
            return False
        try:
            self._settle(now_ns)
            taken = self.queue.take(limit)
            self._inbox.extend(taken)
            while self._inbox:
                self._accept(self._inbox[0])
                self._inbox.popleft()
            if not taken:
                self._rest(now_ns)
            self._save(final=False)
            self._tend(now_ns)
            self._doubtful = False
            if not self._endings:
                self.trouble = self.kind = ""
        except StoreError as error:
            self._failed(error, now_ns)
            return False
        return bool(taken)

    def finish(self, limit: int) -> None:
        """Close everything. What cannot be written now is lost, and told."""
        self._retry_ns = self._settle_ns = 0
        while self.step(limit):
            pass
        try:
            self._save(final=True)
            self._close(None)
        except StoreError as error:
            self._failed(error, self._means.clock.mono_ns())
        lost = self.queue.take(1 << 62)
        times = [item.time if isinstance(item, Packet) else item.start for item in lost]
        times = [time for time in times if self._plan.wants(time, time)]
        if times:
            self._tell_gap(max(min(times), self._gaps.since or 0), max(times), self.kind or GapReason.DISK_ERROR)

    def _rest(self, now_ns: int) -> None:
        """Nothing waits: what is due now is due."""
        while self._changes and self._changes[0].mono_ns <= now_ns:
            self._turn(self._changes[0])
            self._changes.popleft()
        silent_ns = max(SILENT_NS, 3000 * min(self._steps))
        if self._last is not None and now_ns - self._last.mono_ns > silent_ns:
            self._save(final=True)
            self._break(GapReason.OFFLINE, None)
            self._last = None

    def _turn(self, change: Change) -> None:
        """Another mode. A file ends at once when nothing is kept any more, else at the next keyframe."""
        was, last = self._plan.now, self._last
        if not change.on:
            if was.on:
                self._save(final=True)
            near = last is not None and 0 < change.time - last.time < NEAR_US
            self._close(change.time if near else None, change.gap)
            self._held.clear()
            self._last, self._synced, self._broken = None, False, ""
        elif not was.on:
            self._begun = change
        self._plan.change(change)
        self._gaps.turn(change.time, self._means.clock.mono_ns(), change.gap)

    # -- packets

    def _accept(self, item: Item) -> None:
        if isinstance(item, Lost):
            self._break(item.reason, None)
            self._last = None
            return
        while self._changes and self._changes[0].mono_ns <= item.mono_ns:
            self._turn(self._changes[0])
            self._changes.popleft()
        if not self._plan.now.on or self._from_before(item):
            return
        if item.format.kind == "video":
            self._look(item)
        elif item.format.codec == "aac":
            self._sound = item.format
        if not (self._synced or starts(item)):
            return
        self._synced = True
        if self.file is not None and starts(item) and not self._plan.wants(item.time, item.time):
            self._close(item.time)
            self._broken = GapReason.IDLE
        if self.file is not None:
            self._feed(item)
        else:
            self._held.add(item, self._broken)
            self._broken = ""

    def _look(self, picture: Packet) -> None:
        """Whether it continues what came before."""
        last = self._last
        if last is not None:
            step = picture.time - last.time
            if picture.format is not last.format:
                self._sound = None
                odd = abs(step - (picture.mono_ns - last.mono_ns) // 1000) > HOLE_US
                self._break(GapReason.CLOCK if odd else GapReason.OFFLINE, picture.time if 0 < step < NEAR_US else None)
            elif starts(picture) and abs(_shift(picture) - _shift(last)) > NEAR_US:
                self._break(GapReason.CLOCK, None)
            elif step > max(HOLE_US, 3 * min(self._steps)):
                self._break(GapReason.OFFLINE, None)
            self._steps = (self._steps[1] or abs(step), abs(step))
        self._last = picture

    def _break(self, reason: str, end: int | None) -> None:
        """What comes does not continue what came. `end`: it follows at once, all the same."""
        self._close(end, reason)
        self._broken = reason
        self._synced = False

    def _feed(self, packet: Packet) -> None:
        """To the current file, or its successor."""
        file = self.file
        if file is not None and packet.format.kind == "video":
            age_s = (packet.time - file.head.start) / US_PER_S
            if starts(packet) and (age_s >= self.settings.segment_s or self._new_sound(file)):
                self._close(packet.time)
            elif age_s >= max(LONGEST * self.settings.segment_s, LONGEST_S):
                self._break(GapReason.CORRUPT, packet.time)
                return
        if self.file is None and not self._open(packet):
            return
        assert self.file is not None
        self.file.add(packet)
        if self.file.waiting > FLUSH_BYTES:
            self.file.flush()

    def _save(self, final: bool) -> None:
        """Write what is held and wanted. Runs older than the current file become files of their own."""
        held = self._held
        if not held.runs or (not final and self._sound_may_come()):
            return
        self._aside, self.file = self.file, None
        place = end = 0
        while place < len(held.runs):
            run = held.runs[place]
            if self._plan.wants(run.start, run.end):
                self._write(run)
                end = run.end + 1
                del held.runs[place]
            else:
                self._close(None if run.broken else run.start)
                place += 1
        if self._aside is not None:
            self._close(end if end == self._aside.head.start else None)
            self.file, self._aside = self._aside, None
        newest = self._last if self._last is not None else held.runs[-1].packets[-1] if held.runs else None
        if newest is not None:
            held.trim(newest.mono_ns)

    def _write(self, run: Run) -> None:
        if run.broken:
            self._close(None, run.broken)
        for packet in run.packets:
            if self.file is not None or starts(packet):
                self._feed(packet)

    def _from_before(self, packet: Packet) -> bool:
        """Whether it shows what was there before recording was switched on. Only at first: wall time may be set back later."""
        begun = self._begun
        return begun is not None and packet.time < begun.time and packet.mono_ns < begun.mono_ns + BEFORE_NS

    def _sound_may_come(self) -> bool:
        first, newest = self._held.runs[0].packets[0], self._held.runs[-1].packets[-1]
        return self.settings.sound and self._sound is None and newest.mono_ns - first.mono_ns < SOUND_NS

    # -- files

    def _open(self, first: Packet) -> bool:
        means, settings = self._means, self.settings
        sound = self._sound if settings.sound else None
        formats = (first.format,) if sound is None else (first.format, sound)
        head = SegmentHead(
            SITE,
            settings.camera,
            settings.stream,
            means.next_seq(),
            first.epoch,
            means.volume,
            first.time,
            first.mono_ns,
            settings.boot,
        )
        try:
            self.file = OpenFile(means.disk, head, formats, first)
        except SourceUnusable as error:
            if self._broken != GapReason.CORRUPT:
                log.warning("cannot record", extra={**self._name(), "reason": str(error)})
            self._gaps.miss(first.time, means.clock.mono_ns(), GapReason.CORRUPT)
            self._gaps.turn(first.time, means.clock.mono_ns(), GapReason.CORRUPT)
            self._broken = GapReason.CORRUPT
            self._synced = False
            return False
        return True

    def _new_sound(self, file: OpenFile) -> bool:
        return self._sound is not None and all(format is not self._sound for format in file.formats)

    def _close(self, end: int | None, reason: str = "") -> None:
        """End the current file if there is one. `end`: what follows begins there."""
        if self.file is None:
            return
        ended, now_ns = self.file.close(end), self._means.clock.mono_ns()
        self.file = None
        if ended.row is not None:
            self._gaps.found(ended.row.start)
            self._gaps.miss(ended.row.end, now_ns, reason or self._plan.now.gap)
        self._endings.add(ended)
        self._settle(now_ns)

    def _settle(self, now_ns: int) -> None:
        """Files that ended become segments. One that cannot waits; its footage is safe."""
        if not self._endings or now_ns < self._settle_ns:
            return
        rows, error = self._endings.settle(self._means.disk)
        for row in rows:
            self._means.tell(Note("segment", fields_of(row)))
            self.files += 1
        if error is not None:
            self._settle_ns = now_ns + RETRY_NS
            self._trouble(error)

    def _tend(self, now_ns: int) -> None:
        """What is due by the clock: append, sync, tell."""
        file = self.file
        if file is not None:
            file.flush()
            if file.synced_ns is None or now_ns - file.synced_ns >= SYNC_NS or self._doubtful:
                file.sync(now_ns)
                self._gaps.found(file.head.start)
            if file.head.seq != self._told_seq or now_ns - self._told_ns >= TELL_NS:
                self._told_seq, self._told_ns = file.head.seq, now_ns
                self._means.tell(Note("running", fields_of(file.so_far())))
        else:
            self._gaps.due(now_ns)

    def _failed(self, error: StoreError, now_ns: int) -> None:
        """Nothing since the last good sync is trusted: files are given up, and what is not safe is taken again later."""
        self._trouble(error)
        self._retry_ns, self._doubtful = now_ns + RETRY_NS, True
        files = [file for file in (self._aside, self.file) if file is not None]
        rest = {packet.seq: packet for file in files for packet in file.unsafe()}
        rest |= {packet.seq: packet for packet in self._held.packets()}
        again: list[Item] = [rest[seq] for seq in sorted(rest)]
        again += [item for item in self._inbox if isinstance(item, Lost) or item.seq not in rest]
        for file in files:
            ended = file.give_up()
            if ended is not None:
                self._endings.add(ended)
            self._gaps.miss(ended.row.end if ended and ended.row else file.head.start, now_ns, self.kind)
        self.file = self._aside = self._last = None
        self._synced, self._broken = False, ""
        self._held.clear()
        self._inbox.clear()
        self.queue.put_back(again)

    def _trouble(self, error: StoreError) -> None:
        if not self.trouble:
            log.warning("cannot write footage", extra={**self._name(), "reason": str(error)})
        self.trouble = str(error)
        self.kind = GapReason.DISK_FULL if isinstance(error, DiskFull) else GapReason.DISK_ERROR

    # -- what is told

    def _tell_gap(self, start: int, end: int | None, reason: str) -> None:
        self._means.tell(Note("gap", {**self._name(), "start": start, "end": end, "reason": str(reason)}))

    def _name(self) -> dict[str, str]:
        return {"camera": self.settings.camera, "stream": self.settings.stream}


def _shift(picture: Packet) -> int:
    """Wall time less media time, µs: one number for all pictures of a timeline."""
    base = picture.format.time_base
    return picture.time - picture.pts * base.numerator * US_PER_S // base.denominator
