"""Time-lapses: the right pictures at the right speed, resumable, nothing half-written under the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest

from redshank.archive.job import Control, Stopped
from redshank.archive.timelapse import CHUNK, FPS, make_lapse, write_lapse
from redshank.errors import StoreError
from redshank.media.film import fitting
from tests.archive.place import Place, StopsAt
from tests.harness.footage import luma_of, read_number


def lapse(place: Place, end_s: float, speed: float, control: Control | None = None, force: bool = False) -> Path:
    made = make_lapse(place.source, place.wanted(0, end_s), speed)
    return write_lapse(made, place.source, place.out, control or Control(), force)


def numbers(path: Path) -> list[int | None]:
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        frames = list(film.decode(stream))
        assert stream.time_base is not None
        times = [round(float((frame.pts or 0) * stream.time_base) * FPS, 3) for frame in frames]
        assert times == list(range(len(frames)))
        return [read_number(luma_of(frame)) for frame in frames]


@pytest.mark.parametrize("encoding", [{}, {"codec": "libx265"}, {"bframes": 2}], ids=["h264", "h265", "bframes"])
def test_between_keyframes_every_picture_is_decoded(encoding: dict[str, Any], place: Place) -> None:
    place.record(20, **encoding)
    assert numbers(lapse(place, 20, 10)) == list(range(0, 200, 4))
    assert place.left() == ["yard-main_10x.mp4"]


def test_where_keyframes_are_enough_only_they_are_decoded(place: Place) -> None:
    place.record(40)
    assert numbers(lapse(place, 40, 50)) == list(range(0, 400, 20))


def test_times_without_footage_are_left_out(place: Place) -> None:
    place.record(6)
    place.record(6, at_s=100)
    assert numbers(lapse(place, 110, 25)) == [0, 10, 20, 30, 40, 50, 0, 10, 20, 30, 40, 50]


def test_damaged_files_are_passed_over(place: Place) -> None:
    place.record(9)
    file = place.recording.file(place.recording.segments[1])
    file.write_bytes(b"x" * file.stat().st_size)
    assert numbers(lapse(place, 9, 25)) == [0, 10, 20, 60, 70, 80]


def test_a_stopped_film_goes_on_with_the_next_chunk(place: Place) -> None:
    """Chunks of 30 s of film; each is encoded once, and the pictures at their borders are not doubled."""
    place.record(70, width=256, height=144)
    speed = 1.0
    with pytest.raises(Stopped):
        lapse(place, 70, speed, StopsAt(2))
    assert place.left() == ["yard-main_1x.mp4.part"]
    stage = place.out / "yard-main_1x.mp4.part"
    before = {name: (stage / name).stat().st_mtime_ns for name in ("00000.mp4", "00001.mp4")}
    again = StopsAt(10)

    class Looks(StopsAt):
        def at(self, done: int, total: int) -> None:
            now = {name: (stage / name).stat().st_mtime_ns for name in before}
            assert now == before
            again.at(done, total)

    seen = numbers(lapse(place, 70, speed, Looks(10)))
    assert again.first == 2
    assert seen == [n * 10 // FPS for n in range(70 * FPS)]
    assert len(seen) > 2 * CHUNK
    assert place.left() == ["yard-main_1x.mp4"]


def test_a_folder_of_somebody_else_is_kept(place: Place) -> None:
    place.record(3)
    theirs = place.out / "yard-main_10x.mp4.part"
    theirs.mkdir()
    (theirs / "precious").write_bytes(b"mine")
    with pytest.raises(StoreError, match="in the way"):
        lapse(place, 3, 10)
    assert (theirs / "precious").read_bytes() == b"mine"


def test_a_film_that_is_there_is_kept(place: Place) -> None:
    place.record(3)
    lapse(place, 3, 10)
    with pytest.raises(StoreError, match="--force"):
        lapse(place, 3, 10)
    lapse(place, 3, 10, force=True)
    assert place.left() == ["yard-main_10x.mp4"]


def test_without_footage_there_is_no_film(place: Place) -> None:
    place.record(3)
    place.recording.file(place.recording.segments[0]).write_bytes(b"")
    with pytest.raises(StoreError, match="none of the footage"):
        lapse(place, 3, 10)
    with pytest.raises(StoreError, match="no footage"):
        make_lapse(place.source, place.wanted(100, 200), 10)
    assert place.left() == []


def test_a_large_picture_is_made_to_fit() -> None:
    assert fitting(3840, 2160) == (1920, 1080)
    assert fitting(641, 361) == (640, 360)


def test_privacy_masks_are_black_in_it(place: Place) -> None:
    """The right half."""
    place.record(6)
    mask = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
    made = make_lapse(place.source, place.wanted(0, 6), 25, (mask,))
    path = write_lapse(made, place.source, place.out, Control())
    with av.open(str(path)) as film:
        for frame in film.decode(film.streams.video[0]):
            luma = luma_of(frame)
            half = luma.shape[1] // 2
            assert luma[:, half + 2 :].max() <= 24
            assert luma[:, : half - 4].max() > 100
    assert made.tag != make_lapse(place.source, place.wanted(0, 6), 25).tag, (
        "one half is never joined to an unmasked one"
    )
