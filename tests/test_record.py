"""The recorder: what is kept, where files begin and end, what is told. With a clock that tests move and a disk in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import pytest

from redshank.clock import NS_PER_S, US_PER_S
from redshank.media.fanout import Fanout
from redshank.media.segment_read import inspect
from redshank.model import Packet, Segment
from redshank.record_settings import Mode, RecordSettings
from tests.recorder import FPS, Bench, second

YARD = RecordSettings("yard", "main", "v1", boot="boot-1")
MOTION = replace(YARD, mode="motion")
ALERT = replace(YARD, mode="alert")


@dataclass
class Late:
    """A network that keeps packets back."""

    packets: list[Packet]

    def offer(self, packet: Packet) -> None:
        self.packets.append(packet)


def starts(bench: Bench) -> list[float]:
    return [bench.s(row.start) for row in bench.rows()]


def ends(bench: Bench) -> list[float]:
    return [bench.s(row.end) for row in bench.rows()]


def at(bench: Bench, seconds: float) -> int:
    """Wall time so many seconds after the clock's zero; no step of it in between."""
    return bench.clock.now() + round((seconds - bench.clock.mono_ns() / 1e9) * US_PER_S)


# -- files


def test_every_picture_is_in_one_file_and_files_meet() -> None:
    bench = Bench()
    bench.run(95)
    bench.stop()
    assert bench.numbers() == list(range(950))
    rows = bench.rows()
    assert starts(bench) == [0, 30, 60, 90]
    assert all(a.end == b.start for a, b in pairwise(rows))
    assert bench.gaps() == []
    assert sorted(bench.disk.files) == sorted(name for row in rows for name in (row.path, row.path[:-3] + "part"))


def test_a_row_says_whose_footage_it_is() -> None:
    bench = Bench(YARD)
    bench.run(3)
    bench.stop()
    (row,) = bench.rows()
    assert row.path == f"yard/main/2026-01-01/00/00.00-{1 << 20}.mp4"
    assert (row.camera, row.stream, row.volume, row.boot, row.epoch, row.frames) == (
        "yard",
        "main",
        "v1",
        "boot-1",
        1,
        30,
    )
    assert (row.video, row.width, row.height, row.audio) == ("h264", 320, 192, "")


def test_a_file_begins_with_a_keyframe_and_ends_at_the_first_after_its_length() -> None:
    bench = Bench(replace(YARD, segment_s=4))
    bench.yard.gop, bench.yard.number = 25, 7
    bench.run(10)
    bench.stop()
    assert starts(bench) == [1.8, 6.8]
    assert bench.numbers() == list(range(25, 107))


def test_a_keyframe_that_comes_late_costs_nothing() -> None:
    bench = Bench(replace(YARD, segment_s=4))
    bench.yard.gop = 1000
    bench.run(110)
    bench.stop()
    assert starts(bench) == [0, 100]
    assert bench.numbers() == list(range(1100))


def test_without_keyframes_a_file_ends_all_the_same_and_the_rest_is_a_gap() -> None:
    bench = Bench(replace(YARD, segment_s=4))
    bench.yard.gop = 1300
    bench.run(140)
    bench.stop()
    assert starts(bench) == [0, 130]
    assert bench.gaps() == [(120, 130, "corrupt")]
    assert bench.numbers() == [*range(1200), *range(1300, 1400)]


def test_fragments_are_soon_on_the_disk_and_safe_there() -> None:
    """rel:T01, rel:T04: what a kill or a power cut may cost."""
    bench = Bench()
    bench.run(1)
    for _ in range(100):
        bench.run(0.2)
        (part,) = [name for name in bench.disk.files if name.endswith(".part")]
        file = inspect(partial(bench.disk.read, part), len(bench.disk.files[part]))
        safe = inspect(partial(bench.disk.read, part), bench.disk.synced[part])
        now_s = bench.clock.mono_ns() / 1e9
        assert now_s - bench.s(file.end) <= 0.8
        assert now_s - bench.s(safe.end) <= 2.4
    syncs = [call for call in bench.disk.calls if call[0] == "sync"]
    assert len(syncs) >= 20 / 2
    assert bench.disk.calls[:4] == [("create", part), ("append", part), ("sync", part), ("sync_folder", part)]


def test_what_grows_is_told_once_a_second_with_what_lies_on_the_disk() -> None:
    bench = Bench()
    bench.run(10)
    told = bench.told("running")
    assert 9 <= len(told) <= 12
    last = Segment(**{**told[-1], "index": bytes.fromhex(told[-1]["index"])})
    assert last.path.endswith(".part")
    assert last.size <= len(bench.disk.files[last.path])
    assert len(last.index) == 8 * 10
    assert 8.5 <= bench.s(last.end) <= 10


# -- sound


def test_sound_is_kept_from_the_first_file_on() -> None:
    bench = Bench(replace(YARD, segment_s=2))
    bench.yard.sound = True
    bench.run(5)
    bench.stop()
    assert [row.audio for row in bench.rows()] == ["aac", "aac", "aac"]
    sounds = [sum(p.format.kind == "audio" for p in bench.kept(row)) for row in bench.rows()]
    assert sum(sounds) >= 96, sounds


def test_sound_that_comes_later_is_kept_from_the_next_keyframe_on() -> None:
    bench = Bench()
    bench.run(2.5)
    bench.yard.sound = True
    bench.run(2.5)
    bench.stop()
    assert [row.audio for row in bench.rows()] == ["", "aac"]
    assert starts(bench) == [0, 3]
    assert bench.numbers() == list(range(50))


def test_no_sound_reaches_the_disk_where_it_is_switched_off() -> None:
    bench = Bench(replace(YARD, sound=False))
    bench.yard.sound = True
    bench.run(3)
    bench.stop()
    (row,) = bench.rows()
    assert row.audio == ""
    assert not any(packet.format.kind == "audio" for packet in bench.kept(row))


# -- cuts


def test_a_hole_ends_the_file_and_is_a_gap() -> None:
    bench = Bench()
    bench.run(5)
    bench.run(3, sending=False)
    bench.run(5)
    bench.stop()
    assert starts(bench) == [0, 8]
    assert bench.gaps() == [(5, 8, "offline")]
    assert bench.numbers() == list(range(100))


def test_a_pause_shorter_than_a_hole_does_not() -> None:
    bench = Bench()
    bench.run(5)
    bench.run(1.8, sending=False)
    bench.run(5)
    bench.stop()
    assert starts(bench) == [0]
    assert bench.gaps() == []


def test_what_a_slow_network_delivers_late_is_whole() -> None:
    """Nothing comes for five seconds, then all of it, each picture with its own time."""
    bench = Bench()
    bench.run(5.5)
    fanout, late = bench.yard.fanout, Late([])
    bench.yard.fanout = Fanout()
    bench.yard.fanout.attach(late)
    bench.run(5)
    bench.yard.fanout = fanout
    for packet in late.packets:
        fanout.offer(replace(packet, mono_ns=bench.clock.mono_ns()))
    bench.run(5)
    bench.stop()
    assert bench.numbers() == list(range(155))
    assert starts(bench) == [0]


def test_a_camera_that_is_silent_has_its_file_closed_and_the_gap_told() -> None:
    bench = Bench()
    bench.run(5)
    bench.run(10, sending=False)
    assert bench.gaps() == [(5, None, "offline")]
    assert [bench.s(row.end) for row in bench.rows()] == [5]
    bench.run(2)
    bench.stop()
    assert bench.gaps() == [(5, 15, "offline")]
    assert bench.numbers() == list(range(70))


def test_a_camera_that_takes_five_seconds_for_a_picture_is_not_a_row_of_holes() -> None:
    bench = Bench()
    bench.yard.gop = 1
    for _ in range(20):
        bench.yard.tick()
        for _ in range(20):
            bench.run(0.25, sending=False)
    bench.stop()
    assert bench.numbers() == list(range(20))
    assert len(bench.rows()) <= 5
    assert [gap for gap in bench.gaps() if gap[0] > 6] == []


def test_new_parameters_begin_a_new_file_and_nothing_is_lost() -> None:
    """rel:T23."""
    bench = Bench()
    bench.run(5)
    bench.yard.units = second(width=640)
    bench.yard.format = replace(bench.yard.units[0].format)
    bench.run(5)
    bench.stop()
    assert [row.width for row in bench.rows()] == [320, 640]
    assert bench.numbers() == list(range(100))
    first, after = bench.rows()
    assert first.end == after.start
    assert first.setup != after.setup
    assert bench.gaps() == []


def test_a_codec_nobody_can_read_is_a_gap_until_it_can() -> None:
    bench = Bench()
    bench.run(5)
    bench.yard.format = replace(bench.yard.format, codec="mjpeg")
    bench.run(5)
    bench.yard.format = replace(bench.yard.format, codec="h264")
    bench.run(5)
    bench.stop()
    assert starts(bench) == [0, 10]
    assert bench.gaps() == [(5, 10, "corrupt")]


@pytest.mark.parametrize("step_s", [-3600, -1, 1, 86_400])
def test_a_step_of_the_clock_begins_a_new_file_and_overwrites_none(step_s: int) -> None:
    """rel:T30: the reader begins a new timeline with the next keyframe, as here."""
    bench = Bench()
    bench.run(5)
    bench.clock.step(step_s)
    bench.yard.connect()
    bench.run(5)
    bench.stop()
    rows = sorted(bench.rows(), key=lambda row: row.seq)
    assert [number for row in rows for number in bench.pictures(row)] == list(range(100))
    assert len(rows) == 2
    assert rows[1].start - rows[0].start == (5 + step_s) * US_PER_S
    assert rows[1].mono_ns - rows[0].mono_ns == 5_000_000_000
    assert [gap[2] for gap in bench.gaps()] == (["clock"] if step_s > 2 else ["offline"] if step_s > 0 else [])


def test_a_step_inside_one_timeline_ends_the_file_at_the_next_keyframe() -> None:
    bench = Bench()
    bench.run(5)
    bench.clock.step(-100)
    bench.yard.base -= 100 * US_PER_S
    bench.run(5)
    bench.yard.base += 3 * US_PER_S // 10
    bench.run(5)
    bench.stop()
    assert len(bench.rows()) == 2
    assert sorted(bench.numbers()) == list(range(150))


def test_the_same_hour_twice_is_kept_twice() -> None:
    """rel:T29, rel:T31: names are UTC and numbered; wall time set back by an hour meets what it wrote before."""
    bench = Bench(replace(YARD, segment_s=5))
    bench.run(20)
    bench.clock.step(-20)
    bench.yard.connect()
    bench.run(20)
    bench.stop()
    assert sorted(bench.numbers()) == list(range(400))
    assert len(bench.rows()) == 8
    assert len({row.path for row in bench.rows()}) == 8


# -- modes


def test_motion_is_kept_with_what_was_before_and_after_it() -> None:
    bench = Bench(MOTION)
    bench.run(20)
    bench.recorder.keep("yard", at(bench, 18.5), at(bench, 20), False)
    bench.run(20)
    bench.stop()
    assert starts(bench) == [13]
    assert ends(bench) == [25]
    assert bench.numbers() == list(range(130, 250))
    assert bench.gaps() == [(0, 13, "idle"), (25, None, "idle")]


@pytest.mark.parametrize("asked_s", [20.0, 20.1, 20.5, 20.9])
@pytest.mark.parametrize("gop", [5, 10, 33])
def test_a_clip_begins_at_the_keyframe_before_the_time_asked_for(asked_s: float, gop: int) -> None:
    bench = Bench(MOTION)
    bench.yard.gop = gop
    bench.run(21)
    bench.recorder.keep("yard", at(bench, asked_s), at(bench, asked_s), False)
    bench.run(10)
    bench.stop()
    first = bench.numbers()[0]
    assert first == (round((asked_s - 5) * FPS) // gop) * gop
    assert bench.numbers() == list(range(first, bench.numbers()[-1] + 1))
    assert bench.numbers()[-1] >= (asked_s + 5) * FPS - 1


def test_motion_that_goes_on_is_one_clip() -> None:
    bench = Bench(MOTION)
    bench.run(20)
    for _ in range(40):
        bench.recorder.keep("yard", at(bench, 20), bench.clock.now(), False)
        bench.run(1)
    bench.run(20)
    bench.stop()
    assert bench.numbers() == list(range(150, 640))
    assert starts(bench) == [15, 45]
    assert [gap[2] for gap in bench.gaps()] == ["idle", "idle"]


def test_two_moments_are_two_clips() -> None:
    bench = Bench(replace(MOTION, pre_s=1, post_s=1))
    bench.run(10)
    bench.recorder.keep("yard", at(bench, 5.5), at(bench, 5.5), False)
    bench.recorder.keep("yard", at(bench, 9.5), at(bench, 9.5), False)
    bench.run(10)
    bench.stop()
    assert bench.numbers() == [*range(40, 70), *range(80, 110)]
    assert bench.gaps() == [(0, 4, "idle"), (7, 8, "idle"), (11, None, "idle")]


def test_what_is_asked_for_later_and_lay_earlier_is_kept_too() -> None:
    bench = Bench(replace(MOTION, pre_s=1, post_s=1))
    bench.run(10)
    bench.recorder.keep("yard", at(bench, 9.5), at(bench, 15), False)
    bench.run(1)
    bench.recorder.keep("yard", at(bench, 7), at(bench, 7), False)
    bench.run(10)
    bench.stop()
    assert bench.numbers() == list(range(60, 160))
    assert starts(bench) == [6, 8]
    assert ends(bench) == [8, 16]


def test_only_what_is_important_is_kept_in_mode_alert() -> None:
    bench = Bench(ALERT)
    bench.run(20)
    bench.recorder.keep("yard", at(bench, 19), at(bench, 19), False)
    bench.run(20)
    bench.recorder.keep("yard", at(bench, 39), at(bench, 39), True)
    bench.run(20)
    bench.stop()
    assert bench.numbers() == list(range(340, 440))


def test_a_run_larger_than_the_ring_is_not_held() -> None:
    bench = Bench(MOTION)
    bench.yard.gop, bench.yard.data = 100, bytes(1 << 20)
    bench.run(6)
    assert not list(bench.recorder.streams[0]._held.packets())
    bench.yard.data = b""
    bench.run(10)
    bench.recorder.keep("yard", bench.clock.now(), bench.clock.now(), False)
    bench.run(10)
    bench.stop()
    assert bench.numbers()[0] == 100


def test_nothing_is_held_longer_than_the_ring_would() -> None:
    bench = Bench(MOTION)
    bench.run(120)
    held = [run.packets[0].time for run in bench.recorder.streams[0]._held.runs]
    assert bench.clock.now() - held[0] <= 11 * US_PER_S
    assert bench.spool.waiting == 0


def test_a_clock_set_back_neither_fills_the_memory_nor_hides_what_moves() -> None:
    bench = Bench(MOTION)
    bench.run(20.2)
    bench.clock.step(-3600)
    bench.yard.connect()
    bench.run(60)
    held = [run.packets[0].mono_ns for run in bench.recorder.streams[0]._held.runs]
    assert bench.clock.mono_ns() - held[0] <= 11 * NS_PER_S
    bench.recorder.keep("yard", bench.clock.now(), bench.clock.now(), False)
    bench.run(20)
    bench.stop()
    assert bench.numbers() == list(range(750, 860))


def test_a_schedule_switches_recording_off_and_on() -> None:
    bench = Bench()
    bench.run(10.4)
    bench.recorder.set_mode("yard", "off", False)
    bench.run(20)
    bench.recorder.set_mode("yard", "continuous", False)
    bench.run(10)
    bench.stop()
    assert bench.numbers() == [*range(104), *range(310, 404)]
    assert bench.gaps() == [(10.4, 30.4, "off"), (30.4, 31, "off")]


@pytest.mark.parametrize("mode", ["motion", "alert"])
def test_a_schedule_switches_to_less_and_back(mode: Mode) -> None:
    """The run that was begun is finished, and what the ring holds comes along."""
    bench = Bench()
    bench.run(10.4)
    bench.recorder.set_mode("yard", mode, False)
    bench.run(20)
    bench.recorder.set_mode("yard", "continuous", False)
    bench.run(10)
    bench.stop()
    assert bench.numbers() == [*range(110), *range(200, 404)]
    assert bench.gaps() == [(11, 30.4, "idle")], "the store takes what is footage out of it"


def test_a_gap_may_have_a_reason_of_its_own() -> None:
    bench = Bench()
    bench.run(10)
    bench.recorder.set_mode("yard", "off", False, "disk_error")
    bench.run(5)
    assert bench.gaps() == [(10, None, "disk_error")]


def test_a_mode_told_again_changes_nothing() -> None:
    bench = Bench()
    for _ in range(10):
        bench.recorder.set_mode("yard", "continuous", False, "")
        bench.run(1)
    bench.stop()
    assert starts(bench) == [0]
    assert bench.gaps() == []


def test_the_other_camera_records_on() -> None:
    bench = Bench(YARD, replace(YARD, camera="door"))
    bench.run(5)
    bench.recorder.set_mode("yard", "off", False)
    bench.run(5)
    bench.stop()
    assert bench.numbers("door") == list(range(100))


# -- privacy


def test_nothing_of_a_private_time_reaches_the_disk() -> None:
    bench = Bench()
    bench.yard.sound = True
    bench.run(10.4)
    bench.private(True)
    bench.run(20)
    assert bench.yard.fanout.since(0) == []
    bench.private(False)
    bench.run(10)
    bench.stop()
    assert bench.numbers() == [*range(104), *range(310, 404)]
    times = [packet.time for row in bench.rows() for packet in bench.kept(row)]
    assert [t for t in times if at(bench, 10.4) < t < at(bench, 30.4)] == []
    assert bench.gaps() == [(10.4, 30.4, "private"), (30.4, 31, "private")]
    assert bench.yard.fanout.silenced == 3 * 200


def test_privacy_leaves_no_pre_roll_behind() -> None:
    bench = Bench(MOTION)
    bench.run(10)
    bench.yard.fanout.silence(True)
    bench.recorder.set_mode("yard", "motion", True)
    bench.run(2)
    bench.recorder.set_mode("yard", "motion", False)
    bench.yard.fanout.silence(False)
    bench.run(1)
    bench.recorder.keep("yard", at(bench, 12), at(bench, 12), False)
    bench.run(10)
    bench.stop()
    assert bench.numbers()[0] == 120
    assert [gap[2] for gap in bench.gaps()] == ["idle", "private", "idle", "idle"]


def test_a_private_camera_stays_so_when_the_clock_is_set_back() -> None:
    bench = Bench()
    bench.run(5)
    bench.clock.step(-3600)
    bench.private(True)
    bench.run(5)
    assert [row.frames for row in bench.rows()] == [50]
    bench.private(False)
    bench.clock.step(-3600)
    bench.yard.connect()
    bench.run(10)
    bench.stop()
    assert len(bench.numbers()) >= 50 + 45


def test_a_camera_that_does_not_come_back_after_privacy_is_offline() -> None:
    bench = Bench()
    bench.run(5)
    bench.private(True)
    bench.run(5)
    bench.private(False)
    bench.run(10, sending=False)
    assert bench.gaps() == [(5, 10, "private"), (10, None, "offline")]


def test_a_recorder_that_starts_private_records_nothing() -> None:
    bench = Bench(replace(YARD, private=True))
    bench.run(5)
    assert bench.disk.files == {}
    assert bench.gaps() == [(0, None, "private")]


# -- the end


def test_stopping_closes_every_file_and_tells_it() -> None:
    """rel:T03."""
    bench = Bench(YARD, replace(YARD, camera="door"))
    bench.stepping = False
    bench.run(7.3)
    bench.stop()
    assert bench.numbers() == bench.numbers("door") == list(range(73))
    assert bench.recorder.stats()["open"] == 0
    assert bench.spool.waiting == 0


def test_stopping_twice_is_stopping_once() -> None:
    bench = Bench()
    bench.run(2)
    bench.stop()
    bench.stop()
    assert len(bench.rows()) == 1
