"""Where the detector looks: crops around motion and live tracks, and how their answers become one. Pure; boxes are 0–1.

A full picture shrinks a distant person below what the model can see; a crop shows it at the stream's own resolution and, being
one inference either way, costs the same. A box cut by a crop's edge is only part of an object, so it yields to a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from redshank.geometry import clip, intersection, iou, union
from redshank.model import Box, Detection

FULL = Box(0.0, 0.0, 1.0, 1.0)
MAX_CROPS = 3
PADDING = 0.25
"""Added on each side, in sizes of the region: motion shows legs before it shows a person."""
WORTH_A_CROP = 0.6
"""A crop set that covers more of the picture than this is not worth it: one look at everything."""
SAME = 0.55
EDGE = 0.004
PART_INSIDE = 0.7


@dataclass(frozen=True, slots=True)
class PictureSize:
    """Pixels of the analysed stream and of the model's input."""

    width: int
    height: int
    input_width: int
    input_height: int


def plan(regions: Iterable[Box], size: PictureSize) -> tuple[Box, ...]:
    """At most MAX_CROPS crops that hold every region with room around it; (FULL,) when that is no more work; () for nothing."""
    crops = [_roomy(region, size) for region in regions]
    while (pair := _best_merge(crops, force=len(crops) > MAX_CROPS)) is not None:
        a, b = pair
        crops = [c for i, c in enumerate(crops) if i not in (a, b)] + [
            _roomy(union(crops[a], crops[b]), size, padding=0.0)
        ]
    if not crops:
        return ()
    if (len(crops) > 1 and sum(c.area for c in crops) > WORTH_A_CROP) or any(c.area > 0.8 for c in crops):
        return (FULL,)
    return tuple(crops)


def merge(crops: Sequence[Box], answers: Sequence[Sequence[Detection]]) -> tuple[Detection, ...]:
    """Detections of all crops in the whole picture, each object once, best first."""
    placed = [
        (_place(found, crop), _is_cut(found.box, crop))
        for crop, each in zip(crops, answers, strict=True)
        for found in each
    ]
    placed.sort(key=lambda item: (item[1], -item[0].score))
    kept: list[Detection] = []
    for found, cut in placed:
        if not any(_same(found, other, cut) for other in kept):
            kept.append(found)
    return tuple(sorted(kept, key=lambda d: -d.score))


def _roomy(region: Box, size: PictureSize, padding: float = PADDING) -> Box:
    """Padded, at least as large as the model's input in pixels (or the picture), of the input's shape, inside the picture."""
    width = max(region.width * (1 + 2 * padding), min(1.0, size.input_width / size.width))
    height = max(region.height * (1 + 2 * padding), min(1.0, size.input_height / size.height))
    shape = size.input_width / size.input_height * size.height / size.width
    width, height = min(1.0, max(width, height * shape)), min(1.0, max(height, width / shape))
    x = min(max(0.0, (region.x1 + region.x2 - width) / 2), 1.0 - width)
    y = min(max(0.0, (region.y1 + region.y2 - height) / 2), 1.0 - height)
    return clip(Box(x, y, x + width, y + height))


def _best_merge(crops: Sequence[Box], force: bool) -> tuple[int, int] | None:
    """The pair whose union wastes least; only pairs that save area unless there are too many crops."""
    best: tuple[float, int, int] | None = None
    for a in range(len(crops)):
        for b in range(a + 1, len(crops)):
            waste = union(crops[a], crops[b]).area - crops[a].area - crops[b].area
            if (force or waste <= 0) and (best is None or waste < best[0]):
                best = (waste, a, b)
    return best[1:] if best else None


def _place(found: Detection, crop: Box) -> Detection:
    box = found.box
    return Detection(
        found.label,
        found.score,
        clip(
            Box(
                crop.x1 + box.x1 * crop.width,
                crop.y1 + box.y1 * crop.height,
                crop.x1 + box.x2 * crop.width,
                crop.y1 + box.y2 * crop.height,
            )
        ),
    )


def _is_cut(box: Box, crop: Box) -> bool:
    """Whether the box ends at a side of the crop that is not a side of the picture."""
    return (
        (box.x1 < EDGE and crop.x1 > EDGE)
        or (box.y1 < EDGE and crop.y1 > EDGE)
        or (box.x2 > 1 - EDGE and crop.x2 < 1 - EDGE)
        or (box.y2 > 1 - EDGE and crop.y2 < 1 - EDGE)
    )


def _same(found: Detection, other: Detection, cut: bool) -> bool:
    if found.label != other.label:
        return False
    if iou(found.box, other.box) > SAME:
        return True
    return cut and intersection(found.box, other.box) > PART_INSIDE * found.box.area
