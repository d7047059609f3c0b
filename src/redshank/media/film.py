"""Pictures to a film: recorded packets decoded, chosen by time and encoded again to H.264, in pieces that are joined without loss.

For time-lapses only; everything else that leaves Redshank is copied. Blocks; one thread, and FFmpeg's own for decoding and encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from redshank.errors import SourceUnusable, StoreError
from redshank.media.decode import padded
from redshank.model import Packet

Picture = av.VideoFrame
"""A decoded picture, for those who only hand it on."""
OPTIONS = {"preset": "veryfast", "crf": "23", "bf": "0"}
GOP_S = 2
MAX_WIDTH = 1920


def pictures(packets: Iterable[Packet]) -> Iterator[tuple[int, av.VideoFrame]]:
    """(UTC µs, picture) in order of showing. Packets of sound, and pictures that cannot be decoded, are passed over.

    Raises SourceUnusable when there is no decoder for them.
    """
    context: VideoCodecContext | None = None
    times: dict[int, int] = {}
    for packet in packets:
        if packet.format.kind != "video":
            continue
        if context is None:
            context = _decoder(packet)
        unit = padded(packet.data)
        unit.pts, unit.dts, unit.time_base = packet.pts, packet.dts, packet.format.time_base
        times[packet.pts] = packet.time
        yield from _shown(context, unit, times)
    if context is not None:
        yield from _shown(context, None, times)


def _decoder(packet: Packet) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(packet.format.codec, "r")
    except ValueError as error:
        raise SourceUnusable(f"video codec {packet.format.codec} is not supported") from error
    assert isinstance(context, VideoCodecContext)
    context.extradata = packet.format.extradata
    context.thread_type = "AUTO"
    return context


def _shown(
    context: VideoCodecContext, unit: av.Packet[av.stream.Stream] | None, times: dict[int, int]
) -> Iterator[tuple[int, av.VideoFrame]]:
    try:
        found = context.decode(unit)
    except av.FFmpegError:
        return
    for picture in found:
        if picture.pts is not None and picture.pts in times and not picture.is_corrupt:
            yield times.pop(picture.pts), picture


def chosen(shown: Iterable[tuple[int, av.VideoFrame]], times: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The picture that is to be seen at each of these times, which rise; before the first one there is nothing."""
    waiting = iter(times)
    wanted, last = next(waiting, None), None
    for time, picture in shown:
        while wanted is not None and wanted < time:
            if last is not None:
                yield last
            wanted = next(waiting, None)
        if wanted is None:
            return
        last = picture
    while wanted is not None and last is not None:
        yield last
        wanted = next(waiting, None)


@dataclass(frozen=True, slots=True)
class Look:
    """What the pictures of a film are like."""

    size: tuple[int, int]
    """Pixels, as `fitting` gives them."""
    fps: int
    hidden: NDArray[np.bool_] | None = None
    """(width × height × 3 / 2) bytes of a yuv420p picture of this size, one plane behind the other: those made black."""


def write(path: Path, found: Iterable[av.VideoFrame], look: Look) -> int:
    """A film of these pictures, brought to one size. How many; without any there is no file. Raises StoreError."""
    size, fps = look.size, look.fps
    black = np.repeat(np.array([16, 128], np.uint8), (size[0] * size[1], size[0] * size[1] // 2))
    count = 0
    try:
        with av.open(str(path), "w", format="mp4") as film:
            stream = film.add_stream("libx264", rate=fps, options={**OPTIONS, "g": str(GOP_S * fps)})
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.time_base = Fraction(1, fps)
            for picture in found:
                frame = picture.reformat(*size, "yuv420p")
                if look.hidden is not None:
                    frame = _masked(frame, look.hidden, black)
                frame.pts, frame.time_base, frame.pict_type = count, Fraction(1, fps), PictureType.NONE
                film.mux(stream.encode(frame))
                count += 1
            film.mux(stream.encode(None))
    except (av.FFmpegError, OSError) as error:
        raise StoreError(f"cannot write {path}: {error}") from error
    if not count:
        path.unlink(missing_ok=True)
    return count


def _masked(frame: av.VideoFrame, hidden: NDArray[np.bool_], black: NDArray[np.uint8]) -> av.VideoFrame:
    pixels = frame.to_ndarray()
    shown = np.where(hidden, black, pixels.reshape(-1)).reshape(pixels.shape)
    masked = av.VideoFrame.from_ndarray(shown, "yuv420p")
    masked.color_range, masked.colorspace = frame.color_range, frame.colorspace
    return masked


def fitting(width: int, height: int) -> tuple[int, int]:
    """At most 1920 wide, both even."""
    shrink = min(1.0, MAX_WIDTH / max(1, width))
    return max(2, round(width * shrink) & ~1), max(2, round(height * shrink) & ~1)


def join(films: Sequence[Path], path: Path, fps: int) -> None:
    """One film of several that `write` made with the same size and rate; nothing is encoded again. Raises StoreError."""
    begins = 0
    try:
        with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as whole:
            out: av.VideoStream | None = None
            for one in films:
                with av.open(str(one)) as source:
                    out = out or whole.add_stream_from_template(source.streams.video[0])
                    begins += _append(source, whole, out, Fraction(begins, fps))
    except (av.FFmpegError, OSError) as error:
        raise StoreError(f"cannot write {path}: {error}") from error


def _append(source: InputContainer, whole: OutputContainer, out: av.VideoStream, begins_s: Fraction) -> int:
    """The pictures of one film behind those before it; how many."""
    count = 0
    for packet in source.demux(source.streams.video[0]):
        if packet.dts is None or packet.pts is None or packet.time_base is None:
            continue
        shift = round(begins_s / packet.time_base)
        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, out
        whole.mux(packet)
        count += 1
    return count
