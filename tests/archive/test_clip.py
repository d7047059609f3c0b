"""Clips as files: the right pictures, resumable, never over another file, honest about what is not there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from redshank.archive import job
from redshank.archive.clip import make_clip, write_clip
from redshank.archive.job import Control, PartFile, Stopped
from redshank.errors import DiskFull, StoreError
from redshank.model import GapReason
from tests.archive.place import Place, StopsAt
from tests.playback.recording import NOON, numbered
from tests.playback.watching import watch


def test_a_clip_is_exactly_the_range(place: Place) -> None:
    place.record(20, audio="aac")
    path = write_clip(place.clip(4.3, 11.7), place.out, Control())
    assert path.name == "yard-main.mp4"
    assert watch(path.read_bytes(), 7.4).numbers == list(range(43, 117))
    assert place.left() == ["yard-main.mp4"]


def test_what_is_being_written_is_in_it(place: Place) -> None:
    """No row yet: the newest seconds come from the file the recorder is at."""
    place.record(10)
    place.recording.run(numbered(8), NOON + 10_000_000, 5.5)
    place.now = NOON + 16_000_000
    clip = place.clip(8, 30)
    assert watch(b"".join(clip.movie.blocks(0, clip.movie.size)), clip.movie.plan.length / 1e6).numbers[:40] == [
        *range(80, 100),
        *range(0, 20),
    ]
    assert clip.segments[-1].path.endswith(".part")


def test_a_stopped_clip_goes_on_where_it_was(place: Place) -> None:
    place.record(20)
    clip = place.clip(0, 20)
    expected = b"".join(clip.movie.blocks(0, clip.movie.size))
    with pytest.raises(Stopped):
        write_clip(clip, place.out, StopsAt(clip.movie.size // 2))
    assert place.left() == ["yard-main.mp4.part", "yard-main.mp4.part.json"]
    again = StopsAt(10**12)
    path = write_clip(place.clip(0, 20), place.out, again)
    assert again.first > clip.movie.size // 2
    assert path.read_bytes() == expected
    assert place.left() == ["yard-main.mp4"]


def test_ctrl_c_keeps_what_is_done(place: Place) -> None:
    place.record(20)
    clip = place.clip(0, 20)

    class Interrupted(Control):
        def at(self, done: int, total: int) -> None:
            if done > total // 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clip(clip, place.out, Interrupted())
    assert json.loads((place.out / "yard-main.mp4.part.json").read_text())["kept"] > clip.movie.size // 2
    assert not (place.out / "yard-main.mp4").exists()


def test_another_range_begins_anew(place: Place) -> None:
    place.record(20)
    with pytest.raises(Stopped):
        write_clip(place.clip(0, 20), place.out, StopsAt(30_000))
    clip = place.clip(1, 20)
    path = write_clip(clip, place.out, Control())
    assert path.read_bytes() == b"".join(clip.movie.blocks(0, clip.movie.size))


def test_a_kill_loses_at_most_what_was_not_safe(place: Place) -> None:
    """As after kill -9: the part file is longer than what its state vouches for."""
    place.record(20)
    clip = place.clip(0, 20)
    with pytest.raises(Stopped):
        write_clip(clip, place.out, StopsAt(clip.movie.size // 2))
    with (place.out / "yard-main.mp4.part").open("ab") as part:
        part.write(b"never synced")
    assert write_clip(clip, place.out, Control()).read_bytes() == b"".join(clip.movie.blocks(0, clip.movie.size))


def test_damage_found_before_a_stop_is_told_after_it(place: Place) -> None:
    place.record(20)
    clip = place.clip(0, 20)
    clip.lost(place.recording.segments[0], "the file is shorter than it was")
    with pytest.raises(Stopped):
        write_clip(clip, place.out, StopsAt(clip.movie.size // 2))
    again = place.clip(0, 20)
    write_clip(again, place.out, Control())
    assert again.damaged == [{"path": place.recording.segments[0].path, "reason": "the file is shorter than it was"}]


def test_a_kill_right_after_the_beginning_is_gone_on_from(place: Place) -> None:
    place.record(5)
    part = PartFile(place.out / "yard-main.mp4", "tag").__enter__()
    part.write(b"ours")  # and then it was killed
    os.close(part._file)
    assert write_clip(place.clip(0, 5), place.out, Control()).read_bytes()[4:8] == b"ftyp"


def test_a_file_that_is_there_is_kept(place: Place) -> None:
    place.record(5)
    there = place.out / "yard-main.mp4"
    there.write_bytes(b"mine")
    with pytest.raises(StoreError, match="--force"):
        write_clip(place.clip(0, 5), place.out, Control())
    assert (there.read_bytes(), place.left()) == (b"mine", ["yard-main.mp4"])
    write_clip(place.clip(0, 5), place.out, Control(), force=True)
    assert there.read_bytes()[4:8] == b"ftyp"


def test_a_link_is_not_followed(place: Place, tmp_path: Path) -> None:
    place.record(5)
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    (place.out / "yard-main.mp4.part").symlink_to(precious)
    with pytest.raises(StoreError):
        write_clip(place.clip(0, 5), place.out, Control())
    assert precious.read_bytes() == b"mine"


def test_somebody_elses_part_file_is_kept(place: Place) -> None:
    place.record(5)
    (place.out / "yard-main.mp4.part").write_bytes(b"mine")
    with pytest.raises(StoreError, match="in the way"):
        write_clip(place.clip(0, 5), place.out, Control())
    assert (place.out / "yard-main.mp4.part").read_bytes() == b"mine"


def test_two_exports_never_write_one_file(place: Place) -> None:
    with (
        PartFile(place.out / "a.mp4", "tag"),
        pytest.raises(StoreError, match="another export"),
        PartFile(place.out / "a.mp4", "tag"),
    ):
        pass


def test_without_room_nothing_is_begun(place: Place, tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with pytest.raises(DiskFull, match="GB are free"):
        job.room_for(tmp_path, free)


def test_what_is_missing_is_told(place: Place) -> None:
    """A hole in the ledger, and a file somebody deleted."""
    place.record(6)
    place.record(6, at_s=10)
    place.recording.file(place.recording.segments[-1]).unlink()
    clip = place.clip(0, 16)
    assert [(gap.reason, gap.start, gap.end) for gap in clip.gaps] == [
        (GapReason.UNKNOWN, NOON + 6_000_000, NOON + 10_000_000)
    ]
    assert list(clip.found_damaged) == [place.recording.segments[-1].path]
    assert clip.completeness.percent == pytest.approx(75)


def test_a_range_without_footage_is_one_line(place: Place) -> None:
    place.record(3)
    with pytest.raises(StoreError, match="no footage"):
        make_clip(place.source, place.wanted(100, 200))
