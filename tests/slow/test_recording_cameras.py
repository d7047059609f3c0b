"""The program records cameras that misbehave, and all kinds of them: `make torture TEST=T14`. Wall time beside each test."""

from __future__ import annotations

import math
import os
import random
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from statistics import median
from threading import Thread

import av
import pytest

from redshank.clock import US_PER_S
from tests.e2e.footage import person_clip, walks_in
from tests.e2e.program import CLOCK, Program, cpu_s, eventually, since_s
from tests.e2e.recording import BLIND, QUICK, config, lost, problem, unsound, until_files, until_recorded
from tests.harness.fake_camera import CameraSettings, FakeCamera
from tests.harness.fault_proxy import FaultProxy
from tests.harness.figures import figure
from tests.harness.footage import cached_clip
from tests.harness.http_camera import HttpCamera
from tests.harness.oracle import stamps_of
from tests.harness.recordings import Recorded
from tests.harness.stamp import Stamp

pytestmark = [pytest.mark.torture, pytest.mark.timeout(7200)]
FPS = 10
OUTAGES = 25
CAMERAS = 8
LONGEST_S = 600
HOURS = 3600


# --- cameras that go and come (T14, T16, T24) ----------------------------------------------------------------------------


def test_outages_of_eight_cameras(tmp_path: Path) -> None:
    """rel:T14. About 45 min."""
    back: dict[str, list[int]] = {f"c{n}": [] for n in range(CAMERAS)}
    with ExitStack() as stack:
        cameras = {name: stack.enter_context(FakeCamera(cached_clip(10))) for name in back}
        with Program(tmp_path, config(cameras)) as program:
            until_recorded(program, cameras)
            CLOCK.wait(5)
            before = held_by(program)
            threads = [Thread(target=outages, args=(cameras[name], name, back[name])) for name in back]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            until_recorded(program, cameras)
            CLOCK.wait(10)
            after = held_by(program)
            starts = program.status["processes"]["capture-0"]["starts"]
            program.stop()
        recorded = Recorded(program.data)
        assert unsound(recorded) == []
        assert [recorded.unaccounted_s(name) for name in cameras] == [0] * CAMERAS
        resumed = sorted(delay for name in back for delay in delays(recorded.stamps(name), back[name]))
    figure(
        "T14",
        f"footage again {median(resumed):.1f} s (median), {max(resumed):.1f} s (max) after the camera is back, n={len(resumed)}; "
        f"descriptors, threads, children {before} before, {after} after",
        f"{CAMERAS} cameras, {OUTAGES} outages each of 1 to {LONGEST_S} s",
    )
    assert starts == 1
    assert len(resumed) == CAMERAS * OUTAGES
    assert median(resumed) <= 3
    assert max(resumed) <= 12
    assert all(abs(a - b) <= 2 for a, b in zip(after, before, strict=True))


def outages(camera: FakeCamera, name: str, back: list[int]) -> None:
    """Closed, reset, hanging, in turn; the lengths log-uniform. `back`: when it was there again, ns."""
    chance = random.Random(name)
    for turn in range(OUTAGES):
        length_s = math.exp(chance.uniform(0, math.log(LONGEST_S)))
        if turn % 3 == 0:
            camera.refuse()
            CLOCK.wait(length_s)
            camera.answer()
        elif turn % 3 == 1:
            camera.reset()
        else:
            camera.faults.stopped = camera.faults.half_open = True
            CLOCK.wait(length_s)
            camera.faults.stopped = camera.faults.half_open = False
        back.append(CLOCK.mono_ns())
        CLOCK.wait(chance.uniform(14, 18))


def delays(stamps: Sequence[Stamp], back: Sequence[int]) -> list[float]:
    """For each return of the camera: seconds until the first picture that is on disk."""
    return [(min(stamp.mono_ns for stamp in stamps if stamp.mono_ns > at) - at) / 1e9 for at in back]


def held_by(program: Program) -> tuple[int, int, int]:
    """Descriptors, threads, processes of all of the program."""
    pids = program.pids()
    files = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
    return files, sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids), len(pids)


def test_the_main_stream_is_dead_and_the_sub_stream_fine(tmp_path: Path) -> None:
    """rel:T16. 25 s."""
    with FakeCamera(cached_clip(10)) as main, FakeCamera(cached_clip(10)) as sub:
        streams = f"streams: {{main: {{url: '{main.url}'}}, sub: {{url: '{sub.url}'}}}}"
        text = config({"yard": main, "sub": sub}, "record: {segment: 4}\n" + BLIND)
        text = text.replace(f"yard: {{url: '{main.url}'}}", f"yard: {{{streams}}}").replace(
            f"  sub: {{url: '{sub.url}'}}\n", ""
        )
        with Program(tmp_path, text) as program:
            until_recorded(program, ["yard"])
            dead = CLOCK.mono_ns()
            main.faults.stopped = main.faults.half_open = True
            told = problem(program, "yard/main: nothing has been recorded", 20)
            told_s = since_s(dead)
            assert program.camera("yard", "sub")["recording"]["recording"]
            assert program.camera("yard", "sub")["recording"]["trouble"] == ""
            program.stop()
    figure("T16", f"told after {told_s:.1f} s", "main stream silent, sub stream fine")
    print(told)
    assert told_s <= 15


def test_four_of_eight_cameras_are_dead(tmp_path: Path) -> None:
    """rel:T24. 25 s."""
    with ExitStack() as stack:
        good = {f"good{n}": stack.enter_context(FakeCamera(cached_clip(10))) for n in range(4)}
        holes = {f"hole{n}": stack.enter_context(FaultProxy(9)) for n in range(4)}
        for hole in holes.values():
            hole.set("black_hole")
        urls = {name: f"rtsp://127.0.0.1:{hole.port}/cam" for name, hole in holes.items()}
        with Program(tmp_path, config({**urls, **good})) as program:
            until_recorded(program, good, 20)
            took_s = since_s(program.started_ns)
            pid, before = program.pid("capture-0"), cpu_s(program.pid("capture-0"))
            CLOCK.wait(10)
            share = (cpu_s(pid) - before) / 10
            program.stop()
        recorded = Recorded(program.data)
        firsts = [recorded.stamps(name)[0].mono_ns for name in good]
    begun_s = (max(firsts) - program.started_ns) / 1e9
    figure(
        "T24",
        f"first recorded picture of the last good camera {begun_s:.1f} s after the command, told after {took_s:.1f} s; capture "
        f"uses {share:.1%} of a core for all 8",
        "4 of 8 cameras are black holes",
    )
    assert begun_s <= 5


# --- streams that are wrong (T18-T20, T22, T23): frame by frame -------------------------------------------------------------


def recorded_while(folder: Path, camera: FakeCamera, seconds: float) -> Recorded:
    """The program records it for so long."""
    with Program(folder, config({"yard": camera})) as program:
        until_recorded(program, ["yard"])
        CLOCK.wait(seconds)
        assert program.status["processes"]["capture-0"]["starts"] == 1
        program.stop()
    assert "Traceback" not in program.said()
    return Recorded(program.data)


@pytest.mark.parametrize(
    ("fault", "share"), [("flip", 0.001), ("flip", 0.01), ("drop", 0.01), ("drop", 0.05), ("reorder", 0.05)]
)
def test_damaged_packets(fault: str, share: float, tmp_path: Path) -> None:
    """rel:T18: every saved file decodes from its first picture on, however many of its later ones are damaged. 20 s each."""
    with FakeCamera(cached_clip(10)) as camera:
        setattr(camera.faults, fault, share)
        recorded = recorded_while(tmp_path, camera, 12)
        starts = [starts_clean(file) for file in recorded.files()]
    assert recorded.disagreements() == []
    assert recorded.unaccounted_s("yard") == 0
    assert starts
    print(f"{fault} {share:.1%}: {len(starts)} files, {sum(starts)} begin with a whole picture")
    assert all(starts) or fault == "flip"  # a flipped bit in a keyframe nobody can know of without decoding


def starts_clean(file: Path) -> bool:
    """Whether its first picture can be decoded."""
    with av.open(str(file)) as opened:
        packet = next(packet for packet in opened.demux(video=0) if packet.size)
        try:
            return bool(packet.is_keyframe) and bool([*packet.decode(), *opened.streams.video[0].decode(None)])
        except av.FFmpegError:
            return False


@pytest.mark.parametrize("seconds", [-HOURS, -5, 5, HOURS, 72 * HOURS])
def test_timestamps_that_jump(seconds: int, tmp_path: Path) -> None:
    """rel:T19: up to a GOP is lost, the timeline stays true to 0.2 s, no file is longer than one may be. 20 s each."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera})) as program:
        until_recorded(program, ["yard"])
        CLOCK.wait(3)
        camera.jump(seconds)
        CLOCK.wait(8)
        assert program.status["processes"]["capture-0"]["starts"] == 1
        program.stop()
        recorded = Recorded(program.data)
        missing = len(lost(camera, recorded, "yard"))
    worst = max(abs(error) for error in errors_s(recorded))
    print(f"jump of {seconds} s: {missing} frames lost, times wrong by {worst:.3f} s at most")
    assert unsound(recorded) == []
    assert missing <= FPS
    assert worst <= 0.2
    assert all(0 < row["end"] - row["start"] <= 10 * US_PER_S for row in recorded.rows())
    assert recorded.unaccounted_s("yard") == 0


def errors_s(recorded: Recorded) -> list[float]:
    """How far the beginning of each file is from when its first picture was sent."""
    rows = {row["path"]: row["start"] for row in recorded.rows()}
    return [
        (rows[str(file.relative_to(recorded.root))] - stamps_of(file)[0].wall_us) / US_PER_S
        for file in recorded.files()
    ]


@pytest.mark.parametrize("again", [False, True])
def test_the_rtp_clock_wraps(again: bool, tmp_path: Path) -> None:
    """rel:T20: also when the camera is connected again just then. 20 s each."""
    settings = CameraSettings(first_time=2**32 - 4 * 90000)
    with FakeCamera(cached_clip(10), settings) as camera, Program(tmp_path, config({"yard": camera})) as program:
        until_recorded(program, ["yard"])
        if again:
            CLOCK.wait(3)
            camera.reset()
        CLOCK.wait(12)
        program.stop()
        recorded = Recorded(program.data)
        missing = len(lost(camera, recorded, "yard"))
    lengths = [round((row["end"] - row["start"]) / US_PER_S, 1) for row in recorded.rows()]
    print(f"{missing} frames lost, files of {lengths} s")
    assert unsound(recorded) == []
    assert missing == 0 if not again else missing <= 2 * FPS
    assert again or all(length >= 4 for length in lengths[:-1])
    assert max(abs(error) for error in errors_s(recorded)) <= 0.2


def test_a_camera_that_delivers_fewer_pictures_than_it_says(tmp_path: Path) -> None:
    """rel:T22. 75 s instead of 10 min."""
    settings = CameraSettings(delivered_fps=Fraction(21))
    with FakeCamera(cached_clip(10, fps=25), settings) as camera:
        recorded = recorded_while(tmp_path, camera, 60)
        missing = len(lost(camera, recorded, "yard"))
    stamps, rows = recorded.stamps("yard"), recorded.rows()
    true_s = (stamps[-1].wall_us - stamps[0].wall_us) / US_PER_S + 1 / 21
    said_s = sum(row["end"] - row["start"] for row in rows) / US_PER_S
    gaps = [gap for gap in recorded.rows("gaps") if gap["start"] > rows[0]["start"] and gap["end"] is not None]
    figure(
        "T22",
        f"{len(gaps)} gaps, length wrong by {abs(said_s / true_s - 1):.2%}",
        "25 pictures a second said, 21 sent, 60 s",
    )
    assert (missing, gaps) == (0, [])
    assert abs(said_s / true_s - 1) <= 0.01
    assert unsound(recorded) == []


def test_resolution_and_codec_parameters_change(tmp_path: Path) -> None:
    """rel:T23. 25 s."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera})) as program:
        until_recorded(program, ["yard"])
        CLOCK.wait(4)
        camera.switch(cached_clip(10, width=320, height=192))
        CLOCK.wait(8)
        assert program.status["processes"]["capture-0"]["starts"] == 1
        program.stop()
        recorded = Recorded(program.data)
    sizes = [size_of(file) for file in recorded.files()]
    at = sizes.index((320, 192))
    assert set(sizes[:at]) == {(640, 360)}
    assert set(sizes[at:]) == {(320, 192)}
    assert unsound(recorded) == []
    assert recorded.unaccounted_s("yard") == 0
    before, after = stamps_of(recorded.files()[at - 1])[-1], stamps_of(recorded.files()[at])[0]
    print(
        f"{(after.mono_ns - before.mono_ns) / 1e9:.2f} s between the last picture of one size and the first of the other"
    )
    assert after.mono_ns - before.mono_ns <= 1.2e9


def size_of(file: Path) -> tuple[int, int]:
    with av.open(str(file)) as opened:
        return opened.streams.video[0].width, opened.streams.video[0].height


# --- our own processes (T43, T44) -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SIGSTOP", "SIGKILL", "SIGSEGV"])
def test_what_happens_to_vision_costs_recording_nothing(how: str, tmp_path: Path) -> None:
    """rel:T43, rel:T44. 40 s each."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera}, QUICK)) as program:
        program.wait_looking("yard")
        until_recorded(program, ["yard"])
        for _ in range(2):
            vision = program.pid("vision-0")
            os.kill(vision, signal.Signals[how])
            eventually(lambda v=vision: program.pid("vision-0") not in (0, v), 16, "a new vision process")  # type: ignore[misc]
            CLOCK.wait(4)
        assert program.status["processes"]["capture-0"]["starts"] == 1
        program.stop()
        missing = len(lost(camera, recorded := Recorded(program.data), "yard"))
    figure(f"T43 {how}", f"{missing} frames lost", "vision stopped or killed twice while recording")
    assert missing == 0
    assert unsound(recorded) == []


# --- modes and kinds --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["motion", "alert"])
def test_only_what_matters_is_kept_with_what_came_before(mode: str, tmp_path: Path) -> None:
    """A yard in which nothing moves until somebody walks in: pre- and post-roll are there, the rest is not. 60 s each."""
    enters_s, length_s = 20.0, 40.0
    clip = person_clip(tmp_path / "yard.mp4", length_s, walks_in(enters_s, leaves_s=26))
    rest = f"record: {{segment: 4, streams: [main], mode: {mode}, pre_capture: 4, post_capture: 3}}\n"
    with FakeCamera(clip) as camera, Program(tmp_path, config({"yard": camera}, rest)) as program:
        program.wait_looking("yard")
        recorded = Recorded(program.data)
        camera.wait_sent(round(length_s * FPS) - 5, 60)
        program.stop()
    stamps = recorded.stamps("yard")
    numbers = [stamp.number for stamp in stamps if stamp.round == 0]
    seen = [number for number in numbers if number >= (enters_s - 6) * FPS]
    print(
        mode,
        "kept",
        [(n, b - a) for n, (a, b) in enumerate(spans(recorded))],
        min(seen, default=None),
        max(seen, default=None),
    )
    assert unsound(recorded) == []
    assert min(seen) <= (enters_s - 3.5) * FPS
    assert set(range(min(seen), max(seen) + 1)) == set(seen)
    assert 26 * FPS <= max(seen) < (length_s - 3) * FPS
    assert not [number for number in numbers if 8 * FPS < number < (enters_s - 6) * FPS]
    assert "idle" in {gap["reason"] for gap in recorded.rows("gaps")}
    assert recorded.unaccounted_s("yard") == 0


def spans(recorded: Recorded) -> list[tuple[float, float]]:
    first = min((row["start"] for row in recorded.rows()), default=0)
    return [((row["start"] - first) / US_PER_S, (row["end"] - first) / US_PER_S) for row in recorded.rows()]


def test_outside_its_schedule_nothing_is_kept(tmp_path: Path) -> None:
    """A schedule that is over by now. 15 s."""
    rest = 'timezone: UTC\nrecord: {segment: 4, streams: [main], schedule: ["mon 03:00-03:01"]}\n' + BLIND
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera}, rest)) as program:
        program.wait_camera("yard")
        CLOCK.wait(8)
        assert program.camera("yard")["recording"]["mode"] == "off"
        assert program.status["problems"] == []
        program.stop()
    recorded = Recorded(program.data)
    assert recorded.files() == []
    *start, now = [(gap["reason"], gap["start"], gap["end"]) for gap in recorded.rows("gaps")]
    assert now[0] == "off"
    assert sum(end - begin for _reason, begin, end in start) < 5 * US_PER_S  # until capture is there


KINDS: Mapping[str, Mapping[str, object]] = {
    "h264 b-frames, aac": {"bframes": 2, "audio": "aac"},
    "h264, pcma": {"audio": "pcm_alaw"},
    "h265, aac": {"codec": "libx265", "audio": "aac"},
    "keyframes every 10 s": {"gop_s": 10},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_cameras(kind: str, tmp_path: Path) -> None:
    """Frame by frame, decoded, with sound. 30 s each."""
    with FakeCamera(cached_clip(20, **KINDS[kind])) as camera, Program(tmp_path, config({"yard": camera})) as program:
        recorded = Recorded(program.data)
        until_files(recorded, 2, within_s=50)
        program.stop()
        missing = lost(camera, recorded, "yard")
    assert missing == ()
    assert unsound(recorded) == []
    assert recorded.unaccounted_s("yard") == 0
    if "audio" in KINDS[kind]:
        assert [error for file in recorded.files() for error in no_sound(file)] == []


def no_sound(file: Path) -> list[str]:
    """What is wrong with its sound: there, decodable, as long as the pictures to half a second."""
    with av.open(str(file)) as opened:
        if not opened.streams.audio:
            return [f"{file.name}: no sound"]
        sound = opened.streams.audio[0]
        length_s = sum(frame.samples / frame.sample_rate for frame in opened.decode(sound))
        pictures = opened.streams.video[0]
        wanted_s = float(pictures.duration * pictures.time_base) if pictures.duration and pictures.time_base else 0.0
    return (
        []
        if abs(length_s - wanted_s) < 0.5
        else [f"{file.name}: {length_s:.1f} s of sound, {wanted_s:.1f} s of pictures"]
    )


def test_an_mjpeg_camera_is_recorded(tmp_path: Path) -> None:
    """25 s."""
    with HttpCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera.mjpeg_url})) as program:
        recorded = Recorded(program.data)
        until_files(recorded, 2, within_s=40)
        program.stop()
    assert unsound(recorded) == []
    assert recorded.unaccounted_s("yard") == 0
