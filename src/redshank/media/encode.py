"""A source without H.264 or H.265 (raw USB, MJPEG, JPEG) encoded to H.264 once, at capture, so that everything behind copies.

libx264 of the PyAV wheel, no look-ahead and no reordering, so each picture comes out as it goes in. Runs on the source's reader
thread; `spent_s` says what it costs, and the log once a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from redshank.clock import NS_PER_S, Clock, cpu_ns
from redshank.errors import SourceUnusable
from redshank.media.decode import padded
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket, Source
from redshank.model import StreamFormat
from redshank.targets import redact

log = logging.getLogger(__name__)

TICKS = 90_000
OPTIONS = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23", "repeat-headers": "1"}
MAX_BROKEN = 50
"""Pictures in a row that cannot be decoded before the source is given up."""
LOG_NS = 60 * NS_PER_S


class Encoded:
    """Wraps a source; its sound passes unchanged. `decoder`: for raw pictures, whose layout only the demuxer knows."""

    def __init__(
        self, source: Source, settings: SourceSettings, clock: Clock, decoder: VideoCodecContext | None = None
    ) -> None:
        self._source = source
        self._settings = settings
        self._clock = clock
        self._begun_ns: int | None = None
        self._logged_ns = clock.mono_ns()
        self._encoder: VideoCodecContext | None = None
        self._decoder = decoder
        self._format = StreamFormat("video", "h264", Fraction(1, TICKS))
        self._last_pts = -1
        self._last_key_s = 0.0
        self.pictures = 0
        self.spent_s = 0.0
        """CPU seconds of decoding and encoding so far."""

    @property
    def formats(self) -> Sequence[StreamFormat]:
        """The picture's size is known with the first packet, whose format is a new object."""
        theirs = self._source.formats
        video = replace(
            self._format, width=self._format.width or theirs[0].width, height=self._format.height or theirs[0].height
        )
        return (video, *theirs[1:])

    def packets(self) -> Iterator[RawPacket]:
        broken = 0
        for raw in self._source.packets():
            if raw.format.kind != "video":
                yield raw
                continue
            before_ns = cpu_ns()
            made = self._pictures(raw)
            self.spent_s += (cpu_ns() - before_ns) / NS_PER_S
            self._log()
            broken = 0 if made else broken + 1
            if broken > MAX_BROKEN:
                raise SourceUnusable(
                    f"the camera's {raw.format.codec} pictures cannot be decoded; choose another format on it"
                )
            yield from made

    def close(self) -> None:
        self._source.close()

    def _log(self) -> None:
        now_ns = self._clock.mono_ns()
        if now_ns - self._logged_ns < LOG_NS:
            return
        self._logged_ns = now_ns
        fields = {"url": redact(self._settings.url), "pictures": self.pictures, "cpu_s": round(self.spent_s, 2)}
        log.info("encoded so far", extra=fields)

    def _pictures(self, raw: RawPacket) -> list[RawPacket]:
        unit = padded(raw.data)
        try:
            return [made for picture in self._decode(raw.format).decode(unit) for made in self._encode(picture)]
        except av.FFmpegError:
            return []

    def _decode(self, format: StreamFormat) -> VideoCodecContext:
        if self._decoder is None:
            context = av.CodecContext.create(format.codec, "r")
            assert isinstance(context, VideoCodecContext)
            context.thread_count = 1
            if format.extradata:
                context.extradata = format.extradata
            self._decoder = context
        return self._decoder

    def _encode(self, picture: av.VideoFrame) -> Iterator[RawPacket]:
        now_ns = self._clock.mono_ns()
        if self._begun_ns is None:
            self._begun_ns = now_ns
        at_s = (now_ns - self._begun_ns) / NS_PER_S
        width, height = picture.width & ~1, picture.height & ~1
        if self._encoder is None or (width, height) != (self._format.width, self._format.height):
            self._open_encoder(width, height)
            self._last_key_s = at_s - self._settings.keyframe_s
        assert self._encoder is not None
        frame = picture.reformat(width, height, "yuv420p")
        frame.pts = self._last_pts = max(self._last_pts + 1, round(at_s * TICKS))
        frame.time_base = self._format.time_base
        key = at_s - self._last_key_s >= self._settings.keyframe_s - 1e-6
        frame.pict_type = PictureType.I if key else PictureType.NONE
        if key:
            self._last_key_s = at_s
        for packet in self._encoder.encode(frame):
            self.pictures += 1
            pts = packet.pts if packet.pts is not None else frame.pts
            yield RawPacket(self._format, pts, pts, 0, packet.is_keyframe, bytes(packet))

    def _open_encoder(self, width: int, height: int) -> None:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = Fraction(1, TICKS)
        context.framerate = Fraction(self._settings.fps or 15).limit_denominator(1000)
        context.thread_count = 1
        # Keyframes are asked for by time; the longest distance in frames is only a backstop.
        context.options = {**OPTIONS, "g": "600", "forced-idr": "1"}
        context.open()
        self._encoder = context
        fps = self._settings.fps
        extradata = bytes(context.extradata or b"")
        self._format = StreamFormat("video", "h264", Fraction(1, TICKS), extradata, width, height, fps)
