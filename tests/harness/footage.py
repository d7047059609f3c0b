"""Clips made by code: every frame shows its number as a bar code, or a small scripted scene. Nothing is shipped, nothing downloaded.

The bar code is two rows of 22 cells in the top left corner: white, black, 16 bits, 4 bits of checksum; the second row is the first
inverted, so brightness and compression do not matter. A cell is 1/32 of the width, so it is read at any resolution.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from numpy.typing import NDArray

CELLS = 22
NUMBERS = 1 << 16
_MIN_CONTRAST = 40

Luma = NDArray[np.uint8]
Audio = Literal["aac", "pcm_alaw"]
Draw = Callable[[int], Luma]
"""Frame number -> luma (height, width)."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a clip is written. `codec`: libx264 or libx265."""

    width: int = 640
    height: int = 360
    fps: int = 10
    gop_s: float = 1
    bframes: int = 0
    codec: str = "libx264"
    audio: Audio | None = None
    bit_rate: int = 0
    """0 = constant quality."""


def _bits(number: int) -> list[int]:
    check = (number ^ number >> 4 ^ number >> 8 ^ number >> 12) & 0xF
    coded = number << 4 | check
    return [1, 0, *(coded >> shift & 1 for shift in range(19, -1, -1))]


def draw_number(luma: Luma, number: int) -> None:
    """Write the bar code of `number` (0 to 65535) into a picture, in place."""
    cell = luma.shape[1] // 32
    row = np.repeat(np.array(_bits(number), dtype=np.uint8) * 200 + 28, cell)
    luma[:cell, : row.size] = row
    luma[cell : 2 * cell, : row.size] = 255 - row


def read_number(luma: Luma) -> int | None:
    """The number a picture shows; None when there is none or it is damaged."""
    cell = luma.shape[1] / 32
    edge = max(1, int(cell / 4))
    if cell < 4 or luma.shape[0] < 2 * cell:
        return None

    def level(row: int, column: int) -> float:
        y, x = int(row * cell), int(column * cell)
        return float(luma[y + edge : y + int(cell) - edge, x + edge : x + int(cell) - edge].mean())

    contrast = [level(0, column) - level(1, column) for column in range(CELLS)]
    if min(abs(value) for value in contrast) < _MIN_CONTRAST:
        return None
    bits = [int(value > 0) for value in contrast]
    number = int("".join(map(str, bits[2:18])), 2)
    return number if bits == _bits(number) else None


def luma_of(frame: av.VideoFrame) -> Luma:
    """The luma plane of a decoded 8-bit frame, copied: (height, width)."""
    plane = frame.planes[0]
    rows: Luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width].copy()


def numbered_clip(path: Path, seconds: float, encoding: Encoding = Encoding()) -> Path:
    """A clip whose every frame shows its number; a block wanders below so that pictures differ."""

    def draw(number: int) -> Luma:
        luma = np.full((encoding.height, encoding.width), 110, np.uint8)
        draw_number(luma, number)
        side = encoding.height // 6
        x = number * 7 % (encoding.width - side)
        luma[encoding.height // 2 : encoding.height // 2 + side, x : x + side] = 190
        return luma

    return encode(path, draw, round(seconds * encoding.fps), encoding)


@dataclass(frozen=True, slots=True)
class Actor:
    """A textured rectangle that moves on a straight line. Places and sizes are 0–1 of the picture, times in seconds."""

    start: tuple[float, float]
    """Centre at `enters_s`."""
    end: tuple[float, float]
    size: tuple[float, float] = (0.06, 0.3)
    enters_s: float = 0
    leaves_s: float = 1e9
    moves_s: float = 10
    """Seconds from start to end; then it stands still."""


def scene_clip(
    path: Path, seconds: float, actors: tuple[Actor, ...] = (), noise: float = 0, encoding: Encoding = Encoding()
) -> Path:
    """A grey scene with a fixed soft pattern, actors and sensor noise (standard deviation in grey levels). No actors: empty."""
    height, width = encoding.height, encoding.width
    rng = np.random.default_rng(7)
    across, down = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)
    ground = 100 + 25 * np.sin(across / 60)[None, :] + 15 * np.cos(down / 35)[:, None]
    texture = np.asarray(rng.integers(0, 2, (8, 4)) * 130 + 40, np.float64)
    grains = [rng.normal(0, noise, (height, width)) for _ in range(8)] if noise else []

    def draw(number: int) -> Luma:
        picture = ground.copy()
        for actor in actors:
            _draw_actor(picture, actor, number / encoding.fps, texture)
        if grains:
            picture += np.roll(grains[number % 8], number * 13, axis=1)
        luma: Luma = picture.clip(16, 235).astype(np.uint8)
        return luma

    return encode(path, draw, round(seconds * encoding.fps), encoding)


def _draw_actor(picture: NDArray[np.float64], actor: Actor, at_s: float, texture: NDArray[np.float64]) -> None:
    if not actor.enters_s <= at_s < actor.leaves_s:
        return
    part = min(1.0, (at_s - actor.enters_s) / actor.moves_s)
    height, width = picture.shape
    high, wide = max(8, int(actor.size[1] * height)), max(4, int(actor.size[0] * width))
    left = int((actor.start[0] + part * (actor.end[0] - actor.start[0])) * width - wide / 2)
    top = int((actor.start[1] + part * (actor.end[1] - actor.start[1])) * height - high / 2)
    skin = texture[(np.arange(high) * 8 // high)[:, None], (np.arange(wide) * 4 // wide)[None, :]]
    y1, y2, x1, x2 = max(0, top), min(height, top + high), max(0, left), min(width, left + wide)
    if y1 < y2 and x1 < x2:
        picture[y1:y2, x1:x2] = skin[y1 - top : y2 - top, x1 - left : x2 - left]


def encode(path: Path, draw: Draw, frames: int, encoding: Encoding = Encoding()) -> Path:
    """Write `frames` grey pictures; the container follows the suffix (.mp4, .mov for G.711, .mkv). One thread, repeatable."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(encoding.codec, rate=encoding.fps, options=_options(encoding))
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = encoding.width, encoding.height, "yuv420p"
        video.codec_context.thread_count = 1
        if encoding.bit_rate:
            video.bit_rate = encoding.bit_rate
        audio = _add_audio(out, encoding.audio)
        for number in range(frames):
            out.mux(video.encode(_picture(draw(number), number, encoding.fps)))
            if audio is not None:
                for sound in _sound(audio, number, encoding.fps):
                    out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        if audio is not None:
            out.mux(audio.encode(None))
    return path


def _options(encoding: Encoding) -> dict[str, str]:
    gop = str(max(1, round(encoding.gop_s * encoding.fps)))
    if encoding.codec == "libx265":
        params = f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={encoding.bframes}:log-level=none:pools=none:frame-threads=1"
        return {"preset": "ultrafast", "x265-params": params, "crf": "26"}
    options = {"preset": "veryfast", "g": gop, "keyint_min": gop, "sc_threshold": "0", "bf": str(encoding.bframes)}
    return options | {"b_strategy": "0"} | ({} if encoding.bit_rate else {"crf": "26"})


def _picture(luma: Luma, number: int, fps: int) -> av.VideoFrame:
    height, width = luma.shape
    whole = np.full((height * 3 // 2, width), 128, np.uint8)
    whole[:height] = luma
    frame = av.VideoFrame.from_ndarray(whole, format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, fps)
    return frame


def _add_audio(out: av.container.OutputContainer, audio: Audio | None) -> av.AudioStream | None:
    if audio is None:
        return None
    stream = out.add_stream(audio, rate=48000 if audio == "aac" else 8000)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "stereo" if audio == "aac" else "mono"
    return stream


def _sound(stream: av.AudioStream, number: int, fps: int) -> Iterator[av.AudioFrame]:
    """A 440 Hz tone of one video frame's length."""
    rate, channels = stream.rate, stream.channels
    first, last = number * rate // fps, (number + 1) * rate // fps
    wave = (8000 * np.sin(np.arange(first, last) * 2 * np.pi * 440 / rate)).astype(np.int16)
    samples = np.repeat(wave, channels)[None, :]
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
    yield frame


@functools.cache
def session_folder() -> Path:
    """A folder for generated clips, removed when the test run ends."""
    folder = tempfile.mkdtemp(prefix="redshank-footage-")
    atexit.register(shutil.rmtree, folder, True)
    return Path(folder)


def cached_clip(seconds: float = 10, **encoding: Any) -> Path:
    """`numbered_clip` made once per test run; keywords are those of `Encoding`."""
    wanted = replace(Encoding(), **encoding)
    key = hashlib.sha256(repr((seconds, wanted)).encode()).hexdigest()[:16]
    path = session_folder() / f"{key}{'.mov' if wanted.audio == 'pcm_alaw' else '.mp4'}"
    return path if path.exists() else numbered_clip(path, seconds, wanted)
