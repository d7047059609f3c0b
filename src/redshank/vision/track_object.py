"""What the tracker knows of one object besides its filter. Owned by one `Tracker` and its thread."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from typing import TYPE_CHECKING

from redshank.geometry import clip
from redshank.model import Box, Detection, Track, TrackState
from redshank.vision.still import Rest, StillObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEARN = 0.1
"""Weight of the newest sight in what an object looks like."""
_STEP = 0.1
"""A path is counted in steps of so many sizes: a trembling box goes nowhere."""


@dataclass(slots=True)
class Object:
    """Mutable; the tracker's own. Fields as in `model.Track` where the names agree."""

    id: str
    number: int
    kind: int
    """Of the tracker's kinds of labels."""
    votes: dict[str, float]
    """Sum of scores by label: the label is the one with most."""
    state: TrackState
    score: float
    top_score: float
    top_time: int
    start: int
    last_seen: int
    rest: Rest
    hits: int
    box: Box
    """Of the latest detection."""
    seen: bool = True
    moved: float = 0.0
    path_end: tuple[float, float] | None = None
    missing_s: float = 0.0
    """Seconds of looks since it was surely seen."""
    look: Floats | None = None
    """What it looks like, a vector of length one."""
    changed: float = 0.0
    """How unlike itself it was when last seen."""

    @classmethod
    def begin(cls, id: str, number: int, kind: int, seen: Detection, time: int) -> Object:
        """An object from its first detection."""
        votes, rest = {seen.label: seen.score}, Rest(seen.box, time)
        return cls(id, number, kind, votes, TrackState.NEW, seen.score, seen.score, time, time, time, rest, 1, seen.box)

    @classmethod
    def back(cls, known: StillObject, number: int, kind: int) -> Object:
        """A still object, live again and not yet seen."""
        return cls(
            id=known.id,
            number=number,
            kind=kind,
            votes={known.label: known.score * known.hits},
            state=TrackState.STATIONARY,
            score=known.score,
            top_score=known.top_score,
            top_time=known.top_time,
            start=known.start,
            last_seen=known.last_seen,
            rest=Rest(known.box, known.since),
            hits=known.hits,
            box=known.box,
            seen=False,
            moved=known.moved,
        )

    @property
    def label(self) -> str:
        return max(self.votes, key=self.votes.__getitem__)

    def see(self, seen: Detection, time: int, look: Floats | None) -> None:
        """Another detection of it. `look`: what it looked like, None where that is not certain."""
        self.seen, self.last_seen, self.score, self.box = True, time, seen.score, seen.box
        self.hits += 1
        self.votes[seen.label] = self.votes.get(seen.label, 0.0) + seen.score
        if seen.score > self.top_score:
            self.top_score, self.top_time = seen.score, time
        if look is None:
            return
        if self.look is None:
            self.look = look
            return
        alike = float(self.look @ look)
        self.changed = 1.0 - alike
        old = 1.0 - _LEARN
        length = sqrt(old * old + _LEARN * _LEARN + 2 * old * _LEARN * alike)
        self.look = (old / length) * self.look + (_LEARN / length) * look

    def go(self, box: Box, aspect: float) -> None:
        """Add to its path."""
        here = (box.x1 + box.x2) / 2 * aspect, (box.y1 + box.y2) / 2
        if self.path_end is None:
            self.path_end = here
        step = hypot(here[0] - self.path_end[0], here[1] - self.path_end[1])
        if step >= _STEP * max(box.width * aspect, box.height):
            self.moved += step
            self.path_end = here

    def still(self) -> StillObject:
        """It as a still object, at its place."""
        return StillObject(
            id=self.id,
            label=self.label,
            box=self.rest.place,
            score=self.score,
            top_score=self.top_score,
            top_time=self.top_time,
            start=self.start,
            since=self.rest.since,
            last_seen=self.last_seen,
            hits=self.hits,
            moved=self.moved,
        )

    def track(self, expected: Box) -> Track:
        """It as it stands; `expected`: the filter's box. The box shown lies halfway between that and the detection: the filter
        lags behind whoever turns, the detector trembles."""
        return Track(
            id=self.id,
            number=self.number,
            label=self.label,
            state=self.state,
            box=_inside(_between(expected, self.box) if self.seen else expected),
            score=self.score,
            top_score=self.top_score,
            top_time=self.top_time,
            start=self.start,
            last_seen=self.last_seen,
            seen=self.seen,
            hits=self.hits,
            moved=self.moved,
        )


def _between(a: Box, b: Box) -> Box:
    return Box((a.x1 + b.x1) / 2, (a.y1 + b.y1) / 2, (a.x2 + b.x2) / 2, (a.y2 + b.y2) / 2)


def _inside(box: Box) -> Box:
    """`clip`, but most boxes are inside already."""
    return box if box.x1 >= 0 and box.y1 >= 0 and box.x2 <= 1 and box.y2 <= 1 else clip(box)
