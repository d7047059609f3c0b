"""Packets to what a browser plays at once: an init segment and fragments of about 200 ms (ISO/IEC 14496-12 §8.8). Pure; one thread.

Nothing is re-encoded. A keyframe begins a fragment. Media time rises without holes whatever the camera's clock does: where a stream
begins anew, or nothing came for a while, what follows is put behind what was there. New parameters mean a new init segment; so does
sound that stops or comes back, since a browser waits for every track that an init segment promises.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from redshank.errors import SourceUnusable
from redshank.media.box import box
from redshank.media.codec_config import (
    VIDEO_SCALE,
    audio_format,
    codec_name,
    picture_parts,
    raw_aac,
    units,
    video_format,
)
from redshank.media.fanout import starts
from redshank.media.rtp import length_size, parameter_sets
from redshank.media.segment import DELTA, KEY, LEADS_PER_S, Sample, Track, lead_of, moof, movie
from redshank.model import Packet, StreamFormat

FRAGMENT = VIDEO_SCALE // 5
"""Ticks of a fragment, unless one picture alone lasts longer."""
HOLE_S = 2
"""A longer wait between two pictures than this, or than four usual steps, is left out."""
WAIT_S = 0.5
"""So long the first packets are looked through for sound."""
SILENT = VIDEO_SCALE
"""Sound so many ticks behind its pictures has stopped."""
_AAC_FRAME = 1024


@dataclass(frozen=True, slots=True)
class Init:
    """What a player must have before the fragments that name it."""

    data: bytes
    codec: str
    """h264 or hevc."""
    codecs: str
    """RFC 6381, for `MediaSource.isTypeSupported`: avc1.64001f,mp4a.40.2."""
    width: int
    height: int
    sound: bool


@dataclass(frozen=True, slots=True)
class Fragment:
    """moof and mdat. Media times are ticks of VIDEO_SCALE."""

    init: Init
    data: bytes
    keyframe: bool
    """Whether playing can begin here."""
    start: int
    """When its first picture is decoded."""
    end: int
    """When what follows is decoded."""
    shown: int
    """When its first picture is shown."""
    time: int
    """UTC µs at which that picture was taken."""
    mono_ns: int
    """When it arrived."""


class LiveMuxer:
    """One stream. `sound=False` leaves sound out."""

    def __init__(self, sound: bool = True) -> None:
        self._wants_sound = sound
        self._sound: StreamFormat | None = None
        """As its packets come."""
        self._video: Track | None = None
        self._audio: Track | None = None
        self._described: tuple[StreamFormat, ...] = ()
        self._init: Init | None = None
        self._known: frozenset[bytes] = frozenset()
        self._run: tuple[Packet, int] | None = None
        """The keyframe a timeline began with, and its media time in 1/100 s."""
        self._last: Packet | None = None
        self._taken: deque[tuple[int, int]] = deque()
        """Wall and monotonic time of each picture that is in no fragment yet."""
        self._heard = 0
        """Media time at which the newest sound ends."""
        self._sound_from = 0
        """Before it lies sound of a timeline that is over."""
        self._held: deque[Packet] | None = deque() if sound else None
        """The first packets, until it is known whether there is sound."""
        self._number = 0
        self.ignored = 0
        """Packets so far that could not be shown."""

    def expect(self, sound: StreamFormat | None) -> None:
        """What sound there is, told before its first packet, so that the first init segment already has it."""
        if self._wants_sound and sound is not None and audio_format(sound) is not None:
            self._sound = sound

    def add(self, packet: Packet) -> list[Fragment]:
        """The fragments that this packet ends: none or one, but two where a stream begins anew, and some at the start."""
        if self._held is None:
            return self._add(packet)
        self._held.append(packet)
        if not self._waited_for_sound(self._held[0], packet):
            return []
        held, self._held = self._held, None
        return [fragment for each in held for fragment in self._add(each)]

    def _waited_for_sound(self, first: Packet, packet: Packet) -> bool:
        """An init segment that has to be replaced at once makes browsers begin anew."""
        if packet.format.kind == "audio":
            self.expect(packet.format)
        span_s = packet.dts * packet.format.time_base - first.dts * first.format.time_base
        return self._sound is not None or not 0 <= span_s < WAIT_S

    def _add(self, packet: Packet) -> list[Fragment]:
        if packet.format.kind == "audio":
            self._hear(packet)
            return []
        made: list[Fragment] = []
        if self._last is None or packet.format is not self._last.format:
            if not starts(packet) or (video := self._understood(packet)) is None:
                self.ignored += 1
                return []
            made = self._rest()
            self._join(packet)
            self._describe(video)
        elif self._is_hole(self._last, packet):
            made = self._rest()
            self._join(packet)
        self._last = packet
        return [*made, *self._see(packet)]

    # -- pictures

    def _understood(self, packet: Packet) -> StreamFormat | None:
        try:
            return video_format(packet.format, packet.data)
        except SourceUnusable:
            return None

    def _is_hole(self, before: Packet, packet: Packet) -> bool:
        usual = self._video.usual / VIDEO_SCALE if self._video else 0
        step_s = (packet.dts - before.dts) * packet.format.time_base
        return step_s < 0 or step_s > max(HOLE_S, 4 * usual)

    def _join(self, packet: Packet) -> None:
        """A new timeline: this picture is decoded right after what was there."""
        end, usual = 0, VIDEO_SCALE // 25
        if self._video is not None:
            end, usual = self._video.now + self._video.usual, self._video.usual
        at = -(-end * LEADS_PER_S // VIDEO_SCALE) + lead_of(packet)
        self._run = packet, at
        self._video, self._audio = Track(VIDEO_SCALE, at, packet, usual), None
        self._sound_from = max(self._heard, end)

    def _describe(self, video: StreamFormat) -> None:
        """At a keyframe: an init segment, unless the last one still says the truth."""
        sound = audio_format(self._sound) if self._sound is not None else None
        formats = (video,) if sound is None else (video, sound)
        if formats != self._described:
            self._described = formats
            self._known = frozenset(parameter_sets(video))
            data = b"".join(movie(formats, 0, 0))
            names = ",".join(map(codec_name, formats))
            self._init = Init(data, video.codec, names, video.width, video.height, sound is not None)

    def _see(self, packet: Packet) -> list[Fragment]:
        track = self._video
        assert track is not None
        parts = picture_parts(packet.format.codec, units(packet.data, length_size(packet.format)), self._known)
        if not parts:
            self.ignored += 1
            return []
        dts, pts = track.place(packet)
        track.push(Sample(parts, sum(map(len, parts)), dts, pts, KEY if packet.keyframe else DELTA))
        made = [self._fragment()] if self._ends(dts, packet.keyframe) else []
        self._taken.append((packet.time, packet.mono_ns))
        if packet.keyframe:
            self._listen(dts)
        return made

    def _ends(self, dts: int, keyframe: bool) -> bool:
        """Whether the fragment is over before the picture that came last, decoded at `dts`."""
        assert self._video is not None
        ready = self._video.ready
        return bool(ready) and (keyframe or dts + self._video.usual - ready[0].dts > FRAGMENT)

    def _rest(self) -> list[Fragment]:
        if self._video is None:
            return []
        self._video.settle()
        if self._audio is not None:
            self._audio.settle()
        return [self._fragment()] if self._video.ready else []

    def _fragment(self) -> Fragment:
        assert self._video is not None
        assert self._init is not None
        video = self._video.take()
        heard = self._audio.take() if self._audio is not None else []
        audio = heard if self._init.sound else []
        self._number += 1
        parts = [part for sample in (*video, *audio) for part in sample.parts]
        data = moof(self._number, video, audio) + box(b"mdat", *parts)
        time, mono_ns = self._taken[0]
        for _ in video:
            self._taken.popleft()
        first, last = video[0], video[-1]
        end = last.dts + last.duration
        return Fragment(self._init, data, first.flags == KEY, first.dts, end, first.pts, time, mono_ns)

    # -- sound

    def _listen(self, now: int) -> None:
        """At a keyframe: is there sound, and does the init segment say so?"""
        assert self._run is not None
        since = max(self._heard, self._run[1] * VIDEO_SCALE // LEADS_PER_S)
        if now - since > SILENT:
            self._sound = None
        self._describe(self._described[0])

    def _hear(self, packet: Packet) -> None:
        made = audio_format(packet.format) if self._wants_sound else None
        data = raw_aac(packet.data)
        if made is None or self._run is None or self._video is None or not data:
            self.ignored += 1
            return
        if self._audio is None or packet.format is not self._sound:
            self._sound = packet.format
            self._audio = Track(made.sample_rate, self._run[1], self._run[0], _AAC_FRAME)
        track = self._audio
        dts, pts = track.place(packet)
        at, end = dts * VIDEO_SCALE // track.scale, (dts + _AAC_FRAME) * VIDEO_SCALE // track.scale
        # What belongs before the first picture, or to a timeline that is over or has not begun, has no place.
        if at < self._sound_from or abs(at - self._video.now) > HOLE_S * VIDEO_SCALE:
            self.ignored += 1
            return
        self._heard = end
        if dts - track.now > track.scale:
            track.settle()
        track.push(Sample([data], len(data), dts, pts, KEY))
