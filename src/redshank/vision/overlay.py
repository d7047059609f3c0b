"""The camera's own clock in the picture: small places that change in place, again and again, at even intervals.

Pure; part of the motion detector's state, so of the camera's analysis thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from redshank.clock import US_PER_S
from redshank.geometry import intersection, union
from redshank.model import Box

_TALLEST = 0.09
"""Of the picture's height, seams included: what is taller is no text."""
_WIDEST = 0.6
_VISITS = 6
"""Changes at even intervals before a place is known."""
_EVEN_S = 0.17
"""How far from a whole number of seconds an interval may be."""
_PLACES = 12
_FORGET_US = 3600 * US_PER_S


@dataclass(slots=True)
class _Place:
    box: Box
    times: deque[int]
    """When it changed."""
    known: bool = False


class Overlay:
    """Learns such places and takes their changes out of what was found."""

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def covers(self, box: Box) -> bool:
        """Whether the box lies within a known place, so that nothing but the clock can be there."""
        return any(place.known and _within(box, place.box) for place in self._places)

    def sift(self, boxes: Sequence[tuple[Box, bool]], time: int) -> list[Box]:
        """The boxes that are no clock; with each, whether its picture has changed since the last look.

        A person who walks over a clock reaches beyond its place and stays in.
        """
        self._places = [place for place in self._places if 0 <= time - place.times[-1] < _FORGET_US]
        for place in self._places:
            if not place.known and any(intersection(b, place.box) > 0 and not _within(b, place.box) for b, _ in boxes):
                place.times = deque([time], _VISITS)  # wider than we knew, or something passing through: start again
                place.box = max((b for b, _ in boxes if intersection(b, place.box) > 0), key=lambda b: b.area)
        for box, changed in boxes:
            if changed and box.height <= _TALLEST and box.width <= _WIDEST:
                self._learn(box, time)
        return [box for box, _ in boxes if not self.covers(box)]

    def _learn(self, box: Box, time: int) -> None:
        """Note a change."""
        place = next((place for place in self._places if _within(box, place.box)), None)
        if place is None:
            place = next((place for place in self._places if place.known and _same_line(place.box, box)), None)
            if place is not None and _even((time - place.times[-1]) / US_PER_S):
                place.box = union(place.box, box)  # the tens, the minutes: they change when the seconds do
            else:
                self._places = [*self._places[-(_PLACES - 1) :], _Place(box, deque([time], _VISITS))]
            return
        place.times.append(time)
        steps = [(later - earlier) / US_PER_S for earlier, later in pairwise(place.times)]
        place.known = place.known or (len(steps) == _VISITS - 1 and all(step > 0.5 and _even(step) for step in steps))


def _even(seconds: float) -> bool:
    return abs(seconds - round(seconds)) <= _EVEN_S


def _within(box: Box, place: Box) -> bool:
    """Inside the place, give or take a third of its height on every side."""
    slack = max(0.012, place.height / 3)
    grown = replace(place, x1=place.x1 - slack, y1=place.y1 - slack, x2=place.x2 + slack, y2=place.y2 + slack)
    return grown.x1 <= box.x1 and grown.y1 <= box.y1 and box.x2 <= grown.x2 and box.y2 <= grown.y2


def _same_line(place: Box, box: Box) -> bool:
    slack = max(0.012, place.height / 3)
    gap = max(place.x1 - box.x2, box.x1 - place.x2)
    return place.y1 - slack <= box.y1 and box.y2 <= place.y2 + slack and gap < 4 * place.height
