"""Cameras whose times are wrong, recorded: from a scripted source through the real reader and stamper into files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from redshank.clock import NS_PER_S, US_PER_S
from redshank.errors import SourceMissing
from redshank.media.fanout import Fanout
from redshank.media.reader import StreamReader, StreamSettings, Stuck
from redshank.media.source import RawPacket
from redshank.model import CameraStatus
from redshank.record_settings import RecordSettings
from tests.fakes import ScriptedOpener, ScriptedSource, Step, later, without_dts
from tests.harness.clocks import FakeClock
from tests.harness.stamp import Stamp, add_stamp
from tests.recorder import FPS, Bench, second

TICKS = 90_000
VIDEO = replace(second()[0].format, time_base=Fraction(1, TICKS))
Edit = Callable[[RawPacket], RawPacket]


def pictures(count: int, fps: float = FPS, first: int = 0, gop: int = 10) -> list[RawPacket]:
    """Numbered pictures on a right clock. They say when they were taken; when they come is up to `record`."""
    made = []
    for number in range(first, first + count):
        unit = second()[0 if number % gop == 0 else max(1, number % 10)]
        ticks = round(number * TICKS / fps)
        raw = replace(unit, format=VIDEO, pts=ticks, dts=ticks, duration=0)
        made.append(add_stamp(raw, Stamp(0, number, 0, 0)))
    return made


def after(count: int, edit: Edit, packets: Sequence[RawPacket]) -> list[RawPacket]:
    return [*packets[:count], *map(edit, packets[count:])]


def record(*connections: Sequence[RawPacket], fps: float = FPS) -> Bench:
    """Each a connection of its own, all but the last broken off; a packet comes every 1/fps s."""
    bench = Bench(RecordSettings("yard", "main", "v1", sound=False))
    bench.clock = clock = FakeClock(autojump=True)
    for stream in bench.recorder.streams:
        stream._means = replace(stream._means, clock=clock)
    fanout = Fanout()
    fanout.attach(bench.spool.sink("yard", "main"))

    def pass_on() -> None:
        clock.advance(1 / fps)
        bench.recorder.step()

    def script(packets: Sequence[RawPacket]) -> list[Step]:
        return [step for packet in packets for step in (packet, pass_on)]

    broken = [ScriptedSource([*script(packets), SourceMissing("gone")]) for packets in connections[:-1]]
    settings = StreamSettings("yard", "main", 1, ends=True)
    opener = ScriptedOpener(*broken, ScriptedSource(script(connections[-1])))
    reader = StreamReader(settings, opener, fanout, clock, lambda state: None, Stuck(lambda: None), lambda: 0.0)
    reader.start()
    life = reader._life
    assert life is not None
    assert life.thread is not None
    life.thread.join(50)
    assert reader.state.status is CameraStatus.ENDED
    bench.stop()
    return bench


def off_by(bench: Bench, fps: float = FPS) -> float:
    """The largest error of a recorded picture's time, s. Picture n was taken n/fps s after the clock's zero."""
    zero = bench.clock.now() - bench.clock.mono_ns() // 1000
    worst = 0.0
    for row in bench.rows():
        for number, packet in zip(bench.pictures(row), bench.kept(row), strict=True):
            worst = max(worst, abs(packet.time - zero - number * US_PER_S / fps) / US_PER_S)
    return worst


JUMPS = {"-1 h": -3600, "-5 s": -5, "+5 s": 5, "+1 h": 3600, "+3 d": 3 * 86_400}


@pytest.mark.parametrize("jump_s", JUMPS.values(), ids=JUMPS)
@pytest.mark.parametrize("at", [150, 157])
def test_a_jump_of_the_cameras_clock_does_not_show_in_the_footage(jump_s: int, at: int) -> None:
    """rel:T19."""
    bench = record(after(at, later(jump_s), pictures(700)))
    assert bench.numbers() == list(range(700))
    assert off_by(bench) <= 0.2
    assert len(bench.rows()) <= 4
    assert max(row.end - row.start for row in bench.rows()) <= 31 * US_PER_S
    assert bench.gaps() == []


def same_as(other: RawPacket) -> Edit:
    return lambda packet: replace(packet, pts=other.pts, dts=other.dts)


@pytest.mark.parametrize("what", ["missing", "equal"])
def test_times_that_are_missing_or_equal_do_not_show_either(what: str) -> None:
    """rel:T19."""
    packets = pictures(400)
    edit = without_dts if what == "missing" else same_as(packets[149])
    bench = record([*packets[:150], *map(edit, packets[150:160]), *packets[160:]])
    assert bench.numbers() == list(range(400))
    assert off_by(bench) <= 0.2
    assert bench.gaps() == []


def wrapping(packet: RawPacket) -> RawPacket:
    """RTP's 32 bits, five seconds before they are used up."""
    ticks = ((packet.pts or 0) + (1 << 32) - 5 * TICKS) % (1 << 32)
    return replace(packet, pts=ticks, dts=ticks)


def test_a_wrap_of_rtp_time_neither_cuts_nor_loses() -> None:
    """rel:T20."""
    bench = record([wrapping(packet) for packet in pictures(290)])
    assert bench.numbers() == list(range(290))
    assert len(bench.rows()) == 1
    assert off_by(bench) <= 0.05


def test_a_wrap_in_the_moment_of_a_reconnect_costs_only_the_reconnect() -> None:
    """rel:T20."""
    away = 10  # pictures: the first wait before connecting again is a second
    bench = record(
        [wrapping(packet) for packet in pictures(50)], [wrapping(packet) for packet in pictures(200, first=50 + away)]
    )
    assert bench.numbers() == [*range(50), *range(60, 260)]
    assert len(bench.rows()) == 2
    assert [gap[2] for gap in bench.gaps()] == ["offline"]


def test_a_camera_that_claims_25_and_delivers_21_pictures_leaves_no_gaps() -> None:
    """rel:T22: ten minutes."""
    bench = record(pictures(12_600, fps=25), fps=21)
    assert bench.numbers() == list(range(12_600))
    assert bench.gaps() == []
    shown_s = sum(row.end - row.start for row in bench.rows()) / US_PER_S
    assert shown_s == pytest.approx(600, rel=0.01)
    assert off_by(bench, fps=21) <= 0.5


@pytest.mark.parametrize("ppm", [-500, 500])
def test_a_camera_whose_clock_drifts_stays_on_time(ppm: int) -> None:
    """rel:T21: an hour here, the day in the slow tests."""
    drifts(3600, ppm)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("ppm", [-500, 500])
def test_a_camera_whose_clock_drifts_for_a_day_stays_on_time(ppm: int) -> None:
    """rel:T21. 12 s each."""
    drifts(86_400, ppm)


def drifts(seconds: int, ppm: int) -> None:
    """One picture a second."""
    packets = pictures(seconds, fps=1 + ppm / 1e6, gop=5)
    bench = record(packets, fps=1)
    rows = bench.rows()
    assert sum(row.frames for row in rows) == len(packets)
    assert bench.gaps() == []
    assert max(abs(b.start - a.end) for a, b in pairwise(rows)) <= US_PER_S // 20
    ends_s = (rows[-1].end - bench.clock.now()) / US_PER_S
    assert abs(ends_s) <= 0.5
    assert bench.clock.mono_ns() >= len(packets) * NS_PER_S
