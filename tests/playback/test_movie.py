"""A range as one MP4: the right pictures, no matter where it begins, ends, or what lies between."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from redshank.clock import US_PER_S
from redshank.errors import StoreError
from redshank.playback.movie import Movie, make_movie
from tests.playback.recording import NOON, Recording, numbered
from tests.playback.watching import watch


def movie(recording: Recording, start_s: float, end_s: float) -> Movie:
    return make_movie(
        recording.plan(NOON + round(start_s * US_PER_S), NOON + round(end_s * US_PER_S)), recording.footage
    )


def whole(made: Movie) -> bytes:
    data = b"".join(made.blocks(0, made.size))
    assert len(data) == made.size
    return data


def expected(start_s: float, end_s: float, fps: int = 10, shift: int = 0) -> list[int]:
    """Numbers of the pictures shown in a range of a clip that began at 0."""
    first, last = int(start_s * fps + 1e-6), -int(-(end_s * fps - 1e-6) // 1)
    return [n - shift for n in range(first, last)]


@pytest.mark.parametrize(
    "encoding",
    [
        {},
        {"bframes": 2},
        {"audio": "aac"},
        {"bframes": 2, "audio": "aac", "gop_s": 2},
        {"codec": "libx265"},
    ],
    ids=lambda encoding: "-".join(map(str, encoding.values())) or "plain",
)
def test_a_random_range_shows_exactly_its_pictures_for_exactly_its_length(
    tmp_path: Path, encoding: dict[str, object]
) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20, **encoding), NOON)
    dice = random.Random(5)
    ranges = [sorted((dice.uniform(0, 20), dice.uniform(0, 20))) for _ in range(12)]
    for start_s, end_s in [(0.0, 20.0), (2.9, 3.1), (3.0, 6.0), (4.0, 4.05), *map(tuple, ranges)]:
        made = movie(recording, start_s, end_s)
        seen = watch(whole(made), end_s - start_s)
        assert seen.numbers == expected(start_s, end_s), (start_s, end_s)
        # FFmpeg looks at the first seconds before it says a length, and counts what is decoded before it is shown.
        slack_s = 0.001 if end_s - start_s > 6 else 0.31 if "bframes" in encoding else 0.101
        assert seen.duration_s == pytest.approx(end_s - start_s, abs=slack_s)
        assert made.plan.length == pytest.approx((end_s - start_s) * US_PER_S, abs=2)
        shown_at = [start_s + time for time in seen.times]
        assert shown_at == pytest.approx([n / 10 for n in seen.numbers if n is not None], abs=0.001)
    assert not recording.lost


def test_sound_is_kept_and_cut_with_the_pictures(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20, audio="aac"), NOON)
    for start_s, end_s in ((1.3, 8.77), (0.0, 20.0), (5.0, 5.5)):
        seen = watch(whole(movie(recording, start_s, end_s)), end_s - start_s)
        assert seen.sound_s == pytest.approx(end_s - start_s, abs=0.06)


def test_any_byte_range_is_the_same_bytes(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20, bframes=2, audio="aac"), NOON)
    made = movie(recording, 1.25, 18.4)
    data = whole(made)
    dice = random.Random(6)
    for _ in range(200):
        low, high = sorted((dice.randrange(made.size), dice.randrange(made.size + 1)))
        assert b"".join(made.blocks(low, high)) == data[low:high]
    cuts = sorted(dice.sample(range(made.size), 30))
    parts = [b"".join(made.blocks(a, b)) for a, b in zip([0, *cuts], [*cuts, made.size], strict=True)]
    assert b"".join(parts) == data


def test_the_etag_is_of_the_bytes(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20), NOON)
    first, again = movie(recording, 1.25, 14), movie(recording, 1.25, 14)
    assert first.etag == again.etag
    assert movie(recording, 1.25, 14.01).etag != first.etag
    assert movie(recording, 1.26, 14).etag != first.etag
    del recording.segments[2]
    assert movie(recording, 1.25, 14).etag != first.etag


def test_a_gap_is_left_out_and_told(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    recording.add(numbered(6), NOON + 20 * US_PER_S)
    made = movie(recording, 4, 23)
    seen = watch(whole(made), 5)
    assert seen.numbers == [*expected(4, 6), *expected(0, 3)]
    assert made.plan.length == 5 * US_PER_S
    assert made.plan.holes == [(NOON + 6 * US_PER_S, NOON + 20 * US_PER_S)]
    assert seen.times[:2] == pytest.approx([0.0, 0.1])
    assert seen.times[-1] == pytest.approx(4.9)


def test_two_formats_are_two_sample_entries_of_one_movie(tmp_path: Path) -> None:
    """rel:T23: the picture's size changes in the middle, both halves play."""
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    recording.add(numbered(6, width=640, height=368), NOON + 6 * US_PER_S)
    seen = watch(whole(movie(recording, 3.5, 10)), 6.5)
    assert seen.numbers == [*expected(3.5, 6), *expected(0, 4)]


def test_h265_is_tagged_as_safari_wants_it(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6, codec="libx265"), NOON)
    seen = watch(whole(movie(recording, 1, 5)), 4)
    assert (seen.codec, seen.tag) == ("hevc", "hvc1")


def test_a_file_that_is_still_being_written_plays_to_its_last_whole_fragment(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    running = recording.run(numbered(20), NOON + 6 * US_PER_S, 5)
    made = movie(recording, 4, 60)
    length_s = (running.end - NOON) / US_PER_S - 4
    seen = watch(whole(made), length_s)
    assert 4 < (running.end - running.start) / US_PER_S <= 5
    assert seen.numbers == [*expected(4, 6), *expected(0, length_s - 2)]
    assert not made.plan.reached


def test_the_etag_of_a_range_stays_while_its_file_goes_on_and_is_finished(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    clip = numbered(20)
    recording.run(clip, NOON, 5)
    early = movie(recording, 1, 3)
    early_bytes = whole(early)
    recording.forget_running()
    recording.run(clip, NOON, 8)
    later = movie(recording, 1, 3)
    assert whole(later) == early_bytes
    assert early.etag == later.etag
    recording.forget_running()
    recording.add(clip, NOON, segment_s=60)
    assert movie(recording, 1, 3).etag == early.etag


def test_a_missing_file_in_the_middle_is_told_and_the_rest_plays(tmp_path: Path) -> None:
    """rel:T05, bluenviron/mediamtx#4538."""
    recording = Recording(tmp_path)
    recording.add(numbered(20), NOON)
    recording.file(recording.segments[2]).unlink()
    made = movie(recording, 4, 14)
    seen = watch(whole(made), 7)
    assert seen.numbers == [*expected(4, 6), *expected(9, 14)]
    assert made.lost == (recording.segments[2],)
    assert recording.lost[0][0].seq == recording.segments[2].seq


def test_a_file_that_goes_away_while_it_is_sent_leaves_the_size_true_and_the_rest_playing(tmp_path: Path) -> None:
    """rel:T05."""
    recording = Recording(tmp_path)
    recording.add(numbered(20), NOON)
    made = movie(recording, 4, 14)
    recording.file(recording.segments[2]).unlink()
    seen = watch(whole(made), 10)
    assert seen.numbers == [*expected(4, 6), *expected(9, 14)]
    assert recording.lost


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"x"])
def test_scrambled_bytes_cost_a_group_of_pictures_and_nothing_else(tmp_path: Path, fill: bytes) -> None:
    """rel:T05: whatever lies in the middle of a file, the answer is the same bytes from wherever it is read."""
    recording = Recording(tmp_path)
    recording.add(numbered(20), NOON)
    hurt = recording.segments[2]
    made = movie(recording, 4, 14)
    with recording.file(hurt).open("r+b") as file:
        file.seek(hurt.media_from)
        file.write(fill * 600)
    data = whole(made)
    seen = watch(data, 10)
    assert seen.numbers == [*expected(4, 6), *expected(7, 14)]
    dice = random.Random(7)
    for _ in range(50):
        low, high = sorted((dice.randrange(made.size), dice.randrange(made.size + 1)))
        assert b"".join(made.blocks(low, high)) == data[low:high]


def test_a_file_cut_short_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(20), NOON)
    hurt = recording.segments[2]
    made = movie(recording, 4, 14)
    with recording.file(hurt).open("r+b") as file:
        file.truncate((hurt.media_from + hurt.media_to) // 2)
    seen = watch(whole(made), 10)
    rest = set(expected(4, 14)) - set(seen.numbers)
    assert rest <= set(expected(6, 9))
    assert set(expected(6, 7)) & set(seen.numbers)


def test_a_clock_that_was_set_back_shows_both_takes_of_the_hour(tmp_path: Path) -> None:
    """rel:T29: neither take of a time that happened twice is hidden by the other."""
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    recording.add(numbered(6, width=640, height=368), NOON + 2 * US_PER_S)
    made = movie(recording, 0, 8)
    assert made.plan.length == 12 * US_PER_S
    seen = watch(whole(made), 12)
    assert sorted(n for n in seen.numbers if n is not None) == sorted([*range(60), *range(60)])


def test_a_range_without_footage_says_so(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.add(numbered(6), NOON)
    with pytest.raises(StoreError, match="no footage"):
        movie(recording, 60, 70)
