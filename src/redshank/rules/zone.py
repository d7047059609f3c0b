"""How long an object has been in which zone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from redshank.geometry import Polygon, clip, contains
from redshank.model import Track


@dataclass(frozen=True, slots=True)
class Inside:
    """An unbroken stay in a zone."""

    zone: str
    looks: int
    since: int
    """Time of the first look inside."""


def look(
    stay: tuple[Inside, ...],
    polygons: Mapping[str, Polygon],
    only: Mapping[str, tuple[str, ...]],
    track: Track,
    time: int,
) -> tuple[Inside, ...]:
    """The stays after one more look at the object. It stands where the bottom-centre of the visible part of its box is; one
    look outside ends a stay. `only`: zone → the labels that count there, if not all."""
    if not polygons:
        return ()
    foot = clip(track.box).foot
    known = {one.zone: one for one in stay}
    found = []
    for zone, polygon in polygons.items():
        labels = only.get(zone)
        if (not labels or track.label in labels) and contains(polygon, foot):
            before = known.get(zone)
            # A stay that began in the future (the clock was set back) begins now.
            found.append(Inside(zone, before.looks + 1, min(before.since, time)) if before else Inside(zone, 1, time))
    return tuple(found)


def counted(stay: tuple[Inside, ...], inertia: int) -> tuple[str, ...]:
    """The zones the object counts as being in."""
    return tuple(one.zone for one in stay if one.looks >= inertia)
