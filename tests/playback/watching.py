"""What a viewer sees of a movie or a playlist: decoded by another program's code, picture numbers read from the pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urljoin

import av

from tests.harness.footage import luma_of, read_number

SLACK_S = 0.002


@dataclass(frozen=True, slots=True)
class Seen:
    """The pictures of a movie that are shown, edit list and length obeyed."""

    numbers: list[int | None]
    times: list[float]
    """Seconds since showing began; the first may be below zero: it was shown already."""
    duration_s: float
    """As the player's time line says."""
    codec: str
    tag: str
    sound_s: float
    """Seconds of sound, decoded."""


def watch(data: bytes, length_s: float) -> Seen:
    """Play a file whose length is said to be `length_s`."""
    with av.open(io.BytesIO(data), "r") as file:
        video = file.streams.video[0]
        assert video.time_base is not None
        duration_s = float((video.duration or 0) * video.time_base)
        frames = [
            (float(f.pts * video.time_base), read_number(luma_of(f))) for f in file.decode(video) if f.pts is not None
        ]
        codec, tag = video.codec_context.name, video.codec_tag
    frames.sort(key=lambda frame: frame[0])
    begin = max((n for n, (time, _number) in enumerate(frames) if time <= SLACK_S), default=0)
    shown = [frame for frame in frames[begin:] if frame[0] < length_s - SLACK_S]
    return Seen([n for _t, n in shown], [t for t, _n in shown], duration_s, codec, tag, _sound_s(data))


def _sound_s(data: bytes) -> float:
    with av.open(io.BytesIO(data), "r") as file:
        if not file.streams.audio:
            return 0.0
        stream = file.streams.audio[0]
        return sum(int(frame.samples) for frame in file.decode(stream)) / stream.rate


Get = Callable[[str], bytes]
"""The body behind an address."""


@dataclass(frozen=True, slots=True)
class Played:
    """A playlist played to its end."""

    numbers: list[int | None]
    durations: list[float]
    """Of each EXTINF."""
    measured: list[float]
    """How long each chunk's pictures really last: to the next chunk's first picture."""
    discontinuities: int
    text: str


def play(address: str, get: Get) -> Played:
    """Every chunk, each with its own head, as a player appends them."""
    text = get(address).decode()
    head = b""
    numbers: list[int | None] = []
    starts: list[float] = []
    durations: list[float] = []
    for line in text.splitlines():
        if line.startswith("#EXT-X-MAP"):
            head = get(urljoin(address, line.split('"')[1]))
        elif line.startswith("#EXTINF:"):
            durations.append(float(line[8:].rstrip(",")))
        elif line and not line.startswith("#"):
            with av.open(io.BytesIO(head + get(urljoin(address, line))), "r") as file:
                video = file.streams.video[0]
                assert video.time_base is not None
                frames = [(float((f.pts or 0) * video.time_base), read_number(luma_of(f))) for f in file.decode(video)]
            starts.append(min(time for time, _number in frames))
            numbers += [number for _time, number in frames]
    measured = [after - before for before, after in pairwise(starts)]
    return Played(numbers, durations, measured, text.count("#EXT-X-DISCONTINUITY\n"), text)
