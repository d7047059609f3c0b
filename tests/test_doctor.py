"""The doctor: each thing that can be wrong with a camera or a machine has its own line and its own advice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from redshank.clock import SystemClock
from redshank.doctor import Check, camera_checks, capacity, disk, machine, ms_per_picture, set_clock
from redshank.errors import ModelError
from redshank.media.settings import SourceSettings
from redshank.targets import Targets
from tests.fakes import ScriptedDetector
from tests.harness.clocks import FakeClock
from tests.harness.fake_camera import CameraSettings, FakeCamera, Faults
from tests.harness.footage import cached_clip

PASSWORD = "p@:/#CANARY"


@pytest.fixture(scope="module")
def camera() -> Iterator[FakeCamera]:
    """Asks for a login."""
    with FakeCamera(cached_clip(4), CameraSettings(user="joe", password=PASSWORD)) as made:
        yield made


def ask(url: str, user: str = "joe", password: str = PASSWORD, seconds: float = 1) -> dict[str, Check]:
    """Checks by name. The port in the address is allowed, as the command allows what its user types."""
    target = url.split("/")[2]
    targets = Targets([target] if ":" in target else [])
    checks = camera_checks("", SourceSettings(url, user, password), targets, SystemClock(), seconds)
    return {check.name: check for check in checks}


def plain(camera: FakeCamera) -> str:
    return f"rtsp://127.0.0.1:{camera.port}/cam"


def bad(checks: dict[str, Check]) -> tuple[str, str]:
    """The one check that is bad: name and words. It must be the last: nothing is tried after it."""
    *before, last = checks.values()
    assert [check.verdict for check in before] == ["ok"] * len(before)
    assert last.verdict == "bad"
    return last.name, f"{last.found} {last.advice}"


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def test_a_healthy_camera_is_well_in_every_step(camera: FakeCamera) -> None:
    checks = ask(plain(camera))
    assert [*checks] == [
        "resolves", "reachable", "opens", "video", "keyframes", "B-frames", "stream clock", "audio", "browsers",
    ]  # fmt: skip
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert checks["opens"].found == "login accepted"
    assert "h264 640 x 360" in checks["video"].found


def test_each_cause_has_its_own_words(camera: FakeCamera) -> None:
    """req:J-21: closed port, bad password, wrong path, unknown name, refused address."""
    causes = {
        "port": bad(ask(f"rtsp://127.0.0.1:{closed_port()}/cam")),
        "password": bad(ask(plain(camera), password="wrong")),
        "path": bad(ask(f"{plain(camera)}-not")),
        "name": bad(ask("rtsp://no-such-camera.invalid/cam")),
        "metadata": bad(ask("rtsp://169.254.169.254/cam")),
    }
    assert [name for name, _words in causes.values()] == ["reachable", "opens", "opens", "resolves", "resolves"]
    assert "refused" in causes["port"][1]
    assert "user name and password" in causes["password"][1]
    assert "path" in causes["path"][1]
    assert "no such name" in causes["name"][1]
    assert "never connected" in causes["metadata"][1]
    assert "user name" not in causes["port"][1]


def test_no_password_is_ever_told(camera: FakeCamera) -> None:
    for password in (PASSWORD, "other-CANARY"):
        for check in ask(plain(camera), password=password).values():
            assert "CANARY" not in f"{check.found}{check.advice}"


@pytest.mark.slow
def test_a_camera_that_hangs_is_told_within_its_time_limits() -> None:
    with FakeCamera(cached_clip(4), faults=Faults(half_open=True)) as camera:
        assert bad(ask(plain(camera), ""))[0] == "opens"


def test_b_frames_and_rare_keyframes_are_told_with_what_to_set() -> None:
    clip = cached_clip(10, gop_s=5, bframes=2)
    with FakeCamera(clip, CameraSettings(backlog=True)) as camera:
        checks = ask(plain(camera), "", seconds=6)
    assert checks["B-frames"].verdict == "warn"
    assert checks["keyframes"].verdict == "warn"
    assert "keyframe interval to 1" in checks["keyframes"].advice


def test_h265_is_told_to_who_watches_in_a_browser() -> None:
    with FakeCamera(cached_clip(4, codec="libx265")) as camera:
        checks = ask(plain(camera), "")
    assert checks["opens"].found == "yes, without a login"
    assert checks["video"].verdict == "ok"
    assert (checks["browsers"].verdict, "H.264" in checks["browsers"].advice) == ("warn", True)


def test_a_wrong_frame_rate_claim_shows_as_a_wrong_clock() -> None:
    """Its timestamps run 8 % fast."""
    with FakeCamera(cached_clip(4), CameraSettings(drift_ppm=-80_000)) as camera:
        checks = ask(plain(camera), "", seconds=2.5)
    assert checks["stream clock"].verdict == "warn"


def test_sound_is_named() -> None:
    with FakeCamera(cached_clip(4, audio="aac")) as camera:
        assert ask(plain(camera), "")["audio"].found == "aac"


def test_the_name_of_a_stream_goes_before_its_checks() -> None:
    missing = SourceSettings("file:/nowhere/clip.mp4")
    (check,) = camera_checks("front/sub", missing, Targets(), SystemClock(), 1)
    assert (check.name, check.verdict) == ("front/sub opens", "bad")


def test_this_machine_is_looked_at_in_every_respect(tmp_path: Path) -> None:
    checks = {check.name: check for check in machine(tmp_path / "data", SystemClock())}
    assert [*checks] == ["disk write", "disk fsync", "disk free", "clock", "processors", "accelerators"]
    assert "CPU" in checks["accelerators"].found
    assert list((tmp_path / "data").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_bad_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (check,) = disk(tmp_path / "file" / "data", SystemClock())
    assert (check.name, check.verdict) == ("disk", "bad")
    assert "--data" in check.advice


def test_a_clock_that_was_never_set_is_bad() -> None:
    assert set_clock(FakeClock(now=0)).verdict == "bad"
    assert set_clock(FakeClock()).verdict != "bad"


def test_a_look_is_timed_after_one_to_warm_up(clock: FakeClock, tmp_path: Path) -> None:
    sample = tmp_path / "sample.png"
    sample.write_bytes(cv2.imencode(".png", np.zeros((90, 160, 3), np.uint8))[1].tobytes())
    detector = ScriptedDetector()
    detector.before = lambda: clock.advance(0.050 if detector.asked else 9)
    assert ms_per_picture(detector, clock, sample) == pytest.approx(50)
    assert set(detector.asked) == {(90, 160, 3)}


def test_capacity_is_counted_from_the_time_of_a_look() -> None:
    check = capacity(lambda: 40.0)
    assert check.verdict == "ok"
    assert "40 ms a picture" in check.found
    assert "about 18 cameras" in check.found  # 0.7 × 1000 ms / (40 ms × 5 looks × 20 % of the time) = 17.5


def test_too_slow_for_one_camera_is_a_warning() -> None:
    assert capacity(lambda: 2000.0).verdict == "warn"


def test_a_missing_model_is_bad_in_its_own_words() -> None:
    def measure() -> float:
        raise ModelError("model yolov4-tiny is not here yet: run `redshank models pull yolov4-tiny`")

    check = capacity(measure)
    assert (check.verdict, check.advice) == ("bad", "")
    assert "models pull" in check.found
