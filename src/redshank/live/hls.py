"""Low-latency HLS (RFC 8216bis) from the fragments every live viewer shares: for players that take nothing but HLS. Event loop only.

A window begins with the first request for a stream and ends when none has come for a while, or no fragment has: what stands still would
look like now. Fragments are its parts; a segment ends
at the first keyframe after SEGMENT_S. Requests for what is about to be made wait for it.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field

from redshank.clock import NS_PER_S, Clock, rfc3339
from redshank.live.room import LiveRoom
from redshank.live.viewer import Viewer
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.live import Fragment, Init

SEGMENT_S = 2.0
TARGET_S = 6
"""No segment is longer: without a keyframe it is cut between two parts."""
SEGMENTS = 6
"""In the window, beside the one that grows."""
DETAILED = 3
"""Newest segments whose parts are named."""
MOST_BYTES = 48 << 20
IDLE_S = 15.0
"""Without a request for so long a window ends."""
LOOK_S = 1.0
"""Between looks whether somebody still asks, when nothing comes."""
QUIET_S = 10.0
"""Without a fragment for so long a window ends."""
WAIT_S = 10.0
"""So long a request waits for what is not there yet."""
HOLE = VIDEO_SCALE // 10
"""Ticks between two fragments that do not follow one another."""
_NAME = re.compile(r"(\d{1,9})(?:\.(\d{1,4}))?\.m4s")
_INIT = re.compile(r"init-(\d{1,9})\.mp4")


@dataclass(slots=True)
class Segment:
    number: int
    init: int
    """Number of its init segment."""
    breaks: bool
    """Whether it does not follow the one before."""
    parts: list[Fragment] = field(default_factory=list)

    @property
    def ticks(self) -> int:
        return self.parts[-1].end - self.parts[0].start

    @property
    def size(self) -> int:
        return sum(len(part.data) for part in self.parts)


class Window:
    """The newest segments of one stream."""

    def __init__(self) -> None:
        self.segments: deque[Segment] = deque()
        """The last one grows."""
        self.asked_ns = 0
        """When somebody last asked …"""
        self.came_ns = 0
        """… and a fragment last came."""
        self._inits: dict[int, Init] = {}
        self._next_init = 0
        self._next_number = 0
        self._broken = 0
        """Breaks that have left the window."""
        self._target = VIDEO_SCALE // 4
        """Longest part so far."""
        self.alive = True
        self._grown = asyncio.Condition()

    async def add(self, fragment: Fragment) -> None:
        last = self.segments[-1] if self.segments else None
        self._target = max(self._target, fragment.end - fragment.start)
        if last is None or self._ends(last, fragment):
            self._begin(last, fragment)
        self.segments[-1].parts.append(fragment)
        while len(self.segments) > SEGMENTS + 1 or sum(one.size for one in self.segments) > MOST_BYTES:
            self._broken += self.segments.popleft().breaks
        named = {one.init for one in self.segments}
        self._inits = {number: init for number, init in self._inits.items() if number in named}
        await self._tell()

    async def end(self) -> None:
        """Whoever waits is told that nothing comes."""
        self.alive = False
        await self._tell()

    def forget(self) -> None:
        """Nothing of it is shown any more."""
        self.alive = False
        self.segments.clear()

    async def _tell(self) -> None:
        async with self._grown:
            self._grown.notify_all()

    def _ends(self, last: Segment, fragment: Fragment) -> bool:
        seconds = (fragment.end - last.parts[0].start) / VIDEO_SCALE
        long = last.ticks >= SEGMENT_S * VIDEO_SCALE
        return (fragment.keyframe and long) or seconds > TARGET_S or self._breaks(last, fragment)

    def _breaks(self, last: Segment, fragment: Fragment) -> bool:
        return fragment.init is not self._inits[last.init] or fragment.start - last.parts[-1].end > HOLE

    def _begin(self, last: Segment | None, fragment: Fragment) -> None:
        if last is None or fragment.init is not self._inits[last.init]:
            self._inits[self._next_init] = fragment.init
            self._next_init += 1
        breaks = last is not None and self._breaks(last, fragment)
        self.segments.append(Segment(self._next_number, self._next_init - 1, breaks))
        self._next_number += 1

    # -- what is asked for

    def far(self, number: int) -> bool:
        """Whether a segment is further ahead than anybody may ask for."""
        return bool(self.segments) and number > self.segments[-1].number + 2

    async def until(self, number: int, part: int) -> bool:
        """Waits for a part, or one after it. False: it does not come, or is `far`."""
        if self.far(number):
            return False

        def there() -> bool:
            last = self.segments[-1] if self.segments else None
            return not self.alive or (last is not None and (last.number, len(last.parts) - 1) >= (number, part))

        try:
            async with asyncio.timeout(WAIT_S), self._grown:
                await self._grown.wait_for(there)
        except TimeoutError:
            return False
        return there() and self.alive

    async def piece(self, name: str) -> bytes | None:
        """Of an init segment, a segment or a part; waits for the part that comes next. None: there is no such."""
        if found := _INIT.fullmatch(name):
            init = self._inits.get(int(found[1]))
            return init.data if init is not None else None
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        number, part = int(found[1]), int(found[2] or 0)
        await self.until(number, part)
        segment = next((one for one in self.segments if one.number == number), None)
        if segment is None or part >= len(segment.parts):
            return None
        if found[2] is None:
            grows = segment is self.segments[-1]
            return None if grows else b"".join(one.data for one in segment.parts)
        return segment.parts[part].data

    def master(self, address: str) -> str:
        """The playlist that names this one. There must be a part."""
        init = self.segments[-1].parts[-1].init
        bits = max(1, max(one.size * 8 * VIDEO_SCALE // max(1, one.ticks) for one in self.segments))
        size = f"RESOLUTION={init.width}x{init.height}"
        told = f'#EXT-X-STREAM-INF:BANDWIDTH={bits},{size},CODECS="{init.codecs}"'
        return "\n".join(["#EXTM3U", "#EXT-X-VERSION:9", told, address, ""])

    def playlist(self, below: str = "") -> str:
        """There must be a part. below: what comes before each address."""
        target_s = self._target / VIDEO_SCALE
        first = self.segments[0]
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:9",
            f"#EXT-X-TARGETDURATION:{max(TARGET_S, round(target_s))}",
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * target_s:.3f}",
            f"#EXT-X-PART-INF:PART-TARGET={target_s:.3f}",
            f"#EXT-X-MEDIA-SEQUENCE:{first.number}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self._broken + first.breaks}",
            f'#EXT-X-MAP:URI="{below}init-{first.init}.mp4"',
        ]
        for segment in self.segments:
            lines += self._lines(segment, below)
        last = self.segments[-1]
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{below}{last.number}.{len(last.parts)}.m4s"')
        return "\n".join([*lines, ""])

    def _lines(self, segment: Segment, below: str) -> list[str]:
        lines: list[str] = []
        if segment.breaks and segment is not self.segments[0]:
            lines += ["#EXT-X-DISCONTINUITY", f'#EXT-X-MAP:URI="{below}init-{segment.init}.mp4"']
        lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{rfc3339(segment.parts[0].time)}")
        if segment.number > self.segments[-1].number - DETAILED:
            for number, part in enumerate(segment.parts):
                seconds = (part.end - part.start) / VIDEO_SCALE
                independent = ",INDEPENDENT=YES" if part.keyframe else ""
                lines.append(
                    f'#EXT-X-PART:DURATION={seconds:.5f},URI="{below}{segment.number}.{number}.m4s"{independent}'
                )
        if segment is not self.segments[-1]:
            lines += [f"#EXTINF:{segment.ticks / VIDEO_SCALE:.5f},", f"{below}{segment.number}.m4s"]
        return lines


class LiveHls:
    """Of a site: the windows that are asked for."""

    def __init__(self, room: LiveRoom, clock: Clock) -> None:
        room.forgets.append(self.forget)
        self._room = room
        self._clock = clock
        self._windows: dict[tuple[str, str], Window] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def window(self, camera: str, stream: str) -> Window | None:
        """With at least one whole segment (hls.js takes no playlist without); begun by whoever asks first. None: no picture comes."""
        key = camera, stream
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = Window()
            window.asked_ns = window.came_ns = self._clock.mono_ns()
            self._start(self._fill(key, window))
        window.asked_ns = self._clock.mono_ns()
        return window if await window.until(1, 0) else None

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fill(self, key: tuple[str, str], window: Window) -> None:
        """Until nobody asks any more, or nothing comes any more."""
        try:
            async with self._room.watch(*key) as viewer:
                while (
                    window.alive and self._since_s(window.asked_ns) < IDLE_S and self._since_s(window.came_ns) < QUIET_S
                ):
                    if not await self._next(viewer, window):
                        break
        finally:
            if self._windows.get(key) is window:
                del self._windows[key]
            await window.end()

    async def _next(self, viewer: Viewer[Fragment], window: Window) -> bool:
        """One fragment, if one comes soon. False: no more."""
        try:
            async with asyncio.timeout(LOOK_S):
                fragment = await viewer.next()
        except TimeoutError:
            return True
        if fragment is None:
            return False
        window.came_ns = self._clock.mono_ns()
        await window.add(fragment)
        return True

    def _since_s(self, then_ns: int) -> float:
        return (self._clock.mono_ns() - then_ns) / NS_PER_S

    def why(self, camera: str, stream: str) -> str:
        """What a stream that gives nothing suffers from; empty when nothing is known."""
        state = self._room.state(camera, stream)
        return f"{state.status}: {state.reason}" if state is not None and state.reason else ""

    def forget(self, camera: str) -> None:
        """It is private now: its windows are empty at once."""
        for key, window in list(self._windows.items()):
            if key[0] == camera:
                window.forget()
                del self._windows[key]

    async def stop(self) -> None:
        """Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
