"""The installed program records through faults of its disks and its database. Wall time of all together: figures in the docstrings."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread

from tests.e2e.program import CLOCK, Program, eventually, since_s
from tests.e2e.recording import BLIND, QUICK, config, lost, polled, problem, unsound, until_files, until_recorded
from tests.harness.fake_camera import FakeCamera
from tests.harness.footage import cached_clip
from tests.harness.recordings import Recorded


def test_a_reader_that_polls_never_meets_a_file_that_is_not_whole(tmp_path: Path) -> None:
    """rel:T07, a few closes; a thousand: tests/slow/test_recording_storage.py."""
    names, over, wrong, seen = [f"c{n}" for n in range(4)], Event(), list[str](), set[str]()
    with ExitStack() as stack:
        cameras = {name: stack.enter_context(FakeCamera(cached_clip(10))) for name in names}
        with Program(tmp_path, config(cameras)) as program:
            recorded = Recorded(program.data)
            reader = Thread(target=polled, args=(recorded, over, wrong, seen))
            reader.start()
            try:
                until_files(recorded, 4)
                program.stop()
                eventually(lambda: len(seen) == len(recorded.files()), 5, "the reader has seen every file")
            finally:
                over.set()
                reader.join()
    assert wrong == []
    assert unsound(recorded) == []


def test_two_sites_on_one_volume(tmp_path: Path) -> None:
    """rel:T08: the second is refused the volume and says so, the first does not notice; when it ends, the second takes over."""
    shared = QUICK + BLIND + f"storage: {{volumes: {{default: '{tmp_path / 'shared'}'}}}}\n"
    with (
        FakeCamera(cached_clip(10)) as one,
        FakeCamera(cached_clip(10)) as two,
        Program(tmp_path / "first", config({"one": one}, shared)) as first,
    ):
        until_recorded(first, ["one"])
        with Program(tmp_path / "second", config({"two": two}, shared)) as second:
            told = problem(second, "volume default", 10)
            told_s = since_s(second.started_ns)
            assert "in use by another running Redshank" in told
            second.wait_camera("two")
            recorded = Recorded(first.data, tmp_path / "shared")
            until_files(recorded, 1)
            assert first.status["problems"] == []
            assert recorded.files("two") == []
            first.stop()
            assert lost(one, recorded, "one") == ()
            until_recorded(second, ["two"], 10)
            assert second.stop()[0] == 0
    print(f"refused {told_s:.1f} s after the command was given")
    assert unsound(Recorded(second.data, tmp_path / "shared"), rebuilt=True) == []


def test_a_volume_that_is_not_the_one_that_was_there_is_left_alone(tmp_path: Path) -> None:
    """rel:T11: emptied, swapped with another, restored from an old copy; the camera is recorded on the other volume meanwhile."""
    usb, true = tmp_path / "usb", tmp_path / "true"
    rest = QUICK + BLIND + f"storage: {{volumes: {{usb: '{usb}'}}}}\n"
    with FakeCamera(cached_clip(10)) as yard, FakeCamera(cached_clip(10)) as gate:
        cameras = {"yard": yard, "gate": gate}
        with Program(tmp_path, config(cameras, rest, {"gate": "record: {volume: usb}"})) as program:
            on_usb, here = Recorded(program.data, usb), Recorded(program.data)
            until_files(on_usb, 1, "gate")
            program.stop()
            for make, words in (
                (_emptied, "is not the disk recorded on before"),
                (_swapped, "another volume"),
                (_restored, "is older"),
            ):
                usb.rename(true)
                make(usb, true)
                lie, rows = _bytes_in(usb), _rows_of(here, "gate")
                program.start()
                assert words in problem(program, "volume usb", 5)
                print(f"{make.__name__}: told {since_s(program.started_ns):.1f} s after the command was given")
                if make is _restored:
                    until_recorded(program, cameras)
                else:
                    program.stop()
                assert rows <= _rows_of(here, "gate")
                assert _bytes_in(usb) == lie
                shutil.rmtree(usb)
                true.rename(usb)
            eventually(lambda: not program.status["problems"], 10, "the true one is taken again")
            program.stop()
    gone = {row["path"] for row in here.rows()} - {
        str(f.relative_to(r.root)) for r in (here, on_usb) for f in r.files()
    }
    assert gone == set()


def _emptied(usb: Path, _true: Path) -> None:
    usb.mkdir()


def _swapped(usb: Path, _true: Path) -> None:
    usb.mkdir()
    (usb / ".redshank-volume").write_text('{"v": 1, "volume": "anothers", "site": "default", "opened": 9}')


def _restored(usb: Path, true: Path) -> None:
    """As it was before its last opening."""
    shutil.copytree(true, usb)
    identity = json.loads((usb / ".redshank-volume").read_text())
    (usb / ".redshank-volume").write_text(json.dumps({**identity, "opened": identity["opened"] - 1}))


def _bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rows_of(recorded: Recorded, camera: str) -> set[str]:
    return {row["path"] for row in recorded.rows() if row["camera"] == camera}


def test_a_folder_removed_while_it_is_written_to_is_made_again(tmp_path: Path) -> None:
    """rel:T50: the camera's folder, then the day's."""
    with FakeCamera(cached_clip(10)) as camera, Program(tmp_path, config({"yard": camera})) as program:
        recorded = Recorded(program.data)
        until_files(recorded, 1)
        removed_files = set[Path]()
        for folder in ("yard", "yard/main/*"):
            removed_files |= set(recorded.files())
            removed = CLOCK.mono_ns()
            shutil.rmtree(next(recorded.root.glob(folder)))
            told = problem(program, "not there any more", 10)
            print(f"{folder}: told after {since_s(removed):.1f} s: {told}")
            until_files(recorded, 1)
        program.stop()
    removed_names = {str(file.relative_to(recorded.root)) for file in removed_files}
    assert {line.removeprefix("row without file: ") for line in unsound(recorded)} <= removed_names
    assert lost(camera, recorded, "yard") == ()
