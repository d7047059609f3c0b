"""What every source promises, on every source there is: the contract of media/source.py."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from redshank.errors import RedshankError
from redshank.media.connect import open_source
from redshank.media.rpicam import CsiSource
from redshank.media.settings import SourceSettings
from redshank.media.source import RawPacket, Source
from redshank.targets import Targets
from tests.fakes import ScriptedSource, video_packets
from tests.harness.clocks import FakeClock
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.http_camera import HttpCamera


@dataclass
class Place:
    """Where sources of one kind come from."""

    open: Callable[[], Source]
    stop: Callable[[], None]
    """Makes the source fall silent without ending it; what it does for a file is nothing."""


def clip() -> Path:
    return cached_clip(2, fps=100, gop_s=0.1)


@contextmanager
def rtsp() -> Iterator[Place]:
    with FakeCamera(clip()) as camera:
        targets = Targets([f"127.0.0.1:{camera.port}"])
        yield Place(
            lambda: open_source(SourceSettings(camera.url), targets, 5), lambda: setattr(camera.faults, "stopped", True)
        )


@contextmanager
def http(name: str, **fields: float) -> Iterator[Place]:
    with HttpCamera(clip()) as camera:
        targets = Targets([f"127.0.0.1:{camera.port}"])
        settings = SourceSettings(getattr(camera, name), **fields)  # type: ignore[arg-type]
        yield Place(lambda: open_source(settings, targets, 5), lambda: setattr(camera.faults, "stopped", True))


@contextmanager
def file() -> Iterator[Place]:
    settings = SourceSettings(str(clip()))
    yield Place(lambda: open_source(settings, Targets(), 5, FakeClock(autojump=True)), lambda: None)


@contextmanager
def csi() -> Iterator[Place]:
    """A stand-in for rpicam-vid: FFmpeg's H.264 of the clip, written slowly enough to be stopped."""
    code = (
        "import av, io, sys, threading\n"
        "c = av.open(sys.argv[1]); b = io.BytesIO(); o = av.open(b, 'w', format='h264')\n"
        "s = o.add_stream_from_template(c.streams.video[0])\n"
        "for p in c.demux(video=0):\n"
        "    if p.size: p.stream = s; o.mux(p)\n"
        "o.close(); sys.stdout.buffer.write(b.getvalue()); sys.stdout.flush(); threading.Event().wait()\n"
    )
    settings = SourceSettings("csi:0", width=640, height=360)
    yield Place(lambda: CsiSource([sys.executable, "-c", code, str(clip())], settings), lambda: None)


@contextmanager
def scripted() -> Iterator[Place]:
    def make() -> Source:
        source = ScriptedSource(video_packets(60))
        source.add(source.hang)
        return source

    yield Place(make, lambda: None)


PLACES = {
    "rtsp": rtsp,
    "flv": lambda: http("flv_url"),
    "mjpeg": lambda: http("mjpeg_url"),
    "jpeg": lambda: http("snapshot_url", interval_s=0.01),
    "file": file,
    "csi": csi,
    "scripted": scripted,
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with PLACES[request.param]() as made:
        yield made


def taken(source: Source, count: int) -> list[RawPacket]:
    return [packet for packet, _ in zip(source.packets(), range(count), strict=False)]


def test_what_it_gives_belongs_to_its_formats_in_order_with_keyframes_where_they_must_be(place: Place) -> None:
    with closing(place.open()) as source:
        first = source.formats[0]
        packets = taken(source, 30)
    assert (first.kind, first.codec) == ("video", "h264")
    assert first.time_base > 0
    assert len(packets) == 30
    assert all(packet.data and packet.format.kind in ("video", "audio") for packet in packets)
    video = [packet for packet in packets if packet.format.kind == "video"]
    assert any(packet.keyframe for packet in video)
    known = video[0].format
    for packet in video:
        # A new format object means new parameters, which begin with a keyframe.
        assert packet.format is known or packet.keyframe
        known = packet.format
    times = [packet.dts for packet in video if packet.dts is not None]
    assert times == sorted(set(times))


def test_closing_is_harmless_at_any_time_and_ends_the_packets(place: Place) -> None:
    source = place.open()
    packets = source.packets()
    next(packets)
    source.close()
    source.close()
    assert sum(1 for _ in packets) < 30
    unread = place.open()
    unread.close()
    unread.close()


@pytest.mark.parametrize("silent", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_another_thread_may_close_while_packets_are_awaited(place: Place, silent: bool) -> None:
    """A read that is blocked because nothing comes ends soon: at the latest when FFmpeg's time is up (6.5 s)."""
    source = place.open()
    begun = threading.Event()
    errors: list[RedshankError] = []

    def read() -> None:
        try:
            for _ in source.packets():
                begun.set()
        except RedshankError as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(10)
    if silent:
        place.stop()
    source.close()
    thread.join(8)
    assert not thread.is_alive()
    assert errors == []


def test_it_can_be_opened_again_and_again(place: Place) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            source = stack.enter_context(closing(place.open()))
            assert taken(source, 2)
