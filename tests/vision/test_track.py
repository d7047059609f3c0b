"""The tracker, on scripted detections: no detector, no picture, no clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import pytest

from redshank.clock import US_PER_S
from redshank.model import Box, Detection, Track, TrackState
from redshank.vision.track import Tracker, TrackSettings

START = 1_767_225_600 * US_PER_S
SETTINGS = TrackSettings(aspect=16 / 9)

Look = tuple[float, list[Detection]]
"""Seconds since the start, and what the detector saw."""


def tracker(settings: TrackSettings = SETTINGS) -> Tracker:
    numbers = itertools.count(1)
    return Tracker(settings, lambda _: f"id-{next(numbers)}")


def person(x: float, y: float = 0.6, score: float = 0.8, label: str = "person") -> Detection:
    """A box of a standing person around the centre (x, y): 0.4 of the height of a 16:9 picture."""
    return Detection(label, score, Box(x - 0.045, y - 0.2, x + 0.045, y + 0.2))


def car(x: float, label: str = "car", score: float = 0.7, y: float = 0.5) -> Detection:
    return Detection(label, score, Box(x - 0.1, y - 0.1, x + 0.1, y + 0.1))


def walk(until_s: float, fps: float, at: Callable[[float], list[Detection]]) -> list[Look]:
    return [(i / fps, at(i / fps)) for i in range(round(until_s * fps))]


def play(track: Tracker, looks: Iterable[Look]) -> list[tuple[Track, ...]]:
    return [track.update(START + round(at * US_PER_S), seen) for at, seen in looks]


def ids(pictures: Sequence[tuple[Track, ...]]) -> set[str]:
    """Of all confirmed objects."""
    return {t.id for tracks in pictures for t in tracks if t.state in (TrackState.ACTIVE, TrackState.STATIONARY)}


@pytest.mark.parametrize("fps", [5, 7, 15, 25, 30])
def test_one_person_crossing_is_one_track_at_every_rate(fps: int) -> None:
    pictures = play(
        tracker(), [*walk(8, fps, lambda t: [person(0.05 + 0.11 * t)]), *[(8 + i / fps, []) for i in range(5 * fps)]]
    )
    assert len(ids(pictures)) == 1
    assert [t.state for tracks in pictures for t in tracks].count(TrackState.ENDED) == 1
    assert pictures[-1] == ()
