"""Which configuration a start runs with: rel:T58."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from redshank.app import LAST_GOOD, SETUP_LOOK_S, configured
from redshank.config.load import Loaded
from tests.harness.clocks import FakeClock

EIGHT = [f"cam-{number}" for number in range(1, 9)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Of a configuration; the data folder is `data` beside it."""
    (tmp_path / "data").mkdir()
    return tmp_path / "redshank.yaml"


def camera(name: str, more: str = "") -> str:
    return f"  {name}:\n    url: rtsp://192.168.1.2/{name}\n{more}"


def cameras(*names: str) -> str:
    return "cameras:\n" + "".join(camera(name) for name in names)


def start(file: Path, text: str) -> Loaded:
    file.write_text(text)
    return asyncio.run(configured(file, file.parent / "data", FakeClock(), None))


def names(loaded: Loaded) -> list[str]:
    return sorted(loaded.config.cameras)


def last_good(file: Path) -> str:
    return (file.parent / "data" / LAST_GOOD).read_text()


def test_one_broken_camera_of_eight_goes_on_as_it_was_and_is_told(file: Path) -> None:
    good = cameras(*EIGHT)
    start(file, good)
    found = start(file, good.replace("rtsp://192.168.1.2/cam-3", "rtpp://192.168.1.2/new"))
    assert names(found) == EIGHT
    assert found.config.cameras["cam-3"].streams["main"].url == "rtsp://192.168.1.2/cam-3"
    told = [str(problem) for problem in found.problems]
    assert [f"{file}:7" in told[0], "cam-3" in told[-1], "last good settings" in told[-1]] == [True] * 3
    assert last_good(file) == good


def test_a_mistake_in_the_only_camera_is_no_set_up_mode(file: Path) -> None:
    start(file, cameras("yard"))
    found = start(file, cameras("yard").replace("url:", "ulr:"))
    assert names(found) == ["yard"]
    assert last_good(file) == cameras("yard")


def test_the_last_good_settings_last_until_the_mistake_is_corrected(file: Path) -> None:
    """Also over several starts with other edits in between; those of the other cameras count."""
    start(file, cameras("yard", "hall"))
    for _ in range(2):
        found = start(file, "cameras:\n  yard: {ulr: here}\n  hall: {url: rtsp://192.168.1.9/other}\n")
        assert found.config.cameras["yard"].streams["main"].url == "rtsp://192.168.1.2/yard"
        assert found.config.cameras["hall"].streams["main"].url == "rtsp://192.168.1.9/other"
    right = cameras("hall") + camera("yard", "    record: {mode: motion}\n")
    found = start(file, right)
    assert (found.problems, found.config.cameras["yard"].record.mode) == ((), "motion")
    assert last_good(file) == right


@pytest.mark.parametrize(
    "edited",
    [
        "cameras:\nyard:\n  url: rtsp://192.168.1.2/yard\nhall:\n  url: rtsp://192.168.1.2/hall\n",
        "cameras: nonsense\n",
        "cameras:\n  - name: yard\n",
        cameras("yard", "hall").replace("cameras:", "camera:"),
        cameras("hall") + camera("Yard"),
        cameras("new") + cameras("yard", "hall"),
        "cameras: [\n",
    ],
)
def test_whatever_the_slip_both_cameras_go_on(file: Path, edited: str) -> None:
    start(file, cameras("yard", "hall"))
    found = start(file, edited)
    assert {"hall", "yard"} <= set(names(found))
    assert found.problems
    assert last_good(file) == cameras("yard", "hall")


@pytest.mark.parametrize(
    "edited",
    [
        cameras("hall"),
        cameras("hall") + camera("new", "    fps: many\n"),
        cameras("hall") + "rules:\n  yard: {cameras: yard}\n",
        cameras("hall") + camera("yard", "    enabled: false\n    detect: {fps: many}\n"),
        "record: {segment: soon}\n" + cameras("hall"),
    ],
)
def test_a_camera_that_was_removed_or_switched_off_is_gone(file: Path, edited: str) -> None:
    """Whatever else is wrong in the file."""
    start(file, cameras("yard", "hall"))
    assert [name for name in names(start(file, edited)) if name != "new"] == ["hall"]


class Editing(FakeClock):
    """Whoever waits finds another configuration afterwards."""

    def __init__(self, file: Path, text: str) -> None:
        super().__init__(autojump=True)
        self._file, self._text = file, text

    async def sleep(self, seconds: float) -> None:
        self._file.write_text(self._text)
        await super().sleep(seconds)


def test_without_any_camera_left_it_is_set_up_mode(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(file, cameras("yard"))
    assert capsys.readouterr().out == ""
    file.write_text("cameras: {}\n")
    clock = Editing(file, cameras("yard"))
    assert names(asyncio.run(configured(file, file.parent / "data", clock, None))) == ["yard"]
    assert clock.slept == [SETUP_LOOK_S]
    assert "set-up mode" in capsys.readouterr().out


def test_secrets_and_paths_are_looked_for_beside_the_configuration(file: Path) -> None:
    (file.parent / "secrets.yaml").write_text("door: hush\n")
    (file.parent / "door.key").write_text("secret\n")
    good = (
        "data: data\ncameras:\n  door: {url: 'rtsp://192.168.1.2/a', user: me, password: !secret door}\n"
        "  yard: {url: 'rtsp://192.168.1.2/b', user: me, password: 'file:door.key'}\n  film: {url: film.mp4}\n"
    )
    before = start(file, good).config
    found = start(file, "cameras: [\n")
    assert found.config.cameras == before.cameras
    assert len(found.problems) == 1
    assert found.config.data == file.parent / "data"


def test_the_copies_are_their_owners_alone_and_nothing_half_written_stays(file: Path) -> None:
    start(file, cameras("yard"))
    start(file, cameras("yard"))
    kept = [path for path in (file.parent / "data").rglob("*") if path.is_file()]
    assert len(kept) == 2
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)
