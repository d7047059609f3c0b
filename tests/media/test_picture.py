"""Stills: sizes from headers, and bombs that are never decoded."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from hypothesis import given
from hypothesis import strategies as st

from redshank.clock import SystemClock
from redshank.errors import SourceMissing, SourceUnusable
from redshank.media.picture import picture_file, picture_kind, picture_packet

KINDS = {
    "mjpeg": ("mjpeg", "yuvj420p"),
    "png": ("png", "rgb24"),
    "webp": ("libwebp", "yuv420p"),
    "bmp": ("bmp", "bgr24"),
}


@cache
def picture(kind: str, width: int = 66, height: int = 50) -> bytes:
    """All red."""
    encoder, pix_fmt = KINDS[kind]
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, pix_fmt, Fraction(1, 25)
    red = np.zeros((height, width, 3), np.uint8)
    red[..., 0] = 200
    frame = av.VideoFrame.from_ndarray(red, "rgb24").reformat(format=pix_fmt)
    frame.pts = 0
    return b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_read_with_its_colours(kind: str, tmp_path: Path) -> None:
    frame = picture_file(written(tmp_path / "a.jpg", picture(kind)))
    assert frame.y.shape == (50, 66)
    assert frame.u.shape == (25, 33)
    assert 50 < frame.y[20, 20] < 80
    assert frame.v[10, 10] > 190
    assert frame.full_range is (kind != "webp")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(16, 16), (66, 50), (641, 359)])
def test_kind_and_size_come_from_the_header(kind: str, size: tuple[int, int]) -> None:
    data = picture(kind, size[0] & ~1, size[1] & ~1)
    assert picture_kind(data) == (kind, size[0] & ~1, size[1] & ~1)


def test_a_jpegs_size_is_found_behind_its_thumbnail() -> None:
    """Cameras put a small picture into the head; its size must not be taken for the picture's."""
    thumbnail = (
        b"\xff\xe1" + struct.pack(">H", 2 + 40) + b"Exif\0\0" + b"\xff\xc0\x00\x11\x08\x00\x08\x00\x08" + bytes(25)
    )
    data = picture("mjpeg")
    assert picture_kind(data[:2] + thumbnail + data[2:]) == ("mjpeg", 66, 50)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    data = bytearray(picture("mjpeg"))
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body + bytes(20)


@pytest.mark.parametrize(
    "bomb", [png(60_000, 60_000), png(1, 2**31 - 1), jpeg(65_500, 65_500), webp(16_777_216, 255), png(50_000, 1001)]
)
def test_a_bomb_is_refused_by_its_header(bomb: bytes, tmp_path: Path) -> None:
    """rel:S22: <= 50 ms."""
    path = written(tmp_path / "bomb.png", bomb)
    clock = SystemClock()
    begun_ns = clock.mono_ns()
    with pytest.raises(SourceUnusable, match="megapixels are refused"):
        picture_file(path)
    assert clock.mono_ns() - begun_ns < 50_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_cut_short_is_called_damaged(kind: str, tmp_path: Path) -> None:
    for keep in (12, 20, 30):
        with pytest.raises(SourceUnusable, match=r"a\.png (is damaged|is not)"):
            picture_file(written(tmp_path / "a.png", picture(kind)[:keep]))


def test_what_is_no_picture_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="no such file"):
        picture_file(tmp_path / "none.jpg")
    with pytest.raises(SourceUnusable, match="is empty"):
        picture_file(written(tmp_path / "empty.jpg", b""))
    with pytest.raises(SourceUnusable, match="is not a JPEG"):
        picture_file(written(tmp_path / "text.jpg", b"hello"))
    with pytest.raises(SourceUnusable, match="cannot be read"):
        picture_file(tmp_path)


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", picture("png"))
    assert picture_packet(path, max_pixels=66 * 50).format.width == 66
    with pytest.raises(SourceUnusable, match="66 x 50"):
        picture_packet(path, max_pixels=66 * 50 - 1)


@given(
    st.binary(max_size=100),
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"BM"]),
)
def test_headers_of_noise_never_fail(noise: bytes, start: bytes) -> None:
    picture_kind(start + noise)
