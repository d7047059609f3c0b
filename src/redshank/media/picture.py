"""Still pictures: JPEG, PNG, WebP, BMP. Their size is read from the header and held against a limit before anything is decoded.

Pure but for reading the file. Headers: ITU-T T.81 §B.2.2 (JPEG), RFC 2083 §4.1.1 (PNG), RFC 9649 §2.5–2.7 (WebP), BMP's info header.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.decode import Decoder
from redshank.model import Frame, Packet, StreamFormat

MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 1024 * 1024
MOST_PARTS = 2000
"""Of a header; one with more is not gone through to its end."""
_FILL = re.compile(rb"\xff{1,1000}[^\xff]")
"""A marker, with fill bytes before it: T.81 §B.1.1.2 allows any number."""
# Start-of-frame markers; C4, C8 and CC are tables.
SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_file(path: Path, max_pixels: int = MAX_PIXELS) -> Frame:
    """The decoded picture; time 0. Raises SourceMissing or SourceUnusable."""
    frame = Decoder().keyframe(picture_packet(path, max_pixels))
    if frame is None:
        raise SourceUnusable(f"{path} is damaged: it cannot be decoded")
    return frame


def jpeg_frame(data: bytes, time: int) -> Frame | None:
    """A JPEG of our own as a frame of that time; None when it is damaged."""
    format = StreamFormat("video", "mjpeg", Fraction(1, 1_000_000))
    return Decoder().keyframe(Packet("", "", 0, 0, format, time, 0, 0, 0, 0, True, data))


def picture_packet(path: Path, max_pixels: int = MAX_PIXELS) -> Packet:
    """The undecoded file as one keyframe, for the camera pipeline. Raises SourceMissing or SourceUnusable."""
    data = _read(path)
    kind = picture_kind(data)
    if kind is None:
        raise SourceUnusable(f"{path} is not a JPEG, PNG, WebP or BMP picture")
    codec, width, height = kind
    if not width or not height:
        raise SourceUnusable(f"{path} is damaged: its header gives no size")
    if width * height > max_pixels:
        raise SourceUnusable(
            f"{path} has {width} x {height} pixels; pictures above {max_pixels // 1_000_000} megapixels are refused, make it smaller"
        )
    format = StreamFormat("video", codec, Fraction(1, 1_000_000), b"", width, height)
    return Packet(path.stem, "main", 0, 0, format, 0, 0, 0, 0, 0, True, data)


def picture_kind(data: bytes) -> tuple[str, int, int] | None:
    """FFmpeg's codec name, width and height, from the header alone; sizes are 0 when it is cut off; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "mjpeg", *_jpeg_size(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png", int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp", *_webp_size(data)
    if data.startswith(b"BM") and len(data) > 30:
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        return "bmp", abs(width), abs(height)
    return None


def animated(data: bytes) -> bool:
    """Whether a PNG (APNG 1.0, `acTL` before the first `IDAT`) or WebP says that it moves, or hides what it says."""
    if data.startswith(b"RIFF"):
        return data[12:16] == b"VP8X" and len(data) > 20 and bool(data[20] & 0x02)
    at = 8
    for _ in range(MOST_PARTS):
        kind = data[at + 4 : at + 8]
        if kind in (b"IDAT", b"IEND", b"") or data[:1] != b"\x89":
            return False
        if kind == b"acTL":
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return True


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_PARTS):
        run = _FILL.match(data, at)
        if run is None or at + 9 > len(data):
            break
        at = run.end() - 2
        marker = data[at + 1]
        if marker in SOF:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 if marker == 0x01 or 0xD0 <= marker <= 0xD8 else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    chunk = data[12:16]
    if len(data) < 30:
        return 0, 0
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return 0, 0


def _read(path: Path) -> bytes:
    if not path.exists():
        raise SourceMissing(f"no such file: {path}")
    try:
        size = path.stat().st_size
        if size == 0:
            raise SourceUnusable(f"{path} is empty")
        if size > MAX_BYTES:
            raise SourceUnusable(f"{path} has {size >> 20} MiB; pictures above {MAX_BYTES >> 20} MiB are refused")
        return path.read_bytes()
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {error.strerror}") from error
