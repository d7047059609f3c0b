"""A camera's AAC made into Opus, which is what WebRTC speaks. One thread at a time.

Opus packets last 20 ms (RFC 6716 §2.1.4); their times are those of the AAC they come from, in ticks of 1/48,000 s (RFC 7587 §4.1).
"""

from __future__ import annotations

from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext

from redshank.errors import SourceUnusable
from redshank.media.codec_config import audio_format, raw_aac
from redshank.media.decode import padded
from redshank.model import StreamFormat

RATE = 48_000
BASE = Fraction(1, RATE)
FRAME = 960
"""Samples of a packet."""
OPTIONS = {"application": "audio"}
BIT_RATE = 64_000
HOLE = RATE // 10
"""Samples; a packet further from where the last one ended did not follow it."""


class Opus:
    """Of one format. Raises SourceUnusable for anything but AAC."""

    def __init__(self, format: StreamFormat) -> None:
        form = audio_format(format)
        if form is None:
            raise SourceUnusable(f"sound in {format.codec} is not made into Opus")
        self._decoder = _audio(av.CodecContext.create("aac", "r"))
        self._decoder.extradata = form.extradata
        self._encoder = _audio(av.CodecContext.create("libopus", "w"))
        self._encoder.sample_rate, self._encoder.bit_rate, self._encoder.time_base = RATE, BIT_RATE, BASE
        self._encoder.format, self._encoder.layout = av.AudioFormat("s16"), av.AudioLayout("stereo")
        self._encoder.options = dict(OPTIONS)
        self._resampler = av.AudioResampler("s16", "stereo", RATE, FRAME)
        self._next: int | None = None

    def take(self, data: bytes, time: int) -> list[tuple[int, bytes]]:
        """Ticks and data of the Opus packets that are ready now. time: ticks of the AAC packet's first sample."""
        if self._next is None or abs(time - self._next) > HOLE:
            self._next = time
        made: list[tuple[int, bytes]] = []
        try:
            for frame in self._decoder.decode(padded(raw_aac(data))):
                frame.pts = None
                for piece in self._resampler.resample(frame):
                    piece.pts = None
                    for packet in self._encoder.encode(piece):
                        made.append((self._next, bytes(packet)))
                        self._next += FRAME
        except av.FFmpegError:
            return made
        return made


def _audio(context: object) -> AudioCodecContext:
    assert isinstance(context, AudioCodecContext)
    return context
