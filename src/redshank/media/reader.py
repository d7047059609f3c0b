"""A stream for ever: open, stamp, fan out; when it breaks, say why and open it again.

One daemon thread per stream runs `_run` (run-forever) around `_connect` (run-once). `tick`, called about once a second by one
other thread (the capture process's event loop), is the monitor: it alone decides that a stream has *stalled*, from the time of the
last packet, and gives up on a thread that no longer moves. `on_state` is called from both, never with a lock held.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from redshank.clock import NS_PER_S, Clock
from redshank.errors import RedshankError, SourceError, TargetRefused
from redshank.media.fanout import Fanout
from redshank.media.rate import Rate
from redshank.media.source import Opener, RawPacket, Source
from redshank.media.stamp import Stamped, Stamper
from redshank.model import CameraState, CameraStatus, Packet, StreamFormat

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 5.0
STALLED_S = 6.0
STUCK_S = 10.0
OPENING_STUCK_S = 20.0
"""Opening may take its time-out twice (the address, then the streams), after a name look-up (`targets.LOOKUP_S`)."""
HEALTHY_S = 10.0
"""Pictures for so long, and the next failure counts as the first: longer than a usual GOP, far shorter than a camera that reboots
again and again."""
SLICE_S = 0.25
"""Waiting is cut into pieces, so that `stop` is heard."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the next try: `first`, then `factor` times as long each, at most `longest`.

    Each is cut at random by up to a third, so that cameras which fell together do not come back in lockstep. The wait is about a
    tenth of the outage so far: a camera away for a minute is missed for a few seconds, one away for a day costs six tries a minute.
    """

    first: float = 1.0
    longest: float = 10.0
    factor: float = 1.12

    def wait(self, failures: int, chance: float) -> float:
        """failures: so far, from 1; chance: 0–1."""
        return min(self.longest, self.first * self.factor ** min(failures - 1, 100)) * (1 - chance / 3)


GENTLE = Backoff(first=3.0, longest=8.0, factor=1.5)
"""For a battery camera that sleeps: it wakes for a short while, and a try on one that is away takes up to 5 s as well."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Who reads what, and how it behaves."""

    camera: str
    stream: str
    epoch: int
    sleeps: bool = False
    """A battery camera: being away is expected."""
    ends: bool = False
    """A file played once: its end is the end."""
    tls_verified: bool | None = None
    """As in CameraState."""


@dataclass(slots=True)
class Stuck:
    """Threads of one process that hang inside a library and cannot be ended. The third calls `on_exhausted`: the process, which
    alone can free them, is to be replaced."""

    on_exhausted: Callable[[], None]
    limit: int = 3
    threads: list[threading.Thread] = field(default_factory=list)
    abandoned: int = 0
    """Given up so far, those included that ended later after all."""

    def add(self, thread: threading.Thread) -> None:
        self.abandoned += 1
        self.threads = [t for t in self.threads if t.is_alive()] + [thread]
        if len(self.threads) >= self.limit:
            self.on_exhausted()


@dataclass(slots=True)
class _Life:
    """One reader thread's time. A thread whose life is over hands nothing on any more."""

    moved_ns: int
    """When it last did something: began to open, got a picture's packet, waited."""
    patience_s: float = OPENING_STUCK_S
    """Without moving for so long, it is stuck."""
    over: threading.Event = field(default_factory=threading.Event)
    silent: bool = False
    """The monitor ended its connection because nothing came."""
    source: Source | None = None
    thread: threading.Thread | None = None


class StreamReader:
    """Keeps one stream coming. `start`, `tick` and `stop` belong to one thread."""

    def __init__(
        self,
        settings: StreamSettings,
        opener: Opener,
        fanout: Fanout,
        clock: Clock,
        on_state: Callable[[CameraState], None],
        stuck: Stuck,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._fanout = fanout
        self._clock = clock
        self._on_state = on_state
        self._stuck = stuck
        self._chance = chance
        self._backoff = GENTLE if settings.sleeps else Backoff()
        self._life: _Life | None = None
        self._lock = threading.Lock()
        self._seq = 0
        self._failures = 0
        self._rate = Rate()
        self._format: StreamFormat | None = None
        now = clock.now()
        self._state = CameraState(
            settings.camera, settings.stream, CameraStatus.CONNECTING, now, now, tls_verified=settings.tls_verified
        )

    @property
    def state(self) -> CameraState:
        return self._state

    @property
    def counted(self) -> int:
        """The number of the next packet."""
        return self._seq

    def count_from(self, number: int) -> None:
        """Before `start`: packets of an earlier reader of the stream, in the same epoch, had the numbers before."""
        self._seq = number

    def start(self) -> None:
        life = _Life(self._clock.mono_ns())
        name = f"read-{self._settings.camera}-{self._settings.stream}"
        life.thread = threading.Thread(target=self._run, args=(life,), name=name, daemon=True)
        self._life = life
        life.thread.start()

    def tick(self) -> None:
        """Look at the thread, and tell the state. About once a second."""
        life = self._life
        if life is not None and self._state.status is not CameraStatus.ENDED:
            self._watch(life)
        self._tell()

    def stop(self, timeout_s: float = 3.0) -> bool:
        """End the thread; False when it did not end in time (it is a daemon, and hands nothing on any more)."""
        life, self._life = self._life, None
        if life is None or life.thread is None:
            return True
        self._end(life)
        life.thread.join(timeout_s)
        return not life.thread.is_alive()

    def _watch(self, life: _Life) -> None:
        silent_s = (self._clock.mono_ns() - life.moved_ns) / NS_PER_S
        if silent_s >= STALLED_S and self._state.status is CameraStatus.ONLINE:
            self._set(CameraStatus.STALLED, f"connected, but nothing has come for {silent_s:.0f} s; connecting again")
            if life.source is not None:
                life.silent = True
                life.source.close()
        if silent_s >= life.patience_s and life.thread is not None:
            log.warning(
                "reader thread abandoned", extra={"camera": self._settings.camera, "stream": self._settings.stream}
            )
            self._end(life)
            self._stuck.add(life.thread)
            self.start()

    def _end(self, life: _Life) -> None:
        with self._lock:
            life.over.set()
        if life.source is not None:
            life.source.close()

    # -- on the reader thread

    def _run(self, life: _Life) -> None:
        while not life.over.is_set():
            reason, healthy = self._connect(life)
            if life.over.is_set():
                return
            if not reason:
                self._set(CameraStatus.ENDED, "played to its end")
                return
            self._failures = 1 if healthy else self._failures + 1
            self._set(CameraStatus.STALLED if life.silent else self._away(), reason)
            self._wait(life, self._backoff.wait(self._failures, self._chance()))

    def _connect(self, life: _Life) -> tuple[str, bool]:
        """One connection from beginning to end: why it ended ('' for a file played once), and whether it had been healthy."""
        life.patience_s, life.silent = OPENING_STUCK_S, False
        begun_ns = life.moved_ns = self._clock.mono_ns()
        try:
            source = self._opener(OPEN_TIMEOUT_S)
        except (SourceError, TargetRefused) as error:
            return str(error), False
        life.source = source
        try:
            self._read(life, source)
        except RedshankError as error:
            reason = str(error)
        else:
            reason = "" if self._settings.ends else "the camera ended the stream"
        finally:
            life.source = None
            source.close()
        if life.silent:
            reason = f"connected, but nothing came for {STALLED_S:.0f} s"
        return reason, life.moved_ns - begun_ns > HEALTHY_S * NS_PER_S

    def _read(self, life: _Life, source: Source) -> None:
        line = _Numbered(self._settings)
        self._change(connects=self._state.connects + 1)
        life.moved_ns, life.patience_s = self._clock.mono_ns(), STUCK_S
        if life.over.is_set():
            return
        try:
            for raw in source.packets():
                if life.over.is_set():
                    return
                now_ns = self._clock.mono_ns()
                if raw.format.kind == "video":
                    life.moved_ns = now_ns
                line.renew_if_stepped(raw)
                for stamped in line.stamper.push(raw, self._clock.now(), now_ns):
                    self._offer(life, line, stamped)
        finally:
            for stamped in line.stamper.flush():
                self._offer(life, line, stamped)

    def _offer(self, life: _Life, line: _Numbered, stamped: Stamped) -> None:
        with self._lock:
            # Under the lock, so that a thread given up in this moment cannot mix its packets with its successor's.
            if life.over.is_set():
                return
            packet = line.packet(stamped, self._seq)
            self._seq += 1
            if packet.format.kind == "video":
                self._format = packet.format
            self._rate.add(stamped.mono_ns, packet.format.kind == "video", len(packet.data))
            self._fanout.offer(packet)
        if self._state.status is not CameraStatus.ONLINE and not life.silent:
            self._set(CameraStatus.ONLINE, "")

    def _wait(self, life: _Life, seconds: float) -> None:
        until_ns = self._clock.mono_ns() + round(seconds * NS_PER_S)
        while not life.over.is_set() and (left_s := (until_ns - self._clock.mono_ns()) / NS_PER_S) > 0:
            life.moved_ns = self._clock.mono_ns()
            self._clock.wait(min(SLICE_S, left_s))

    # -- state

    def _away(self) -> CameraStatus:
        if self._settings.sleeps:
            return CameraStatus.SLEEPING
        return CameraStatus.OFFLINE

    def _set(self, status: CameraStatus, reason: str) -> None:
        before = self._state
        if status is before.status and reason == before.reason:
            return
        since = before.since if status is before.status else self._clock.now()
        self._change(status=status, since=since, reason=reason)
        fields = {
            "camera": self._settings.camera,
            "stream": self._settings.stream,
            "status": str(status),
            "reason": reason,
        }
        log.info("stream state", extra=fields)
        self._tell()

    def _tell(self) -> None:
        fps, bitrate = self._rate.measured(self._clock.mono_ns())
        shape = self._format or StreamFormat("video", "", Fraction(1))
        self._on_state(
            self._change(
                time=self._clock.now(),
                codec=shape.codec,
                width=shape.width,
                height=shape.height,
                fps=fps,
                bitrate=bitrate,
                packets=self._seq,
                dropped=self._fanout.dropped(),
            )
        )

    def _change(self, **fields: Any) -> CameraState:
        with self._lock:
            self._state = replace(self._state, **fields)
            return self._state


class _Numbered:
    """One timeline: from the start of a connection, or from a step of the wall clock, to its end."""

    def __init__(self, settings: StreamSettings) -> None:
        self.stamper = Stamper()
        self._settings = settings
        self._formats: list[tuple[StreamFormat, StreamFormat]] = []
        """The source's format objects and ours: new ones for each timeline, so that recorder and decoder start anew."""

    def renew_if_stepped(self, raw: RawPacket) -> None:
        if self.stamper.stepped and raw.keyframe and raw.format.kind == "video":
            self.stamper = Stamper()
            self._formats = []

    def packet(self, stamped: Stamped, seq: int) -> Packet:
        raw, settings = stamped.raw, self._settings
        return Packet(
            settings.camera,
            settings.stream,
            settings.epoch,
            seq,
            self._format(raw.format),
            stamped.time,
            stamped.mono_ns,
            stamped.pts,
            stamped.dts,
            raw.duration,
            raw.keyframe,
            raw.data,
        )

    def _format(self, theirs: StreamFormat) -> StreamFormat:
        for known, ours in self._formats:
            if known is theirs:
                return ours
        ours = replace(theirs)
        self._formats = [pair for pair in self._formats if pair[0].kind != theirs.kind] + [(theirs, ours)]
        return ours
