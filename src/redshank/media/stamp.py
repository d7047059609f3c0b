"""Timestamps made whole, and the wall time of every packet. Pure: arrival times come with the packets.

Cameras send times that are missing, repeated, jump by hours, wrap, run fast or slow, or claim another frame rate than they deliver.
What a consumer gets instead is one steady line per connection: a picture is never later than its arrival, and as close to the
earliest arrivals as the camera's own clock allows, so network jitter does not show. pts and dts are ticks of that same line from the
start of the connection: muxers, viewers and `Packet.time` agree.

Two parts, explained in docs/design/capture.md:
- `_Track` (one for video, one for audio) turns the camera's ticks into media seconds that only rise: it repairs, unwraps, bridges;
- `_Line` maps media seconds to arrival time: it slews, at a rate it learns, towards the earliest arrivals of the last seconds.
Sound follows the picture's line, so lips stay in step however late the sound arrives.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from itertools import pairwise

from redshank.clock import NS_PER_S, US_PER_S
from redshank.media.source import RawPacket

HOLD_S = 1.0
HOLD_PACKETS = 1000
"""The burst a connection begins with is held back until it is over, or this much: its first packets waited longest."""
MAX_EARLY_S = 0.25
"""A packet cannot arrive before its picture was taken: this far ahead of the line is a jump of the camera's clock."""
MAX_SOUND_LATE_S = 1.5
"""Sound further behind the picture than this has a clock of its own."""
MAX_REORDER_S = 5.0
MAX_STEP_S = 2.0
FLOOR_S = 1.1
PAUSE_S = 1.0
JITTER_S = 0.05
"""Errors below this say nothing about the camera's rate."""
GAIN, SOFT_GAIN, LEARN = 3.0, 0.7, 0.3
"""Per second: how much of an error is corrected, of a small one, and how much of it goes into the rate."""
EARLY_SLEW, LATE_SLEW = 0.2, 1.0
"""Seconds the line may move per second. Less towards earlier: reordered pictures must stay in order."""
WALL_STEP_S = 0.5
WRAPS = (1 << 32, 1 << 33)


@dataclass(frozen=True, slots=True)
class Stamped:
    """A unit with its final times. `time`: UTC µs; `pts`, `dts`: ticks of its format from the start of the connection."""

    raw: RawPacket
    mono_ns: int
    time: int
    pts: int
    dts: int


@dataclass(frozen=True, slots=True)
class _Arrived:
    raw: RawPacket
    mono_ns: int


class Stamper:
    """One connection. One thread."""

    def __init__(self) -> None:
        self._held: list[_Arrived] | None = []
        self._line = _Line()
        self._tracks = {"video": _Track(self._line, leads=True), "audio": _Track(self._line, leads=False)}
        self._origin_ns = 0
        """Monotonic time of the first arrival."""
        self._offset_ns = 0
        """Wall minus monotonic time at that moment."""
        self.stepped = False
        """The wall clock has been set since: start a new `Stamper`, and so a new timeline, with the next keyframe."""

    @property
    def jumps(self) -> int:
        """Jumps of the camera's clock bridged so far."""
        return sum(track.jumps for track in self._tracks.values())

    def push(self, raw: RawPacket, now_us: int, mono_ns: int) -> list[Stamped]:
        """Packets that can be handed on, oldest first: this one, or none at first while the opening burst is held."""
        offset_ns = now_us * 1000 - mono_ns
        if self._held is None:
            self.stepped |= abs(offset_ns - self._offset_ns) > WALL_STEP_S * NS_PER_S
            return [self._stamp(_Arrived(raw, mono_ns))]
        if not self._held:
            self._origin_ns, self._offset_ns = mono_ns, offset_ns
        self._held.append(_Arrived(raw, mono_ns))
        return self.flush() if _settled(self._held) else []

    def flush(self) -> list[Stamped]:
        """Hand on what is still held; for the end of a connection."""
        held, self._held = _with_first_times(self._held or []), None
        leading = [arrived for arrived in held if arrived.raw.format.kind == "video"] or held
        if leading:
            first_s = _own_s(leading[0].raw) or 0.0
            self._line.start(first_s, self._first_due(leading, first_s))
        return [self._stamp(arrived) for arrived in held]

    def _first_due(self, leading: list[_Arrived], first_s: float) -> float:
        """When the burst's first packet was due, such that its least delayed one arrives just in time."""
        due = [self._arrival_s(leading[0])]
        before_s = first_s
        for arrived in leading:
            own_s = _own_s(arrived.raw)
            if own_s is None or not 0 <= own_s - before_s < MAX_STEP_S:
                break  # a jump inside the burst: what follows says nothing of its beginning
            before_s = own_s
            due.append(self._arrival_s(arrived) - (own_s + _reorder_s(arrived.raw) - first_s))
        return min(due)

    def _stamp(self, arrived: _Arrived) -> Stamped:
        raw = arrived.raw
        dts_s, pts_s, dts = self._tracks[raw.format.kind].advance(raw, self._arrival_s(arrived))
        time = (self._origin_ns + self._offset_ns) // 1000 + round(pts_s * US_PER_S)
        pts = max(dts, dts + round((pts_s - dts_s) / raw.format.time_base))
        return Stamped(raw, arrived.mono_ns, time, pts, dts)

    def _arrival_s(self, arrived: _Arrived) -> float:
        return (arrived.mono_ns - self._origin_ns) / NS_PER_S


class _Line:
    """When, in seconds since the first arrival, each media second is due: due(m) = due + (m - media) * rate."""

    def __init__(self) -> None:
        self.base_s = 0.0
        """The camera's time of media second 0."""
        self.begin_s = 0.0
        """When media second 0 was due."""
        self.rate = 1.0
        self._media = 0.0
        self._due = 0.0
        self._moved = 0.0
        """All corrections so far: lateness seen earlier is compared on the line as it is now."""
        self._recent: deque[tuple[float, float]] = deque()
        """(arrival, lateness + moved), rising: the first is the least of the last FLOOR_S."""
        self._covered_s = 0.0
        """Packets have come without a pause since this arrival."""
        self._arrival_s = 0.0

    def start(self, base_s: float, due_s: float) -> None:
        self.base_s, self.begin_s, self._due = base_s, due_s, due_s

    def due(self, media_s: float) -> float:
        return self._due + (media_s - self._media) * self.rate

    def media(self, arrival_s: float) -> float:
        """What is due at a moment."""
        return self._media + (arrival_s - self._due) / self.rate

    def advance(self, media_s: float, late_s: float, arrival_s: float) -> None:
        """A picture, decoded at `media_s`, arrived `late_s` after it was due: move towards the truth, but never go back."""
        step_s = media_s - self._media
        self._due, self._media = self.due(media_s), media_s
        floor_s = self._floor(late_s, arrival_s)
        error = min(late_s, 0.0) or floor_s
        if abs(error) > JITTER_S:
            self.rate = min(4.0, max(0.25, self.rate + LEARN * error * step_s))
        gain = GAIN if abs(error) > JITTER_S else SOFT_GAIN
        moved = max(-EARLY_SLEW, min(LATE_SLEW, error * gain)) * step_s
        self._due += moved
        self._moved += moved

    def _floor(self, late_s: float, arrival_s: float) -> float:
        """The least lateness of the last seconds: what is left when jitter is gone; 0 until they are covered."""
        if arrival_s - self._arrival_s > PAUSE_S:
            self._covered_s = arrival_s
            self._recent.clear()
        self._arrival_s = arrival_s
        value = late_s + self._moved
        while self._recent and self._recent[-1][1] >= value:
            self._recent.pop()
        self._recent.append((arrival_s, value))
        while self._recent[0][0] < arrival_s - FLOOR_S:
            self._recent.popleft()
        return max(0.0, self._recent[0][1] - self._moved) if arrival_s - self._covered_s >= FLOOR_S else 0.0


class _Track:
    """The camera's ticks of one kind, made to rise. The picture's track leads the line, the sound's follows it."""

    def __init__(self, line: _Line, leads: bool) -> None:
        self._line = line
        self._leads = leads
        self._own_s: float | None = None
        """The camera's own time of the last packet that had one."""
        self._shift_s = 0.0
        """Added to the camera's own times: wraps and bridged jumps."""
        self._media_s: float | None = None
        self._step_s = 0.04
        """Usual distance of two packets."""
        self._dts: int | None = None
        self.jumps = 0

    def advance(self, raw: RawPacket, arrival_s: float) -> tuple[float, float, int]:
        """Seconds since the first arrival at which the unit is decoded and shown, and its dts."""
        reorder_s = _reorder_s(raw)
        media_s = self._media(raw, arrival_s, reorder_s)
        if self._leads:
            self._line.advance(media_s, arrival_s - self._line.due(media_s + reorder_s), arrival_s)
        self._media_s = media_s
        dts_s, pts_s = self._line.due(media_s), self._line.due(media_s + reorder_s)
        dts = round((dts_s - self._line.begin_s) / raw.format.time_base)
        self._dts = dts if self._dts is None else max(dts, self._dts + 1)
        return dts_s, pts_s, self._dts

    def _media(self, raw: RawPacket, arrival_s: float, reorder_s: float) -> float:
        own_s = _own_s(raw)
        last_s = self._media_s
        now_s = self._line.media(arrival_s) - reorder_s
        least_s = now_s if last_s is None else last_s + min(self._step_s / 4, float(raw.format.time_base))
        if own_s is None or own_s == self._own_s:
            # No time of its own: one usual step on, unless that runs ahead of the clock.
            guess_s = now_s if last_s is None or self._own_s is None else last_s + self._step_s
            return max(least_s, min(guess_s, now_s + MAX_EARLY_S))
        if self._own_s is not None and own_s < self._own_s:
            self._shift_s += _wrapped_s(self._own_s - own_s, raw)
        self._own_s = own_s
        media_s = own_s + self._shift_s - self._line.base_s
        if self._jumped(media_s, now_s):
            self.jumps += 1
            bridged_s = max(least_s, now_s)
            self._shift_s += bridged_s - media_s
            return bridged_s
        if last_s is not None and media_s - last_s < 1:
            self._step_s += 0.1 * (media_s - last_s - self._step_s)
        return media_s

    def _jumped(self, media_s: float, now_s: float) -> bool:
        backwards = self._media_s is not None and media_s <= self._media_s
        early = media_s - now_s > MAX_EARLY_S
        return backwards or early or (not self._leads and now_s - media_s > MAX_SOUND_LATE_S)


def _settled(held: list[_Arrived]) -> bool:
    """Whether the newest packet had to be waited for: arrival has caught up with the camera."""
    newest = held[-1]
    if len(held) >= HOLD_PACKETS or newest.mono_ns - held[0].mono_ns >= HOLD_S * NS_PER_S:
        return True
    video = [arrived for arrived in held if arrived.raw.format.kind == "video"]
    if len(video) < 2 or video[-1] is not newest:
        return False
    own_s = _own_s(newest.raw)
    if own_s is None:
        return newest.raw.pts is None and _own_s(video[-2].raw) is None
    before_s = _own_s(video[-2].raw)
    step_s = own_s - before_s if before_s is not None else float(newest.raw.duration * newest.raw.format.time_base)
    return (newest.mono_ns - video[-2].mono_ns) / NS_PER_S > 0.4 * step_s


def _with_first_times(held: list[_Arrived]) -> list[_Arrived]:
    """The opening burst with the times FFmpeg does not know yet: decode times until it has seen enough, the first pts."""
    video = [i for i, arrived in enumerate(held) if arrived.raw.format.kind == "video"]
    shown = sorted(pts for i in video if (pts := held[i].raw.pts) is not None)
    known = next((n for n, i in enumerate(video) if held[i].raw.dts is not None), None)
    steps = [b - a for a, b in pairwise(shown) if b > a]
    if not shown or not known:
        return held
    step = min(steps, default=held[video[known]].raw.duration)
    whole = list(held)
    for n, i in enumerate(video[:known]):
        raw = held[i].raw
        dts = (held[video[known]].raw.dts or 0) - (known - n) * step
        pts = raw.pts if raw.pts is not None else max(dts, shown[0] - step)
        whole[i] = _Arrived(replace(raw, pts=pts, dts=min(dts, pts)), held[i].mono_ns)
    return whole


def _own_s(raw: RawPacket) -> float | None:
    """The camera's decode time in seconds."""
    return None if raw.dts is None else float(raw.dts * raw.format.time_base)


def _reorder_s(raw: RawPacket) -> float:
    """How long after decoding the picture is shown; nonsense counts as 0."""
    if raw.pts is None or raw.dts is None:
        return 0.0
    seconds = float((raw.pts - raw.dts) * raw.format.time_base)
    return seconds if 0 < seconds < MAX_REORDER_S else 0.0


def _wrapped_s(back_s: float, raw: RawPacket) -> float:
    """Seconds to add when a time went back by one turn of a counter; 0 when it did not."""
    turns = (float(wrap * raw.format.time_base) for wrap in WRAPS)
    return next((turn_s for turn_s in turns if 0 < turn_s - back_s < MAX_REORDER_S), 0.0)
