"""MJPEG parts, cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redshank.errors import SourceUnusable
from redshank.media.multipart import MAX_PICTURE, Multipart, boundary_of

PICTURES = [b"\xff\xd8\xff" + bytes([n]) * n * 40 + b"\r\n--\xff\xd9" for n in range(1, 8)]


def stream(length: bool, boundary: bytes = b"--frame") -> bytes:
    parts = []
    for picture in PICTURES:
        head = b"\r\n" + boundary + b"\r\nContent-Type: image/jpeg\r\n"
        head += b"Content-Length: %d\r\n" % len(picture) if length else b""
        parts.append(head + b"\r\n" + picture)
    return b"".join(parts) + b"\r\n" + boundary + b"--\r\n"


@given(st.lists(st.integers(1, 400), max_size=40), st.booleans())
def test_pictures_come_out_whole_however_the_bytes_are_cut(cuts: list[int], length: bool) -> None:
    data, parser, got = stream(length), Multipart(b"--frame"), []
    for cut in [*cuts, len(data)]:
        got += parser.feed(data[:cut])
        data = data[cut:]
    assert got == PICTURES


@pytest.mark.parametrize(
    ("header", "boundary"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"--frame"),
        ('multipart/x-mixed-replace;boundary="--my frame"', b"--my"),
        ("multipart/x-mixed-replace; boundary=--frame; charset=x", b"--frame"),
    ],
)
def test_the_boundary_is_found_in_every_spelling(header: str, boundary: bytes) -> None:
    assert boundary_of(header) == boundary


def test_a_stream_without_boundary_says_so() -> None:
    with pytest.raises(SourceUnusable, match="names no boundary"):
        boundary_of("multipart/x-mixed-replace")


@pytest.mark.parametrize(
    "flood", [b"\xff" * 65536, b"--frame\r\n" + b"a: b\r\n" * 5000, b"--frame\r\nContent-Length: 99999999\r\n\r\n"]
)
def test_a_flood_is_refused_before_memory_is(flood: bytes) -> None:
    with pytest.raises(SourceUnusable):
        fed(Multipart(b"--frame"), flood)


def fed(parser: Multipart, flood: bytes) -> None:
    for _ in range(MAX_PICTURE // len(flood) + 2):
        parser.feed(flood)
