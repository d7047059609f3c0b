"""Which configuration is used, at a start and while it runs: rel:T58."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from redshank.config.history import FOLDER
from redshank.config.load import Loaded
from redshank.configuration import LAST_GOOD, LOOK_S, Configuration, Seen, watch
from redshank.errors import StoreError
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
    return configuration(file).first()


def configuration(file: Path) -> Configuration:
    return Configuration(file, file.parent / "data", FakeClock(), {})


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


def test_without_a_camera_it_starts_all_the_same_and_says_what_to_do(file: Path) -> None:
    found = start(file, "cameras: {}\n")
    assert (names(found), found.problems) == ([], ())
    assert "no camera that is switched on" in configuration(file).advice(found)


def test_without_a_file_it_starts_all_the_same_and_says_where_one_is_looked_for(file: Path) -> None:
    found = configuration(file).first()
    assert (found.config.cameras, found.problems) == ({}, ())
    assert str(file) in configuration(file).advice(found)


def test_a_file_without_a_word_is_a_slip(file: Path) -> None:
    start(file, cameras("yard"))
    found = start(file, "\n")
    assert names(found) == ["yard"]
    assert "empty" in str(found.problems[0])


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
    assert sorted({path.suffix for path in kept}) == [".json", ".yaml"]
    assert len(kept) == 3
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in kept)


# --- while it runs ---------------------------------------------------------------------------------------------------


def again(file: Path, running: Loaded, text: str) -> Loaded | None:
    """What is used after this edit; None: what ran goes on."""
    file.write_text(text)
    return configuration(file).again(running).loaded


def test_a_right_edit_is_used(file: Path) -> None:
    found = again(file, start(file, cameras("yard")), cameras("yard", "hall"))
    assert found is not None
    assert names(found) == ["hall", "yard"]


@pytest.mark.parametrize(
    "edited",
    [
        "",
        " \n",
        "cameras: [\n",
        cameras("yard", "hall") + camera("new", "    fps: many\n"),
        cameras("yard").replace("url:", "ulr:"),
        cameras("yard", "hall") + "record: {continuous: 3O}\n",
        cameras("yard", "hall") + "rules: {night: {label: person}}\n",
        cameras("yard") + camera("hall", "    user: me\n    password: !secret nobody\n"),
    ],
)
def test_an_edit_with_a_mistake_changes_nothing_and_says_why(file: Path, edited: str) -> None:
    running = start(file, cameras("yard", "hall"))
    file.write_text(edited)
    read = configuration(file).again(running)
    assert read.loaded is None
    assert all(str(file) in problem or "secrets.yaml" in problem for problem in read.problems)
    assert read.problems


def test_a_file_that_is_gone_changes_nothing(file: Path) -> None:
    running = start(file, cameras("yard"))
    file.unlink()
    read = configuration(file).again(running)
    assert read.loaded is None
    assert "redshank.yaml" in read.problems[0]


def test_a_mistake_that_was_there_at_the_start_holds_no_other_edit_up(file: Path) -> None:
    """It may stand on another line by then; the camera it is about goes on as it was."""
    start(file, cameras("yard", "hall"))
    broken = cameras("yard") + "  hall: {ulr: here}\n"
    running = start(file, broken)
    found = again(file, running, "timezone: Europe/Berlin\n" + broken)
    assert found is not None
    assert (names(found), found.config.timezone) == (["hall", "yard"], "Europe/Berlin")
    assert again(file, found, broken + camera("new")) is not None


def test_a_configuration_that_lost_a_camera_is_not_the_last_good_one(file: Path) -> None:
    start(file, cameras("yard", "hall"))
    broken = cameras("yard") + "  hall: {ulr: here}\n"
    running = start(file, broken)
    file.write_text("timezone: UTC\n" + broken)
    assert not configuration(file).again(running).whole


def test_a_change_is_seen_in_the_file_and_in_its_secrets(file: Path) -> None:
    start(file, cameras("yard"))
    watched = configuration(file)
    seen = [watched.seen()]
    for name, text in (("redshank.yaml", "cameras: {}\n"), ("secrets.yaml", "a: b\n"), ("secrets.yaml", "a: longer\n")):
        (file.parent / name).write_text(text)
        seen.append(watched.seen())
    file.unlink()
    assert len({*seen, watched.seen()}) == len(seen) + 1


def test_each_that_was_used_is_in_the_history_once(file: Path) -> None:
    clock = FakeClock()
    used = Configuration(file, file.parent / "data", clock, {})
    for text in (cameras("yard"), cameras("yard"), cameras("hall")):
        file.write_text(text)
        used.keep(used.first(), whole=True)
        clock.advance(60)
    kept = sorted((file.parent / "data" / FOLDER).glob("*.yaml"))
    assert [path.read_text() for path in kept] == [cameras("yard"), cameras("hall")]


async def test_what_changed_during_the_start_is_used_and_tried_again_when_that_fails(file: Path) -> None:
    """The database may take minutes to open: the file is read before, and watched after."""
    clock, tries = FakeClock(), list[Seen]()
    used = Configuration(file, file.parent / "data", clock, {})
    _write(file, cameras("yard"))
    used.first()
    _write(file, cameras("yard", "hall"))

    async def reload() -> None:
        tries.append(used.seen())
        if len(tries) == 1:
            raise StoreError("the database is locked")

    task = asyncio.create_task(watch(used, clock, reload))
    async with asyncio.timeout(20):
        while len(tries) < 2:
            clock.advance(LOOK_S)
            await asyncio.sleep(0.01)
    for _ in range(5):
        clock.advance(LOOK_S)
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tries == [used.seen()] * 2


def _write(file: Path, text: str) -> None:
    file.write_text(text)
