"""The camera's own clock in the picture: small places that change in place, again and again, at even intervals.

Pure; part of the motion detector's state, so of the camera's analysis thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from redshank.clock import US_PER_S
from redshank.geometry import intersection, union
from redshank.model import Box

_TALLEST = 0.07
"""Of the picture's height: what is taller is no text."""
_VISITS = 6
"""Changes at even intervals before a place is known."""
_EVEN_S = 0.17
"""How far from a whole number of seconds an interval may be."""
_PLACES = 12
_FORGET_S = 3600.0


@dataclass(slots=True)
class _Place:
    box: Box
    times: deque[int] = field(default_factory=lambda: deque(maxlen=_VISITS))
    """When a change began here."""
    last: int = 0
    known: bool = False


class Overlay:
    """Learns such places and takes their changes out of what was found."""

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def covers(self, box: Box) -> bool:
        """Whether the box lies within a known place, so that nothing but the clock can be there."""
        return any(place.known and _within(box, place.box) for place in self._places)

    def sift(self, boxes: Sequence[Box], time: int) -> list[Box]:
        """The boxes that are no clock. A person who walks over it reaches beyond the place and stays in."""
        self._places = [place for place in self._places if time - place.last < _FORGET_S * US_PER_S]
        for place in self._places:
            if not place.known and any(
                intersection(box, place.box) > 0 and not _within(box, place.box) for box in boxes
            ):
                place.times.clear()  # something passes through: not in place
        kept: list[Box] = []
        for box in boxes:
            if not (self.covers(box) or self._learn(box, time)):
                kept.append(box)
        for place in self._places:
            if any(_within(box, place.box) for box in boxes):
                place.last = time
        return kept

    def _learn(self, box: Box, time: int) -> bool:
        """Note a change; True when the place has just become, or belongs to, a clock."""
        if box.height > _TALLEST or box.width > 8 * _TALLEST:
            return False
        beside = next((place for place in self._places if place.known and _same_line(place.box, box)), None)
        if beside is not None and time - beside.last < 0.4 * US_PER_S:
            beside.box = union(beside.box, box)
            return True
        place = next((place for place in self._places if _within(box, place.box)), None)
        if place is None:
            self._places = [*self._places[-(_PLACES - 1) :], _Place(box, deque([time], _VISITS), time)]
            return False
        if time - place.last < 0.4 * US_PER_S:
            return False  # the same change, still being absorbed
        place.times.append(time)
        steps = [
            (later - earlier) / US_PER_S for earlier, later in zip(place.times, list(place.times)[1:], strict=False)
        ]
        place.known = len(steps) == _VISITS - 1 and all(abs(step - round(step)) <= _EVEN_S for step in steps)
        return place.known


def _within(box: Box, place: Box) -> bool:
    """Inside the place, give or take a third of its height on every side."""
    slack = max(0.012, place.height / 3)
    grown = replace(place, x1=place.x1 - slack, y1=place.y1 - slack, x2=place.x2 + slack, y2=place.y2 + slack)
    return grown.x1 <= box.x1 and grown.y1 <= box.y1 and box.x2 <= grown.x2 and box.y2 <= grown.y2


def _same_line(place: Box, box: Box) -> bool:
    slack = max(0.012, place.height / 3)
    gap = max(place.x1 - box.x2, box.x1 - place.x2)
    return place.y1 - slack <= box.y1 and box.y2 <= place.y2 + slack and gap < 4 * place.height
