"""Chunks of footage that a browser cannot play, made into H.264 in the studio, one by one as they are asked for: nothing is stored and
nothing remembered, so a viewer who jumps costs what he looks at. Sound is copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from redshank.clock import US_PER_S
from redshank.media.codec_config import VIDEO_SCALE
from redshank.media.segment import AUDIO, DELTA, KEY, VIDEO
from redshank.model import Segment, StreamFormat
from redshank.pipe import Note
from redshank.playback.coded import Coded, coded
from redshank.playback.fragment import Run, Sample, cut, fragments, make, runs
from redshank.playback.header import Head, Timing, make_head
from redshank.playback.hls import Part
from redshank.playback.stretch import moved, scaled

EARLY_US = 2 * US_PER_S
"""Where a movie's line has its start: the picture shown then began before."""
Sound = tuple[list[Sample], list[bytes]]


@dataclass(frozen=True, slots=True)
class Transcode:
    """A chunk on its way."""

    part: Part
    pictures: Coded
    sound: Sound


def of_movie(part: Part, segment: Segment, start: int, number: int) -> Part:
    """The same chunk as the `number`th of a movie that is shown from `start` on. Raises Damaged."""
    place = replace(part.place, number=number, begins=segment.start - start + EARLY_US, shown=EARLY_US)
    head = part.place.head
    starts = {track: head.leads[track] + scaled(start - segment.start, head.scale(track)) for track in head.formats}
    return Part(cut(part.data, starts, {}) if number == 0 else part.data, place)


def begin(part: Part) -> Transcode:
    """What has to be decoded of a chunk, and what is copied. Raises Damaged."""
    pictures = coded(part.data, part.place.head.formats[VIDEO])
    samples: list[Sample] = []
    data: list[bytes] = []
    for moof, end in fragments(part.data):
        for run in runs(part.data, moof, end):
            if run.track == AUDIO:
                samples += run.samples
                data += [part.data[moof + s.data_at : moof + s.data_at + s.size] for s in run.samples]
    return Transcode(part, pictures, (samples, data))


def finish(work: Transcode, answer: Note) -> bytes:
    """The fragment to send, of what the studio made."""
    told = answer.header["samples"]
    last = max((pts + duration for pts, _dts, duration, _key, _size in work.pictures.samples), default=0)
    ends = [pts for pts, _key, _size in told[1:]] + [last]
    samples: list[Sample] = []
    data: list[bytes] = []
    at = 0
    for (pts, key, size), end in zip(told, ends, strict=True):
        samples.append(Sample(pts, pts, max(1, end - pts), size, KEY if key else DELTA, 0))
        data.append(answer.body[at : at + size])
        at += size
    tracks: Sequence[tuple[Run, list[bytes]]] = [
        (Run(VIDEO, tuple(samples)), data),
        (Run(AUDIO, tuple(work.sound[0])), work.sound[1]),
    ]
    return moved(make(1, tracks, {VIDEO: 1, AUDIO: 1}), work.part.place.change)


def formats(head: Head, answer: Mapping[str, Any]) -> dict[int, list[StreamFormat]]:
    """By track: what chunks hold that were made of a file with this head."""
    width, height = answer["size"]
    video = StreamFormat("video", "h264", Fraction(1, VIDEO_SCALE), bytes.fromhex(answer["avcc"]), width, height)
    sound = {AUDIO: [head.formats[AUDIO]]} if AUDIO in head.formats else {}
    return {VIDEO: [video], **sound}


def ask_format(head: Head) -> dict[str, Any]:
    """The studio's job: only say what it would make."""
    return Coded(head.formats[VIDEO], (), b"").header()


def init(head: Head, answer: Mapping[str, Any], timing: Timing) -> bytes:
    """The head of the chunks."""
    return make_head(formats(head, answer), timing)


def named(codecs: str) -> str:
    """What a browser is asked instead: H.264 main profile, level 4.0 (media/transcode.py), and the same sound."""
    _video, comma, sound = codecs.partition(",")
    return f"avc1.4d4028{comma}{sound}"
