"""Tracks as MOTChallenge lines: `frame,id,left,top,width,height,score,-1,-1,-1`, frames from 1, pixels.

(Format: https://motchallenge.net/instructions.) A file may know better than a live view, for it is written with a delay:

- an object's first pictures, from before it was confirmed, are written once it is, and never if it is not;
- a picture in which an object was missed (somebody walked in front of it) between two in which it was seen no more than
  `bridge_s` apart gets the box on the straight line between those two;
- after it was last seen nothing is written: the guess of where it may be is not a sight.

Lines come out in order of frames, `hold_s` behind, so memory is bounded however long the film is. Pure but for the `write` it is
given; one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from redshank.clock import US_PER_S
from redshank.model import Box, Track, TrackState

PEOPLE = frozenset({"person"})


@dataclass(slots=True)
class _Picture:
    frame: int
    time: int
    boxes: dict[int, tuple[Box, float]] = field(default_factory=dict)
    """By track number: the box in 0–1, and its score."""


class MotLines:
    """Takes the tracks of every analysed picture in order, gives lines to `write`. Call `close` for the last ones."""

    def __init__(
        self,
        write: Callable[[str], object],
        size: tuple[int, int],
        *,
        labels: Collection[str] = PEOPLE,
        bridge_s: float = 1.0,
        hold_s: float = 4.0,
    ) -> None:
        """`size`: width and height of the picture in pixels. `labels`: the format has no column for what a thing is, so only
        these are written. `hold_s` must be longer than `bridge_s` and than an object takes to be confirmed."""
        self._write = write
        self._width, self._height = size
        self._labels = labels
        self._bridge_us = round(bridge_s * US_PER_S)
        self._hold_us = round(hold_s * US_PER_S)
        self._pictures: deque[_Picture] = deque()
        self._confirmed: set[int] = set()

    def add(self, frame: int, time: int, tracks: Sequence[Track]) -> None:
        """What the tracker said of picture `frame` (from 1)."""
        picture = _Picture(frame, time)
        for track in tracks:
            if track.state is TrackState.ENDED or track.label not in self._labels:
                continue
            if track.state is not TrackState.NEW:
                self._confirmed.add(track.number)
            if track.seen:
                self._bridge(track, time)
                picture.boxes[track.number] = (track.box, track.score)
        self._pictures.append(picture)
        while self._pictures and time - self._pictures[0].time > self._hold_us:
            self._flush(self._pictures.popleft())

    def close(self) -> None:
        """Write what is held back."""
        while self._pictures:
            self._flush(self._pictures.popleft())

    def _bridge(self, track: Track, time: int) -> None:
        """Fill the pictures since this track was last seen."""
        missed: list[_Picture] = []
        for picture in reversed(self._pictures):
            if time - picture.time > self._bridge_us:
                return
            if track.number in picture.boxes:
                break
            missed.append(picture)
        else:
            return
        before, score = picture.boxes[track.number]
        for gap in missed:
            part = (gap.time - picture.time) / (time - picture.time)
            gap.boxes[track.number] = (_between(before, track.box, part), min(score, track.score))

    def _flush(self, picture: _Picture) -> None:
        for number, (box, score) in sorted(picture.boxes.items()):
            if number in self._confirmed:
                left, top = box.x1 * self._width, box.y1 * self._height
                width, height = box.width * self._width, box.height * self._height
                self._write(
                    f"{picture.frame},{number},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
                )


def _between(a: Box, b: Box, part: float) -> Box:
    """The box on the straight line from `a` (0) to `b` (1)."""
    return Box(
        a.x1 + (b.x1 - a.x1) * part,
        a.y1 + (b.y1 - a.y1) * part,
        a.x2 + (b.x2 - a.x2) * part,
        a.y2 + (b.y2 - a.y2) * part,
    )
