"""The register of still objects: what keeps a parked car, or a person asleep in a chair, from being news again and again.

Three parts, all pure and without threads: `Rest` says since when one object has not left its place; `StillObject` is what
survives a restart (frozen, JSON-able); `Register` remembers still objects that are no longer seen, so that seeing one again in
its place (after darkness, a truck in front, a changed label) is the same object and not an arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from redshank.clock import US_PER_S
from redshank.geometry import intersection, iou
from redshank.model import Box


@dataclass(frozen=True, slots=True)
class Rest:
    """The place an object keeps, and since when."""

    place: Box
    since: int
    left_at: int | None = None
    """When it first was seen outside the place, while that is not yet believed."""

    def step(self, box: Box, time: int, overlap: float, believe_s: float) -> Rest:
        """The object was seen at `box`. It has left its place once it was seen outside for `believe_s` seconds without a break:
        one odd box (a shadow, somebody in front) is not a departure."""
        if _in_place(box, self.place, overlap):
            return self if self.left_at is None else replace(self, left_at=None)
        left_at = time if self.left_at is None else self.left_at
        if time - left_at >= believe_s * US_PER_S:
            return Rest(box, time)
        return replace(self, left_at=left_at)

    def shifted(self, dx: float, dy: float) -> Rest:
        """The same after the camera moved: its picture by `dx` to the right and `dy` down, 0–1."""
        return replace(self, place=shifted(self.place, dx, dy))


@dataclass(frozen=True, slots=True)
class StillObject:
    """One still object, as it is written down. `as_json` and `still_from_json` are inverses."""

    id: str
    label: str
    box: Box
    """Its place."""
    score: float
    top_score: float
    top_time: int
    start: int
    since: int
    """Still since."""
    last_seen: int
    hits: int
    moved: float

    def as_json(self) -> dict[str, Any]:
        """Only str, int, float and list."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"box": [self.box.x1, self.box.y1, self.box.x2, self.box.y2]}


def still_from_json(value: Mapping[str, Any]) -> StillObject:
    """Raises KeyError, TypeError or ValueError on a value that `as_json` did not write; unknown fields are ignored."""
    x1, y1, x2, y2 = (float(side) for side in value["box"])
    return StillObject(
        id=str(value["id"]),
        label=str(value["label"]),
        box=Box(x1, y1, x2, y2),
        score=float(value["score"]),
        top_score=float(value["top_score"]),
        top_time=int(value["top_time"]),
        start=int(value["start"]),
        since=int(value["since"]),
        last_seen=int(value["last_seen"]),
        hits=int(value["hits"]),
        moved=float(value["moved"]),
    )


class Register:
    """Places of still objects that are not seen at present. Bounded: above `most` the one unseen for longest is forgotten.
    Not thread-safe."""

    def __init__(self, remember_s: float, most: int = 200) -> None:
        self._remember_us = round(remember_s * US_PER_S)
        self._most = most
        self._objects: list[StillObject] = []

    def __iter__(self) -> Iterator[StillObject]:
        return iter(self._objects)

    def add(self, still: StillObject) -> None:
        """Remember it from now on."""
        self._objects = [known for known in self._objects if known.id != still.id] + [still]
        if len(self._objects) > self._most:
            self._objects.remove(min(self._objects, key=lambda known: known.last_seen))

    def expire(self, time: int) -> None:
        """Forget what was not seen for too long."""
        self._objects = [known for known in self._objects if time - known.last_seen <= self._remember_us]

    def shift(self, dx: float, dy: float) -> None:
        """The camera moved; see `Rest.shifted`."""
        self._objects = [replace(known, box=shifted(known.box, dx, dy)) for known in self._objects]

    def take(self, box: Box, same: Callable[[str], bool], overlap: float) -> StillObject | None:
        """The remembered object that a detection at `box` is, removed from the register; None when it is none of them.
        `same` says whether a label may be the detection's object."""
        fits = [known for known in self._objects if same(known.label) and _in_place(box, known.box, overlap)]
        if not fits:
            return None
        best = max(fits, key=lambda known: iou(known.box, box))
        self._objects.remove(best)
        return best


def shifted(box: Box, dx: float, dy: float) -> Box:
    return Box(box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy)


def _in_place(box: Box, place: Box, overlap: float) -> bool:
    """Whether `box` may be the object of `place`: it overlaps by `overlap`, or it is a good part of it, the rest being hidden."""
    return iou(box, place) >= overlap or (box.area >= 0.35 * place.area and intersection(box, place) >= 0.9 * box.area)
