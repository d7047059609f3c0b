"""Packets to frames. One thread owns a `Decoder`; in a running system it lives in the vision process, never beside the network.

The planes of a `Frame` are views of the decoder's own buffers, which FFmpeg keeps alive as long as somebody holds them: nothing is
copied and no colour is converted. Only other pixel layouts (4:2:2, RGB, 10 bit) are brought to 8-bit 4:2:0 first.
"""

from __future__ import annotations

from collections import OrderedDict

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from redshank.errors import SourceUnusable
from redshank.model import Frame, Packet, StreamFormat

# One thread: frame threads would add as many frames of delay, and the cores belong to the other cameras (design §4).
# Without the loop filter and with `fast` a frame costs about half; the loss is invisible to a detector.
OPTIONS = {"skip_loop_filter": "all", "flags2": "+fast"}
JPEG_RANGE = 2
"""AVCOL_RANGE_JPEG: luma 0–255."""
MAX_PENDING = 64
"""Packets that may wait in the decoder for their turn (H.264 and H.265 reorder at most 16)."""


class Decoder:
    """Follows one stream, formats included. Starts at a keyframe; whatever comes before one is skipped and counted.

    Every method raises SourceUnusable when FFmpeg has no decoder for the stream's codec.
    """

    def __init__(self) -> None:
        self._format: StreamFormat | None = None
        self._context: VideoCodecContext | None = None
        self._pending: OrderedDict[int, Packet] = OrderedDict()
        self._synced = False
        self.skipped = 0
        """Packets given before a keyframe made them decodable."""
        self.broken = 0
        """Packets the decoder refused, and damaged pictures not handed on."""

    def decode(self, packet: Packet) -> list[Frame]:
        """Frames that are now complete, in the order of presentation: none, one, or a few. Packets of sound give none."""
        if packet.format.kind != "video":
            return []
        frames: list[Frame] = []
        if packet.format is not self._format:
            frames = self.flush()
            self._follow(packet.format)
        if not (self._synced or packet.keyframe):
            self.skipped += 1
            return frames
        self._synced = True
        return frames + self._send(packet)

    def flush(self) -> list[Frame]:
        """What the decoder still holds back; it starts again at the next keyframe."""
        if self._context is None or not self._synced:
            return []
        frames = self._send(None)
        self.reset()
        return frames

    def reset(self) -> None:
        """Forget everything, as after a jump; the next keyframe starts anew."""
        self._synced = False
        self._pending.clear()
        if self._context is not None and self._context.is_open:
            self._context.flush_buffers()

    def keyframe(self, packet: Packet) -> Frame | None:
        """This keyframe alone, or None when it cannot be decoded.

        Where the stream has no reordering `decode` may go on with the next packet; else it waits for a keyframe (give it this
        one again to catch up).
        """
        self.reset()
        frames = self.decode(packet) or self.flush()
        return frames[-1] if frames else None

    def _follow(self, format: StreamFormat) -> None:
        self._format = format
        self._synced = False
        self._pending.clear()
        try:
            context = av.CodecContext.create(format.codec, "r")
        except ValueError as error:
            raise SourceUnusable(
                f"video codec {format.codec} is not supported; set the camera to H.264 or H.265"
            ) from error
        if not isinstance(context, VideoCodecContext):
            raise SourceUnusable(f"{format.codec} is not a video codec")
        context.thread_count = 1
        context.options = dict(OPTIONS)
        if format.extradata:
            context.extradata = format.extradata
        self._context = context

    def _send(self, packet: Packet | None) -> list[Frame]:
        assert self._context is not None
        unit: av.Packet[av.stream.Stream] | None = None
        if packet is not None:
            unit = padded(packet.data)
            unit.pts, unit.dts, unit.time_base = packet.pts, packet.dts, packet.format.time_base
            self._pending[packet.pts] = packet
            if len(self._pending) > MAX_PENDING:
                self._pending.popitem(last=False)
        try:
            pictures = self._context.decode(unit)
        except av.FFmpegError:
            # The decoder conceals what it can of the pictures that follow: going on sees more than waiting for a keyframe.
            self.broken += 1
            return []
        return [frame for picture in pictures if (frame := self._frame(picture, packet)) is not None]

    def _frame(self, picture: av.VideoFrame, packet: Packet | None) -> Frame | None:
        own = self._pending.pop(picture.pts, packet) if picture.pts is not None else packet
        if picture.is_corrupt or own is None:
            self.broken += 1
            return None
        return to_frame(picture, own)


def padded(data: bytes) -> av.Packet[av.stream.Stream]:
    """A packet in FFmpeg's own memory, with the zeroed bytes behind it that its bit readers may read."""
    unit: av.Packet[av.stream.Stream] = av.Packet(len(data))
    unit.update(data)
    return unit


def to_frame(picture: av.VideoFrame, packet: Packet) -> Frame:
    """A decoded picture with the identity of its packet."""
    if picture.format.name not in ("yuv420p", "yuvj420p"):
        # Full range stays full range; what has no luma of its own (RGB) becomes full range.
        full = picture.format.name.startswith("yuvj") or not picture.format.name.startswith("yuv")
        picture = picture.reformat(format="yuvj420p" if full else "yuv420p")
    y, u, v = picture.planes[:3]
    return Frame(
        packet.camera,
        packet.stream,
        packet.epoch,
        packet.seq,
        packet.time,
        packet.mono_ns,
        packet.pts,
        packet.keyframe,
        _view(y),
        _view(u),
        _view(v),
        picture.format.name == "yuvj420p" or picture.color_range == JPEG_RANGE,
    )


def _view(plane: VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    view: NDArray[np.uint8] = rows[: plane.height, : plane.width]
    view.flags.writeable = False
    return view
