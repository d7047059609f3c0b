"""The picture of an instant is exactly the one that was shown then."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.media.codec_config import VIDEO_SCALE
from redshank.pipe import Note
from redshank.playback.footage import NoFootage
from redshank.playback.instant import instant
from redshank.playback.stretch import scaled
from redshank.process.studio import picture
from tests.harness.footage import read_number
from tests.playback.decoding import luma_of_jpeg
from tests.playback.recording import NOON, Recording, numbered


def shown(recording: Recording, time: int) -> tuple[int | None, int]:
    """The number the picture of that time shows, and when it says it was shown."""
    found = instant([*recording.segments, *recording.running], time, recording.footage)
    until = scaled(time - found.segment.start, VIDEO_SCALE) + found.lead
    note = Note("picture", {**found.coded.header(), "until": until, "width": 640, "masks": ()}, found.coded.data)
    header, jpeg = picture(note.header, note.body)
    return read_number(luma_of_jpeg(jpeg)), found.time(header["pts"])


@pytest.mark.parametrize(
    "encoding", [{"fps": 10}, {"fps": 30, "bframes": 2, "gop_s": 2}, {"codec": "libx265", "fps": 15}], ids=str
)
def test_every_time_gives_the_picture_shown_then(tmp_path: Path, encoding: dict[str, int]) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(8, **encoding), NOON)
    fps = encoding["fps"]
    dice = random.Random(9)
    exact = [NOON + -(-n * US_PER_S // fps) for n in dice.sample(range(8 * fps), 12)]
    for time in [NOON, *exact, *(NOON + dice.randrange(8 * US_PER_S) for _ in range(12))]:
        number, said = shown(recording, time)
        assert number == (time - NOON) * fps // US_PER_S, time - NOON
        assert said == pytest.approx(NOON + number * US_PER_S / fps, abs=6)


def test_in_a_gap_the_last_picture_before_it_serves_for_a_while(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    assert shown(recording, NOON + 9 * US_PER_S) == (59, NOON + 5_900_000)
    for time in (NOON - 1, NOON + 17 * US_PER_S):
        with pytest.raises(NoFootage):
            shown(recording, time)


def test_a_file_being_written_shows_its_newest_whole_fragment(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    running = recording.run(numbered(20), NOON, 5)
    number, said = shown(recording, running.end + 300_000)
    assert number == round((running.end - NOON) / 100_000) - 1
    assert said < running.end


def test_a_damaged_group_gives_the_last_picture_before_it(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (segment,) = recording.add(numbered(6), NOON, segment_s=60)
    keys = [int.from_bytes(segment.index[at + 4 : at + 8], "little") for at in range(0, len(segment.index), 8)]
    with recording.file(segment).open("r+b") as file:
        file.seek(keys[3])
        file.write(bytes(keys[4] - keys[3]))
    assert shown(recording, NOON + 3_500_000)[0] == 29
    assert shown(recording, NOON + 4_500_000)[0] == 45


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    (segment,) = recording.add(numbered(6), NOON, segment_s=60)
    recording.file(segment).unlink()
    with pytest.raises(StoreError, match=segment.path):
        shown(recording, NOON + US_PER_S)
