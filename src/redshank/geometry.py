"""Overlap, containment, polygons. Pure; coordinates are 0–1 of the reference picture, y grows downwards."""

from __future__ import annotations

from collections.abc import Sequence

from redshank.model import Box

Point = tuple[float, float]
Polygon = Sequence[Point]


def intersection(a: Box, b: Box) -> float:
    """Area both boxes share."""
    width = min(a.x2, b.x2) - max(a.x1, b.x1)
    height = min(a.y2, b.y2) - max(a.y1, b.y1)
    return width * height if width > 0 and height > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union, 0–1."""
    shared = intersection(a, b)
    union = a.area + b.area - shared
    return shared / union if union > 0 else 0.0


def union(a: Box, b: Box) -> Box:
    """The smallest box around both."""
    return Box(min(a.x1, b.x1), min(a.y1, b.y1), max(a.x2, b.x2), max(a.y2, b.y2))


def clip(box: Box) -> Box:
    """The part of the box inside the picture."""

    def unit(value: float) -> float:
        return min(1.0, max(0.0, value))

    return Box(unit(box.x1), unit(box.y1), unit(box.x2), unit(box.y2))


def contains(polygon: Polygon, point: Point) -> bool:
    """Even-odd rule; a point exactly on an edge counts as inside."""
    x, y = point
    inside = False
    previous = polygon[-1]
    for current in polygon:
        (x1, y1), (x2, y2) = previous, current
        if (
            _cross(previous, current, point) == 0
            and min(x1, x2) <= x <= max(x1, x2)
            and min(y1, y2) <= y <= max(y1, y2)
        ):
            return True
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
        previous = current
    return inside


def crosses_itself(polygon: Polygon) -> bool:
    """Whether two edges that are not neighbours meet: such a zone means nothing certain and is refused."""
    edges = list(zip(polygon, [*polygon[1:], polygon[0]], strict=True))
    return any(
        _edges_meet(*edges[i], *edges[j])
        for i in range(len(edges))
        for j in range(i + 2, len(edges))
        if not (i == 0 and j == len(edges) - 1)
    )


def area(polygon: Polygon) -> float:
    """Shoelace area, never negative."""
    pairs = zip(polygon, [*polygon[1:], polygon[0]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def _cross(origin: Point, a: Point, b: Point) -> float:
    return (a[0] - origin[0]) * (b[1] - origin[1]) - (a[1] - origin[1]) * (b[0] - origin[0])


def _edges_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _cross(a, b, c) * _cross(a, b, d) <= 0 and _cross(c, d, a) * _cross(c, d, b) <= 0
