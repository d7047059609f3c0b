"""MJPEG, JPEG and FLV over HTTP, through the reader."""

from __future__ import annotations

from itertools import pairwise

import pytest

from redshank.clock import US_PER_S
from redshank.errors import SourceDenied, SourceError, SourceMissing, SourceUnusable, TargetRefused
from redshank.media.connect import open_source
from redshank.media.multipart import MAX_PICTURE
from redshank.media.settings import SourceSettings
from redshank.model import CameraStatus
from redshank.targets import Targets
from tests.harness.footage import cached_clip
from tests.harness.http_camera import HttpCamera, HttpFaults, HttpSettings
from tests.media.watch import watching

ODD = "p@:/#ss%? ü"


def test_mjpeg_is_encoded_once_and_every_picture_is_there() -> None:
    with HttpCamera(cached_clip(10)) as camera, watching(camera.mjpeg_url, [camera.port]) as watch:
        watch.until_packets(25)
        assert (watch.reader.state.codec, watch.reader.state.width, watch.reader.state.height) == ("h264", 640, 360)
    numbers = [n for n in watch.numbers() if n is not None]
    assert len(numbers) >= 25
    assert numbers == [(numbers[0] + n) % 100 for n in range(len(numbers))]
    keys = [p.time for p in watch.video if p.keyframe]
    assert all(1 * US_PER_S <= b - a <= 2.3 * US_PER_S for a, b in pairwise(keys))
    assert all(0.05 * US_PER_S < b.time - a.time < 0.2 * US_PER_S for a, b in pairwise(watch.video))


def test_mjpeg_without_lengths_works_too() -> None:
    faults = HttpFaults(missing_length=True)
    with HttpCamera(cached_clip(10), faults=faults) as camera, watching(camera.mjpeg_url, [camera.port]) as watch:
        watch.until_packets(8)
    assert None not in watch.numbers()


def test_a_jpeg_address_is_polled_at_its_interval() -> None:
    with HttpCamera(cached_clip(10)) as camera:
        settings = SourceSettings(camera.snapshot_url, interval_s=0.3)
        with watching(settings, [camera.port]) as watch:
            watch.until_packets(7)
    assert all(0.2 * US_PER_S < b.time - a.time < 0.4 * US_PER_S for a, b in pairwise(watch.video[1:]))
    assert None not in watch.numbers()


def test_flv_is_copied() -> None:
    with HttpCamera(cached_clip(2, fps=50, gop_s=0.2)) as camera, watching(camera.flv_url, [camera.port]) as watch:
        watch.until_packets(30)
        assert watch.reader.state.codec == "h264"
    numbers = [n for n in watch.numbers() if n is not None]
    assert numbers == [(numbers[0] + n) % 100 for n in range(len(numbers))]


@pytest.mark.parametrize("login", ["basic", "digest"])
@pytest.mark.parametrize("kind", ["mjpeg_url", "snapshot_url", "flv_url"])
def test_logins_of_both_kinds_with_any_password(login: str, kind: str) -> None:
    with HttpCamera(cached_clip(2, fps=50, gop_s=0.2), HttpSettings("admin", ODD, login)) as camera:
        with_login: str = getattr(camera, kind)
        plain = with_login.replace(with_login[7 : with_login.rindex("@") + 1], "")
        targets = Targets([f"127.0.0.1:{camera.port}"])
        for settings in (SourceSettings(with_login), SourceSettings(plain, user="admin", password=ODD)):
            source = open_source(settings, targets, 5)
            assert source.formats[0].codec == "h264"
            source.close()
        for settings in (SourceSettings(plain), SourceSettings(plain, user="admin", password="wrong")):
            with pytest.raises(SourceDenied, match="refuses the login; check user name and password") as caught:
                open_source(settings, targets, 5)
            assert ODD not in str(caught.value)


def test_each_thing_that_can_be_wrong_has_its_own_line() -> None:
    with HttpCamera(cached_clip(2, fps=50, gop_s=0.2)) as camera:
        port = camera.port
        targets = Targets([f"127.0.0.1:{port}"])
        base = f"http://127.0.0.1:{port}"

        def opened(path: str, **fields: str) -> None:
            open_source(SourceSettings(base + path, **fields), targets, 2).close()  # type: ignore[arg-type]

        with pytest.raises(SourceMissing, match="has no such picture; check the path"):
            opened("/nothing.jpg")
        with pytest.raises(SourceMissing, match="has no such stream; check the path"):
            opened("/nothing.flv")
        with pytest.raises(TargetRefused):
            open_source(SourceSettings(base + "/mjpeg"), Targets(), 2)
        camera.faults.status = 503
        with pytest.raises(SourceError, match="HTTP status 503"):
            opened("/mjpeg")
        camera.faults.status = 302
        with pytest.raises(SourceUnusable, match="redirects to"):
            opened("/mjpeg")
        camera.faults.status = 0
        camera.faults.body = b"<html>hello</html>"
        with pytest.raises(SourceUnusable, match="does not answer with a JPEG"):
            opened("/snapshot.jpg")
        camera.faults.body = b"\xff\xd8\xff" + bytes(MAX_PICTURE)
        with pytest.raises(SourceUnusable, match="a picture above 16 MiB"):
            opened("/snapshot.jpg")
    with pytest.raises(SourceMissing, match="refuses the connection"):
        opened("/mjpeg")


def test_closing_ends_a_read_that_waits() -> None:
    with HttpCamera(cached_clip(2, fps=50, gop_s=0.2)) as camera:
        targets = Targets([f"127.0.0.1:{camera.port}"])
        for url in (camera.mjpeg_url, camera.snapshot_url):
            source = open_source(SourceSettings(url, interval_s=0.1), targets, 5)
            packets = source.packets()
            next(packets)
            source.close()
            source.close()
            assert sum(1 for _ in packets) <= 3


def test_a_camera_that_stops_sending_pictures_comes_back() -> None:
    with HttpCamera(cached_clip(10)) as camera, watching(camera.mjpeg_url, [camera.port]) as watch:
        watch.until_packets(3)
        camera.reset()
        watch.until_status(CameraStatus.OFFLINE)
        watch.until_status(CameraStatus.ONLINE)
        watch.until_packets(3)
        assert watch.reader.state.connects == 2
