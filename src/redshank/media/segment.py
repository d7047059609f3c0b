"""Packets to the bytes of one recorded file: fragmented MP4 (ISO/IEC 14496-12 §8.8) that any player opens. Pure; one thread.

    ftyp moov seal | (moof mdat seal)* | mfra          see docs/design/segments.md

Nothing is re-encoded. A fragment is at most 0.5 s, a keyframe always begins one, and each is proven whole by its seal. Media time 0
is when the first picture is decoded; how much later it is shown, at `SegmentHead.start`, is the file's lead, and in its edit lists.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from redshank.clock import US_PER_S
from redshank.media.box import box, full_box, seal
from redshank.media.codec_config import (
    VIDEO_SCALE,
    audio_format,
    picture_parts,
    raw_aac,
    sample_entry,
    setup_of,
    units,
    video_format,
)
from redshank.media.rtp import length_size, parameter_sets
from redshank.model import Packet, StreamFormat

LEADS_PER_S = 100
"""A lead is a multiple of 1/100 s: so files of one camera share it, and their `moov`, however its ticks are rounded."""
FRAGMENT_S = 0.5
MAX_STEP_S = 30
"""Two packets of a track further apart than this, or a second and more back, lie on different timelines: they are put together."""
VERSION = 1
UUID = b"redshank-segment"
"""Of the box with the `SegmentHead`."""
VIDEO, AUDIO = 1, 2
"""Track numbers."""
KEY, DELTA = 0x02000000, 0x01010000
"""Sample flags (§8.8.3.1): depends on nothing; depends on others and is no place to begin."""
SAMPLE = struct.Struct(">IIIi")
"""Duration, size, flags, composition offset."""
FRAGMENT_FLAGS = 0x020002
"""tfhd: offsets count from the moof; it says which sample description."""
RUN_FLAGS = 0x000F01
"""trun: data offset, and all of SAMPLE."""
_AAC_FRAME = 1024
_1904 = 2_082_844_800
_MATRIX = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """Whose footage a file is. Written into it, so that a database can be rebuilt from files alone."""

    site: str
    camera: str
    stream: str
    seq: int
    epoch: int
    volume: str
    start: int
    """UTC µs at which its first picture is shown."""
    mono_ns: int
    boot: str


@dataclass(frozen=True, slots=True)
class Made:
    """One finished fragment, seal included. Times are UTC µs at which its pictures are shown, gapless from one to the next."""

    data: bytes
    start: int
    end: int
    keyframe: bool
    frames: int


@dataclass(slots=True)
class Sample:
    """One picture or sound frame, times in its track's ticks."""

    parts: list[bytes]
    size: int
    dts: int
    pts: int
    flags: int
    duration: int = 0


class Track:
    """Samples of one track, on the file's timeline. The newest waits until the one after it tells how long it lasts."""

    def __init__(self, scale: int, lead: int, first: Packet, usual: int) -> None:
        self.scale = scale
        self.lead = lead_ticks(lead, scale)
        self.usual = usual
        """Ticks of a sample that nothing follows: the last distance."""
        self.waiting: Sample | None = None
        self.ready: list[Sample] = []
        self._format: StreamFormat | None = None
        self._times, self._per = 1, 1
        self._last = -1
        base = first.format.time_base
        self._shift = self.lead - _rounded(first.pts * base.numerator * scale, base.denominator)

    def place(self, packet: Packet) -> tuple[int, int]:
        """dts, which rises from 0, and pts of a packet in this track's ticks."""
        if packet.format is not self._format:
            self._format = packet.format
            base = packet.format.time_base
            self._times, self._per = base.numerator * self.scale, base.denominator
        dts = _rounded(packet.dts * self._times, self._per) + self._shift
        pts = dts + min(max(0, _rounded((packet.pts - packet.dts) * self._times, self._per)), MAX_STEP_S * self.scale)
        if self._last >= 0 and not -self.scale < dts - self._last <= MAX_STEP_S * self.scale:
            move = self._last + self.usual - dts
            self._shift += move
            dts, pts = dts + move, pts + move
        return max(dts, self._last + 1), pts

    @property
    def now(self) -> int:
        """dts of the newest; -1 when nothing was pushed yet."""
        return self._last

    def push(self, sample: Sample) -> None:
        """What waited lasts until this one."""
        self.settle(sample.dts)
        self.waiting, self._last = sample, sample.dts

    def settle(self, dts: int | None = None) -> None:
        """What waits is ready, and lasts until `dts`, or as long as usual."""
        if self.waiting is None:
            return
        step = self.usual if dts is None else dts - self.waiting.dts
        self.usual = self.waiting.duration = min(max(1, step), MAX_STEP_S * self.scale)
        self.ready.append(self.waiting)
        self.waiting = None

    def take(self) -> list[Sample]:
        ready, self.ready = self.ready, []
        return ready


class Muxer:
    """One file. `formats`: video, then audio if there is one; of sound that is not AAC, or not named here, nothing is kept.

    `first`, its first keyframe, is only looked at: `add` it too. Raises SourceUnusable when nothing says how pictures are encoded.
    """

    def __init__(self, head: SegmentHead, formats: Sequence[StreamFormat], first: Packet) -> None:
        video = video_format(first.format, first.data)
        sound = next((f for f in formats if f.kind == "audio"), None)
        audio = audio_format(sound) if sound is not None else None
        lead = lead_of(first)
        self.head = head
        self.formats = (video,) if audio is None else (video, audio)
        self.setup = setup_of(self.formats, lead)
        self.head_bytes = head_of(head, self.formats, lead)
        self._video = Track(VIDEO_SCALE, lead, first, VIDEO_SCALE // 25)
        self._audio = Track(audio.sample_rate, lead, first, _AAC_FRAME) if audio is not None else None
        self._sound = sound
        self._known = frozenset(parameter_sets(video))
        self._prefix: tuple[StreamFormat, int] = (first.format, length_size(first.format))
        self._offset = len(self.head_bytes)
        self._number = 0
        self._keyframes: list[tuple[int, int]] = []
        """Media time and offset of each fragment that begins with one."""
        self.ignored = 0
        """Packets so far of formats the file does not have, and of sound that cannot belong to its pictures."""

    @property
    def index(self) -> bytes:
        """As in `Segment.index`, of the fragments made so far."""
        return index_of(self._keyframes, self._video.lead)

    def add(self, packet: Packet) -> list[Made]:
        """The fragment that this packet ends, if it does."""
        if packet.format.kind == "audio":
            self._hear(packet)
            return []
        codec = self.formats[0].codec
        if packet.format.codec != codec:
            self.ignored += 1
            return []
        if packet.format is not self._prefix[0]:
            self._prefix = (packet.format, length_size(packet.format))
        parts = picture_parts(codec, units(packet.data, self._prefix[1]), self._known)
        if not parts:
            return []
        dts, pts = self._video.place(packet)
        if self._video.now < 0:
            dts, pts = 0, self._video.lead
        flags = KEY if packet.keyframe else DELTA
        self._video.push(Sample(parts, sum(map(len, parts)), dts, max(0, pts), flags))
        return [self._fragment()] if self._ends(dts, packet.keyframe) else []

    def finish(self, end: int | None) -> tuple[list[Made], bytes]:
        """What is left, and the tail of the file. `end`: UTC µs at which what follows is shown, None when nothing does."""
        if end is None:
            self._video.settle()
        else:
            self._video.settle(_rounded((end - self.head.start) * 9, 100))
        if self._audio is not None:
            self._audio.settle()
        made = [self._fragment()] if self._video.ready else []
        return made, tail_of(self._keyframes)

    def _hear(self, packet: Packet) -> None:
        if self._audio is None or packet.format is not self._sound:
            self.ignored += 1
            return
        data = raw_aac(packet.data)
        dts, pts = self._audio.place(packet)
        away = pts * VIDEO_SCALE // self._audio.scale - self._video.now
        if not data or abs(away) > MAX_STEP_S * VIDEO_SCALE:
            self.ignored += 1
            return
        self._audio.push(Sample([data], len(data), dts, pts, KEY))

    def _ends(self, dts: int, keyframe: bool) -> bool:
        """Whether the fragment is over before the picture that came last, decoded at `dts`."""
        ready = self._video.ready
        return bool(ready) and (keyframe or dts + self._video.usual - ready[0].dts > FRAGMENT_S * VIDEO_SCALE)

    def _fragment(self) -> Made:
        video = self._video.take()
        audio = self._audio.take() if self._audio is not None else []
        self._number += 1
        head = moof(self._number, video, audio)
        parts = [part for sample in (*video, *audio) for part in sample.parts]
        whole = [head, struct.pack(">I4s", 8 + sum(map(len, parts)), b"mdat"), *parts]
        data = b"".join([*whole, seal(self._number, whole)])
        first, last = video[0], video[-1]
        keyframe = first.flags == KEY
        shown = first.pts if keyframe else first.dts + self._video.lead
        if keyframe:
            self._keyframes.append((shown, self._offset))
        self._offset += len(data)
        start = self.head.start + micros(shown - self._video.lead)
        return Made(data, start, self.head.start + micros(last.dts + last.duration), keyframe, len(video))


def lead_of(first: Packet) -> int:
    """How much later the first picture is shown than decoded, 1/100 s."""
    since_s = (first.pts - first.dts) * first.format.time_base
    return min(max(0, round(since_s * LEADS_PER_S)), MAX_STEP_S * LEADS_PER_S)


def lead_ticks(lead: int, scale: int) -> int:
    """Media time, in a track's ticks, at which the first picture is shown."""
    return _rounded(lead * scale, LEADS_PER_S)


def micros(ticks: int) -> int:
    """Of the picture track."""
    return _rounded(ticks * 100, 9)


def index_of(keyframes: Sequence[tuple[int, int]], lead: int) -> bytes:
    """`Segment.index` from media times and offsets. `lead`: ticks."""
    return b"".join(struct.pack("<II", max(0, micros(ticks - lead)), offset) for ticks, offset in keyframes)


def tail_of(keyframes: Sequence[tuple[int, int]]) -> bytes:
    """`mfra` (§8.8.9): where players that jump find the keyframes."""
    entries = b"".join(struct.pack(">QQBBB", ticks, offset, 1, 1, 1) for ticks, offset in keyframes)
    table = full_box(b"tfra", 1, 0, struct.pack(">III", VIDEO, 0, len(keyframes)), entries)
    return box(b"mfra", table, full_box(b"mfro", 0, 0, struct.pack(">I", 8 + len(table) + 16)))


def head_of(head: SegmentHead, formats: Sequence[StreamFormat], lead: int) -> bytes:
    """`ftyp moov seal`. `formats` as `video_format` and `audio_format` make them."""
    said = json.dumps({"v": VERSION, **asdict(head)}, separators=(",", ":")).encode()
    created = max(0, head.start // US_PER_S + _1904)
    parts = movie(formats, lead, created, box(b"uuid", UUID, said))
    return b"".join([*parts, seal(0, parts)])


def movie(formats: Sequence[StreamFormat], lead: int, created: int, *more: bytes) -> list[bytes]:
    """`ftyp moov` of a fragmented movie. created: seconds since 1904. more: boxes at the end of the moov."""
    made = struct.pack(">QQ", created, created)
    header = struct.pack(">IQiH10x", 1000, 0, 1 << 16, 1 << 8) + _MATRIX + struct.pack(">24xI", len(formats) + 1)
    tracks = [trak(number, format, made, lead) for number, format in enumerate(formats, VIDEO)]
    extends = [full_box(b"trex", 0, 0, struct.pack(">5I", n + 1, 1, 0, 0, 0)) for n in range(len(formats))]
    return [
        box(b"ftyp", b"iso6", struct.pack(">I", 1), b"iso6", b"iso5", b"mp41"),
        box(b"moov", full_box(b"mvhd", 1, 0, made, header), *tracks, box(b"mvex", *extends), *more),
    ]


def trak(number: int, format: StreamFormat, made: bytes, lead: int) -> bytes:
    """made: `created, changed` as mvhd has them. lead: 1/100 s cut off by its edit list."""
    is_video = format.kind == "video"
    scale = format.time_base.denominator
    place = struct.pack(">IIQ8xhhhH", number, 0, 0, 0, 0, 0 if is_video else 1 << 8, 0)
    header = full_box(b"tkhd", 1, 3, made, place, _MATRIX, struct.pack(">II", format.width << 16, format.height << 16))
    edit = full_box(b"elst", 1, 0, struct.pack(">IQqI", 1, 0, lead_ticks(lead, scale), 1 << 16))
    media = full_box(b"mdhd", 1, 0, made, struct.pack(">IQHH", scale, 0, 0x55C4, 0))
    kind, name = (b"vide", b"Pictures\0") if is_video else (b"soun", b"Sound\0")
    handler = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)
    own = full_box(b"vmhd", 0, 1, bytes(8)) if is_video else full_box(b"smhd", 0, 0, bytes(4))
    here = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    table = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), sample_entry(format)),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    return box(b"trak", header, box(b"edts", edit), box(b"mdia", media, handler, box(b"minf", own, here, table)))


def moof(number: int, video: Sequence[Sample], audio: Sequence[Sample]) -> bytes:
    """The box before the mdat that holds first the pictures, then the sound. number: of the fragment, from 1."""
    header = full_box(b"mfhd", 0, 0, struct.pack(">I", number))
    runs = [(track, samples) for track, samples in ((VIDEO, video), (AUDIO, audio)) if samples]
    data = 8 + len(header) + sum(RUN_OVERHEAD + SAMPLE.size * len(samples) for _, samples in runs) + 8
    boxes = [header]
    for track, samples in runs:
        boxes.append(_traf(track, samples, data))
        data += sum(sample.size for sample in samples)
    return box(b"moof", *boxes)


RUN_OVERHEAD = 8 + 20 + 20 + 20
"""Bytes of a traf beside its samples: traf, tfhd, tfdt and trun."""


def _traf(track: int, samples: Sequence[Sample], data: int) -> bytes:
    """`data`: where its first sample lies, counted from the moof."""
    entries = [SAMPLE.pack(s.duration, s.size, s.flags, s.pts - s.dts) for s in samples]
    return box(
        b"traf",
        full_box(b"tfhd", 0, FRAGMENT_FLAGS, struct.pack(">II", track, 1)),
        full_box(b"tfdt", 1, 0, struct.pack(">Q", samples[0].dts)),
        full_box(b"trun", 1, RUN_FLAGS, struct.pack(">Ii", len(samples), data), *entries),
    )


def _rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
