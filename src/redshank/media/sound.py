"""Sound that browsers cannot play (G.711, G.726, PCM …) encoded to AAC once, at capture, so that everything behind copies.

AAC passes as it is, only without ADTS headers. Sound that cannot be decoded is left out, with one warning; pictures always pass.
Runs on the source's reader thread; `spent_s` says what it costs, and the log once a minute.

Each AAC frame gets the camera's own time of its first sample: samples are counted from there on, a little jitter is evened out, and
what is missing stays missing. FFmpeg's encoder begins one frame before its first sample (its priming); the times account for it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from redshank.clock import NS_PER_S, Clock, cpu_ns
from redshank.media.codec_config import SAMPLE_RATES, adts_config, raw_aac
from redshank.media.decode import padded
from redshank.media.encode import LOG_NS, MAX_BROKEN
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket, Source
from redshank.model import StreamFormat
from redshank.targets import redact

log = logging.getLogger(__name__)

DECODED = frozenset(
    {
        "pcm_alaw", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "pcm_u8", "pcm_s24be", "pcm_s24le", "g726", "g726le", "g722",
        "mp2", "mp2float", "mp3", "mp3float", "opus", "aac_latm",
    }
)  # fmt: skip
"""FFmpeg's decoders we use beside network and logins: what cameras send, and nothing else."""
FRAME = 1024
"""Samples of an AAC frame."""
HOLE_S = 0.03
"""A packet further from where the last one ended did not follow it."""
EVENING = 0.2
"""Part of a smaller difference by which the times move with each packet."""
Samples = NDArray[np.float32]
"""(channels, samples), -1 to 1."""


class Sound:
    """Wraps a source. `change` gets every packet of sound, and gives what comes out for it."""

    def __init__(
        self, source: Source, format: StreamFormat | None, change: Callable[[RawPacket], list[RawPacket]]
    ) -> None:
        self._source = source
        self._format = format
        self._change = change

    @property
    def formats(self) -> Sequence[StreamFormat]:
        video = self._source.formats[0]
        return (video,) if self._format is None else (video, self._format)

    def packets(self) -> Iterator[RawPacket]:
        for raw in self._source.packets():
            if raw.format.kind == "video":
                yield raw
            else:
                yield from self._change(raw)

    def close(self) -> None:
        self._source.close()


def with_playable_sound(
    source: Source, settings: SourceSettings, clock: Clock, decoder: AudioCodecContext | None = None
) -> Source:
    """The source itself when its sound can be kept as it is, or it has none. `decoder`: as the demuxer, if any, has set it up."""
    format = next((f for f in source.formats if f.kind == "audio"), None)
    if format is None or (format.codec == "aac" and format.extradata):
        return source
    if format.codec == "aac":
        return Sound(source, format, Unwrapped().change)
    if format.codec not in DECODED or format.sample_rate <= 0 or format.channels <= 0:
        _warn(settings, format)
        return Sound(source, None, lambda raw: [])
    converted = Converted(format, settings, clock, decoder)
    return Sound(source, converted.format, converted.change)


def _warn(settings: SourceSettings, format: StreamFormat) -> None:
    fields = {"url": redact(settings.url), "codec": format.codec}
    log.warning("sound cannot be decoded and is left out; choose AAC or G.711 on the camera", extra=fields)


class Unwrapped:
    """AAC frames out of their ADTS headers. The header of each says what the format must be; a new one is a new format."""

    def __init__(self) -> None:
        self._format: StreamFormat | None = None

    def change(self, raw: RawPacket) -> list[RawPacket]:
        data = raw_aac(raw.data)
        config = adts_config(raw.data)
        if not data or (config is None and self._format is None):
            return []
        if config is not None and (self._format is None or config != self._format.extradata):
            old = raw.format
            self._format = StreamFormat(
                "audio", "aac", old.time_base, config, sample_rate=old.sample_rate, channels=old.channels
            )
        assert self._format is not None
        return [RawPacket(self._format, raw.pts, raw.dts, raw.duration, raw.keyframe, data)]


class Converted:
    """Decoder, resampler and encoder of one connection. One thread."""

    def __init__(
        self, format: StreamFormat, settings: SourceSettings, clock: Clock, decoder: AudioCodecContext | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._decoder: AudioCodecContext | None = decoder or _decoder(format)
        self._rate = next((rate for rate in reversed(SAMPLE_RATES) if rate >= format.sample_rate), SAMPLE_RATES[0])
        self._layout = "mono" if format.channels == 1 else "stereo"
        self._resampler: av.AudioResampler | None = None
        self._shape: tuple[str, str, int] | None = None
        """Of the frames the resampler is for."""
        self._encoder = _encoder(self._rate, self._layout)
        extradata = bytes(self._encoder.extradata or b"")
        channels = 1 if self._layout == "mono" else 2
        base = Fraction(1, self._rate)
        self.format = StreamFormat("audio", "aac", base, extradata, sample_rate=self._rate, channels=channels)
        self._waiting: Samples = np.zeros((channels, 0), np.float32)
        """Fewer than a frame."""
        self._begin_s: float | None = None
        """When the first of them was heard, on the camera's clock; None as long as it has not said."""
        self._times: deque[float | None] = deque()
        """Of the frames the encoder holds."""
        self._count = 0
        self._broken = 0
        self._logged_ns = clock.mono_ns()
        self.spent_s = 0.0
        """CPU seconds of decoding and encoding so far."""

    def change(self, raw: RawPacket) -> list[RawPacket]:
        """None or more AAC frames. After MAX_BROKEN packets in a row that cannot be decoded, there is no sound any more."""
        if self._decoder is None:
            return []
        before_ns = cpu_ns()
        try:
            pieces = [self._resampled(frame) for frame in self._decoder.decode(padded(raw.data))]
        except (av.FFmpegError, ValueError):
            pieces = []
        self._broken = 0 if pieces else self._broken + 1
        if self._broken > MAX_BROKEN:
            self._decoder = None
            _warn(self._settings, raw.format)
        made = self._follow(raw, pieces)
        self.spent_s += (cpu_ns() - before_ns) / NS_PER_S
        self._log()
        return made

    def _follow(self, raw: RawPacket, pieces: list[Samples]) -> list[RawPacket]:
        ticks = raw.dts if raw.pts is None else raw.pts
        at_s = None if ticks is None else float(ticks * raw.format.time_base)
        made: list[RawPacket] = []
        for piece in pieces:
            made += self._hole(at_s)
            self._waiting = np.concatenate((self._waiting, piece), axis=1)
            made += self._frames()
            at_s = None
        return made

    def _hole(self, at_s: float | None) -> list[RawPacket]:
        """Compare a packet's own time with where the last one ended. Across a hole a frame that has begun is filled up with silence."""
        if at_s is None:
            return []
        held = self._waiting.shape[1]
        if self._begin_s is None:
            self._begin_s = at_s - held / self._rate
            return []
        away_s = at_s - (self._begin_s + held / self._rate)
        if abs(away_s) <= HOLE_S:
            self._begin_s += away_s * EVENING
            return []
        made: list[RawPacket] = []
        if held and away_s > 0:
            silent = min(round(away_s * self._rate), FRAME - held)
            self._waiting = np.pad(self._waiting, ((0, 0), (0, silent)))
            made = self._frames()
        elif held:
            self._waiting = self._waiting[:, :0]
        self._begin_s = at_s - self._waiting.shape[1] / self._rate
        return made

    def _frames(self) -> list[RawPacket]:
        """Encode every whole frame that waits."""
        made: list[RawPacket] = []
        while self._waiting.shape[1] >= FRAME:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(self._waiting[:, :FRAME]), "fltp", self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._count * FRAME, self.format.time_base
            self._waiting = self._waiting[:, FRAME:]
            if not self._count:
                # What the encoder gives first is its priming: the frame before.
                self._times.append(None if self._begin_s is None else self._begin_s - FRAME / self._rate)
            self._count += 1
            self._times.append(self._begin_s)
            if self._begin_s is not None:
                self._begin_s += FRAME / self._rate
            for packet in self._encoder.encode(frame):
                at_s = self._times.popleft()
                pts = None if at_s is None else round(at_s * self._rate)
                made.append(RawPacket(self.format, pts, pts, FRAME, True, bytes(packet)))
        return made

    def _resampled(self, frame: av.AudioFrame) -> Samples:
        """A decoded frame at our rate and layout. Its sample positions are counted by us."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or shape != self._shape:
            self._resampler, self._shape = av.AudioResampler("fltp", self._layout, self._rate), shape
        frame.pts = None
        parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
        empty = np.zeros((self.format.channels, 0), np.float32)
        return np.concatenate([empty, *parts], axis=1).astype(np.float32, copy=False)

    def _log(self) -> None:
        now_ns = self._clock.mono_ns()
        if now_ns - self._logged_ns >= LOG_NS:
            self._logged_ns = now_ns
            fields = {"url": redact(self._settings.url), "seconds": self._count * FRAME // self._rate}
            log.info("sound encoded so far", extra={**fields, "cpu_s": round(self.spent_s, 2)})


def _decoder(format: StreamFormat) -> AudioCodecContext:
    context = av.CodecContext.create(format.codec, "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = format.sample_rate
    context.layout = "mono" if format.channels == 1 else "stereo"
    if format.codec.startswith("g726"):
        # 32 kbit/s, the only rate with a static RTP payload type; a demuxer that knows better sets up the decoder itself.
        context.options = {"bits_per_coded_sample": "4"}
    if format.extradata:
        context.extradata = format.extradata
    context.thread_count = 1
    return context


def _encoder(rate: int, layout: str) -> AudioCodecContext:
    context = av.CodecContext.create("aac", "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout, context.format = rate, layout, "fltp"
    context.time_base = Fraction(1, rate)
    # Speech of cameras: 4 bits a sample and channel are more than the sources have to say.
    context.bit_rate = min(96_000, 4 * rate) * (1 if layout == "mono" else 2)
    context.thread_count = 1
    context.open()
    return context
