"""Packets of a live stream made into H.264 that every browser plays, as they come. One thread; only ever in the sandbox.

No picture is held back: what comes out has no B-frames, and a keyframe at the start, every KEY_S and where the source's parameters
change. `transcode` does the same to a few seconds of a file.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from redshank.clock import US_PER_S
from redshank.media.codec_config import VIDEO_SCALE, video_format
from redshank.media.decode import padded, to_frame
from redshank.media.fanout import starts
from redshank.media.transcode import BASE, Cover, fitting, plain, unit_of, video_decoder, video_encoder
from redshank.model import Packet, StreamFormat

KEY_S = 2.0
MOST_WAITING = 64
"""Packets that may wait in a decoder for their turn (H.264 and H.265 reorder at most 16)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One picture as a file of `format` (avcC) holds it. pts: 1/90,000 s of the source's own time; time: its wall time."""

    format: StreamFormat
    pts: int
    time: int
    keyframe: bool
    data: bytes


class Relay:
    """Takes a stream's packets in order."""

    def __init__(self) -> None:
        self._source: StreamFormat | None = None
        self._decoder: VideoCodecContext | None = None
        self._encoder: VideoCodecContext | None = None
        self._format = StreamFormat("video", "h264", BASE)
        self._waiting: OrderedDict[int, Packet] = OrderedDict()
        self._keyed = 0
        self._last = -1

    def take(self, packet: Packet, cover: Cover | None = None) -> list[Unit]:
        """Pictures that are ready now, masked. Raises what FFmpeg raises for parameters that make no sense."""
        if packet.format is not self._source:
            self._source, self._decoder = packet.format, None
        if self._decoder is None:
            if not starts(packet):
                return []
            self._decoder = video_decoder(packet.format)
            self._waiting.clear()
        unit = padded(packet.data)
        unit.pts, unit.dts, unit.time_base = packet.pts, packet.dts, packet.format.time_base
        self._waiting[packet.pts] = packet
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        try:
            pictures = self._decoder.decode(unit)
        except av.FFmpegError:
            return []
        return [made for picture in pictures for made in self._made(picture, cover)]

    def _made(self, picture: av.VideoFrame, cover: Cover | None) -> list[Unit]:
        own = self._waiting.pop(picture.pts, None) if picture.pts is not None else None
        if own is None or picture.is_corrupt:
            return []
        pts = round(own.pts * own.format.time_base / BASE)
        size = fitting(picture.width, picture.height)
        if self._encoder is None or size != (self._encoder.width, self._encoder.height) or pts <= self._last:
            self._restart(size)
        assert self._encoder is not None
        frame = picture.reformat(*size, "yuv420p")
        if cover is not None:
            frame = plain(cover(to_frame(frame, own)))
        frame.pts, frame.time_base = pts, BASE
        key = self._last < 0 or abs(own.time - self._keyed) >= KEY_S * US_PER_S
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._last = pts
        if key:
            self._keyed = own.time
        made = [unit_of(packet) for packet in self._encoder.encode(frame)]
        return [Unit(self._format, at, own.time, keyframe, data) for at, keyframe, data in made]

    def _restart(self, size: tuple[int, int]) -> None:
        self._encoder = video_encoder(*size)
        declared = StreamFormat("video", "h264", Fraction(1, VIDEO_SCALE), bytes(self._encoder.extradata or b""))
        self._format = video_format(declared, b"")
        self._last = -1
