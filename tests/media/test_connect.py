"""From what a user writes to the right source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from redshank.errors import SourceError, SourceUnusable, TargetRefused
from redshank.media.connect import file_path, open_source, opener, scheme_of, tls_verified
from redshank.media.settings import SourceSettings
from redshank.targets import Targets
from tests.harness.footage import cached_clip


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("rtsp://cam/1", "rtsp"), ("RTSPS://cam/1", "rtsps"), ("http://cam/x.jpg", "http"), ("usb:0", "usb"),
        ("v4l2:/dev/video0", "v4l2"), ("csi:0", "csi"), ("file:///a/b.mp4", "file"), ("/a/b.mp4", "file"), ("clips/a:b.mp4", "file"),
        ("clip.mp4", "file"),
    ],
)  # fmt: skip
def test_the_scheme_chooses(url: str, scheme: str) -> None:
    assert scheme_of(url) == scheme


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("clip.mp4", "clip.mp4"),
        ("file:a b.mp4", "a b.mp4"),
        ("file:///clips/a%20b.mp4", "/clips/a b.mp4"),
        ("/x/y.mp4", "/x/y.mp4"),
    ],
)
def test_files_are_found_by_path_or_url(url: str, path: str) -> None:
    assert file_path(url) == Path(path)


def test_whether_a_certificate_is_checked_is_told() -> None:
    assert tls_verified(SourceSettings("rtsp://cam/")) is None
    assert tls_verified(SourceSettings("rtsps://cam/")) is True
    assert tls_verified(SourceSettings("https://cam/", tls_verify=False)) is False


def test_an_opener_opens_again_and_again() -> None:
    again = opener(SourceSettings(str(cached_clip(2))), Targets())
    for _ in range(2):
        source = again(5)
        assert source.formats[0].codec == "h264"
        source.close()


@pytest.mark.parametrize(
    "url",
    [
        "exec:touch /tmp/x", "concat:a|b", "pipe:0", "data:video/mp4;base64,AAAA", "subfile,,start,0,end,0,,:/etc/passwd",
        "lavfi:testsrc",
        "ftp://127.0.0.1/x", "rtmp://127.0.0.1/x", "tcp://127.0.0.1:1", "crypto:/etc/passwd", "hls+http://127.0.0.1/x.m3u8", "gopher://x",
        "rtsp://", "rtsp://127.0.0.1:99999/x", "http://[::1/x", "-i /etc/passwd", "rtsp://-oProxy/x", "", "file:", "csi:`id`",
        "v4l2:-x", "usb:$(id)", "rtsp://a b/c", "http://169.254.169.254/latest/meta-data",
    ],
)  # fmt: skip
def test_nothing_else_is_ever_opened(url: str) -> None:
    """rel:S05 S08: whatever a user writes is a known kind of source or one clear line."""
    with pytest.raises((SourceError, TargetRefused)) as caught:
        open_source(SourceSettings(url), Targets(), 1)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def clip_of(path: Path, encoder: str, pix_fmt: str = "yuv420p") -> Path:
    """Ten grey pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(encoder, rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 100, np.uint8), "rgb24").reformat(format=pix_fmt)
        for n in range(10):
            grey.pts, grey.time_base = n, Fraction(1, 10)
            out.mux(stream.encode(grey))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("encoder", "codec"), [("mpeg4", "mpeg4"), ("libvpx", "vp8")])
def test_a_codec_we_would_have_to_decode_beside_the_network_is_refused(
    encoder: str, codec: str, tmp_path: Path
) -> None:
    """Only pictures of cameras that have nothing better are decoded in the capture process."""
    path = clip_of(tmp_path / "clip.mkv", encoder)
    with pytest.raises(
        SourceUnusable, match=f"clip.mkv: video codec {codec} is not supported; set the camera to H.264"
    ):
        open_source(SourceSettings(str(path)), Targets(), 5)


def test_mjpeg_is_encoded(tmp_path: Path) -> None:
    path = clip_of(tmp_path / "clip.avi", "mjpeg", "yuvj420p")
    source = open_source(SourceSettings(str(path), loop=False, paced=False), Targets(), 5)
    assert len(list(source.packets())) == 10
    assert source.formats[0].codec == "h264"


def test_a_password_is_not_in_the_settings_repr() -> None:
    assert "geheim" not in repr(SourceSettings("rtsp://cam/", user="a", password="geheim"))
