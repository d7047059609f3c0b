"""A few seconds of coded pictures made into H.264 that every browser plays. One call, one thread; only ever in the sandbox.

Every call begins with a keyframe and is made with the same settings, so that one head (`h264_format`) serves all chunks of a size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from redshank.errors import SourceUnusable
from redshank.media.codec_config import VIDEO_SCALE, picture_parts, units, video_format
from redshank.media.decode import padded, to_frame
from redshank.model import Frame, Packet, StreamFormat

OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "25", "profile": "main", "level": "4.0", "g": "9999"}
MAX_HEIGHT = 720
BASE = Fraction(1, VIDEO_SCALE)
CODEC_FAILURE = av.FFmpegError
"""What FFmpeg raises, here and in `decode`."""
Cover = Callable[[Frame], Frame]
"""What nobody may see is black in the frame it gives back."""


def fitting(width: int, height: int) -> tuple[int, int]:
    """The size it is made in: no higher than MAX_HEIGHT, even."""
    if height > MAX_HEIGHT:
        width, height = width * MAX_HEIGHT // height, MAX_HEIGHT
    return max(16, width & ~1), max(16, height & ~1)


def h264_format(width: int, height: int) -> StreamFormat:
    """What `transcode` makes of pictures of this size."""
    context = video_encoder(*fitting(width, height))
    declared = StreamFormat("video", "h264", BASE, bytes(context.extradata or b""))
    return video_format(declared, b"")


def transcode(
    packets: Iterable[Packet], format: StreamFormat, cover: Cover | None = None
) -> list[tuple[int, bool, bytes]]:
    """pts, keyframe and data of each picture, in order, as a file of `format` (of `h264_format`) holds them.

    Packets of one format, the first a keyframe; times are ticks of 1/90,000 s. Raises SourceUnusable when nothing could be decoded.
    """
    encoder = video_encoder(format.width, format.height)
    made: list[tuple[int, bool, bytes]] = []
    for picture, packet in _decoded(packets):
        frame = picture.reformat(format.width, format.height, "yuv420p")
        frame = plain(cover(to_frame(frame, packet))) if cover else frame
        frame.pts, frame.time_base = picture.pts, BASE
        frame.pict_type = PictureType.NONE if made else PictureType.I
        made += [unit_of(packet) for packet in encoder.encode(frame)]
    made += [unit_of(packet) for packet in encoder.encode(None)]
    if not made:
        raise SourceUnusable("the footage could not be decoded: it may be damaged")
    return made


def plain(frame: Frame) -> av.VideoFrame:
    """For the encoder."""
    packed = np.concatenate([plane.ravel() for plane in (frame.y, frame.u, frame.v)])
    return av.VideoFrame.from_ndarray(packed.reshape(-1, frame.width), "yuv420p")


def _decoded(packets: Iterable[Packet]) -> Iterator[tuple[av.VideoFrame, Packet]]:
    """In the order they are shown, each with the packet that was decoded last."""
    context: VideoCodecContext | None = None
    packet: Packet | None = None
    for packet in packets:
        if context is None:
            context = video_decoder(packet.format)
        unit = padded(packet.data)
        unit.pts, unit.dts, unit.time_base = packet.pts, packet.dts, BASE
        try:
            pictures = context.decode(unit)
        except av.FFmpegError:
            continue
        yield from ((picture, packet) for picture in pictures)
    if context is not None and packet is not None:
        yield from ((picture, packet) for picture in context.decode(None))


def video_decoder(format: StreamFormat) -> VideoCodecContext:
    context = av.CodecContext.create(format.codec, "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    context.extradata = format.extradata
    return context


def video_encoder(width: int, height: int) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = BASE, Fraction(25)
    context.thread_count = 1
    context.flags |= Flags.global_header
    context.options = dict(OPTIONS)
    context.open()
    return context


def unit_of(packet: av.Packet[av.stream.Stream]) -> tuple[int, bool, bytes]:
    parts = picture_parts("h264", units(bytes(packet), 0), frozenset())
    return packet.pts or 0, packet.is_keyframe, b"".join(parts)
