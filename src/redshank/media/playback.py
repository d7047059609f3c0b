"""A file as a camera: played at its own speed, once or for ever, with timestamps that never go back.

The file is read as it is played (nothing is held in memory) and looked for once a second: a file that is removed or replaced ends
the source like a camera that is unplugged, and the new one is opened by the next try (rel:T26). One reader thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from redshank.clock import NS_PER_S, Clock
from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.pyav import AvSource, open_file
from redshank.media.source import RawPacket
from redshank.model import StreamFormat

SLICE_S = 0.25
LOOK_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Playing:
    """How a file is played."""

    loop: bool = True
    paced: bool = True
    audio: bool = True


class FileSource:
    """See the module. `close` from any thread."""

    def __init__(self, path: Path, clock: Clock, playing: Playing = Playing()) -> None:
        self._path = path
        self._clock = clock
        self._playing = playing
        self._closed = threading.Event()
        self._round = open_file(path, audio=playing.audio)
        self._known = _identity(path)
        self._looked_ns = clock.mono_ns()
        self._formats = tuple(self._round.formats)

    @property
    def formats(self) -> Sequence[StreamFormat]:
        return self._formats

    def packets(self) -> Iterator[RawPacket]:
        begun_ns = self._clock.mono_ns()
        offset_s, sound_s = Fraction(0), Fraction(0)
        while not self._closed.is_set():
            end_s = offset_s
            for raw in self._one_round(self._round, offset_s):
                due_s = raw.dts * raw.format.time_base if raw.dts is not None else end_s
                if raw.format.kind == "video":
                    end_s = due_s + _length_s(raw)
                elif due_s < sound_s:
                    continue  # the last round's sound goes on a little beyond its pictures
                else:
                    sound_s = due_s + _length_s(raw)
                if self._playing.paced and not self._wait_until(begun_ns + int(due_s * NS_PER_S)):
                    return
                yield raw
            if not self._playing.loop or self._closed.is_set():
                return
            if end_s == offset_s:
                raise SourceUnusable(f"{self._path} has no picture to start with")
            offset_s = end_s
            self._round = open_file(self._path, audio=self._playing.audio)

    def close(self) -> None:
        self._closed.set()
        self._round.close()

    def _one_round(self, source: AvSource, offset_s: Fraction) -> Iterator[RawPacket]:
        """From the first keyframe on, moved to begin at `offset_s`."""
        own = {format: next((f for f in self._formats if f == format), format) for format in source.formats}
        shift_s: Fraction | None = None
        for raw in source.packets():
            if shift_s is None:
                if raw.format.kind != "video" or not raw.keyframe or raw.dts is None:
                    continue
                shift_s = offset_s - raw.dts * raw.format.time_base
            ticks = round(shift_s / raw.format.time_base)
            yield replace(
                raw,
                format=own.get(raw.format, raw.format),
                pts=None if raw.pts is None else raw.pts + ticks,
                dts=None if raw.dts is None else raw.dts + ticks,
            )

    def _wait_until(self, due_ns: int) -> bool:
        """False when the source was closed meanwhile. Raises SourceMissing when the file is gone."""
        while not self._closed.is_set():
            now_ns = self._clock.mono_ns()
            if now_ns - self._looked_ns >= LOOK_NS:
                self._looked_ns = now_ns
                if _identity(self._path) != self._known:
                    raise SourceMissing(f"{self._path} was removed or replaced")
            if now_ns >= due_ns:
                return True
            self._clock.wait(min(SLICE_S, (due_ns - now_ns) / NS_PER_S))
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _length_s(raw: RawPacket) -> Fraction:
    """How long a unit lasts; what a file does not say is taken for 1/25 s."""
    return raw.duration * raw.format.time_base if raw.duration else Fraction(1, 25)
