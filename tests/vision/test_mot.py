"""MOTChallenge lines, read back as the format says."""

from __future__ import annotations

from redshank.model import Box, Track, TrackState
from redshank.vision.mot import MotLines

FRAME = 40_000


def track(
    number: int, x: float, state: TrackState = TrackState.ACTIVE, seen: bool = True, label: str = "person"
) -> Track:
    box = Box(x, 0.25, x + 0.1, 0.75)
    return Track(f"id-{number}", number, label, state, box, 0.9, 0.9, 0, 0, 0, seen, 1)


def written(pictures: list[list[Track]]) -> list[list[float]]:
    lines: list[str] = []
    mot = MotLines(lines.append, (640, 480))
    for i, tracks in enumerate(pictures):
        mot.add(i + 1, i * FRAME, tracks)
    mot.close()
    assert all(line.endswith(",-1,-1,-1\n") for line in lines)
    return [[float(v) for v in line.split(",")[:7]] for line in lines]


def test_a_line_is_frame_id_left_top_width_height_in_pixels_and_score() -> None:
    assert written([[], [track(3, 0.5)]]) == [[2, 3, 320, 120, 64, 240, 0.9]]


def test_what_came_before_the_confirmation_is_written_and_what_never_was_confirmed_is_not() -> None:
    new = TrackState.NEW
    rows = written([[track(1, 0.1, new), track(2, 0.6, new)], [track(1, 0.1, new)], [track(1, 0.1)]])
    assert [row[:2] for row in rows] == [[1, 1], [2, 1], [3, 1]]


def test_a_short_gap_is_bridged_in_a_straight_line_and_a_long_one_is_not() -> None:
    gap = [[track(1, 0.9, seen=False)]] * 3
    rows = written([[track(1, 0.1)], *gap, [track(1, 0.5)], *[[]] * 30, [track(1, 0.5)]])
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 36]
    assert [round(row[2] / 640, 3) for row in rows[:5]] == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_nothing_is_written_of_a_guess_an_ended_track_or_another_label() -> None:
    rows = written(
        [[track(1, 0.1), track(2, 0.5, label="car")], [track(1, 0.2, seen=False)], [track(1, 0.2, TrackState.ENDED)]]
    )
    assert [row[:2] for row in rows] == [[1, 1]]


def test_lines_come_in_order_and_a_bounded_time_behind() -> None:
    lines: list[str] = []
    mot = MotLines(lines.append, (100, 100), hold_s=2.0)
    for i in range(200):
        mot.add(i + 1, i * FRAME, [track(1, 0.1), track(2, 0.5)])
        assert len(lines) >= 2 * (i - 51)
    mot.close()
    assert [line.split(",")[:2] for line in lines] == [[str(i), str(n)] for i in range(1, 201) for n in (1, 2)]
