"""Where the picture changes: frames in, a few boxes out.

Works on a strided, slightly blurred view of the luma plane (some 320 px wide, no colour conversion) against a background that is
learned per pixel as a mean and a deviation, in *time*, not in frames: 5 fps, 25 fps and a keyframe every 8 s learn alike. Pure;
the detector belongs to the camera's analysis thread. Why it is built so, and what was measured: docs/design/idle.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp

import cv2
import numpy as np
from numpy.typing import NDArray

from redshank.clock import US_PER_S
from redshank.geometry import Polygon
from redshank.model import Box, Frame
from redshank.vision.overlay import Overlay

_Gray = NDArray[np.uint8]
_Real = NDArray[np.float32]

_WIDTH = 320
"""The view has at least this many columns (where the picture has)."""
_LEARN_S = 4.0
"""Time constant of the background where nothing moves."""
_ABSORB_S = 30.0
"""Time constant where something moves: how long a thing that stays is still called motion."""
_NOISE_UP_S, _NOISE_DOWN_S = 1.0, 60.0
"""The deviation rises fast and falls slowly, so that it remembers what every keyframe does to the picture."""
_NOISES = 4.0
"""A pixel has changed when it is so many deviations off its mean, and more than the floor of the sensitivity."""
_JUMP, _LAMP = 0.7, 0.12
"""Share of the picture above which a change is light whatever it looks like; above which it is light when the texture stays."""
_SAME_TEXTURE = 0.7
"""Correlation of detail before and after, above which the surface is the same and only its light has changed."""
_GREY, _COLOUR = 1.0, 2.5
"""Mean distance of chroma from neutral, levels: below is an infrared picture, above certainly is not."""
_MOST = 8
"""Regions per look."""
_GLANCE = 0.6
"""In a picture without its predecessors only the edges of what moves show: this share of the minimum area is enough."""
_CANDIDATES = 64
"""Changed places per look that are examined, largest first."""


@dataclass(frozen=True, slots=True)
class MotionSettings:
    """What a user may set for one camera."""

    sensitivity: int = 50
    """1 (only strong changes) to 100 (everything above the noise)."""
    min_area: float = 0.0001
    """Smallest moving thing, as a share of the picture. 0.0001 is a person of 3 % of a 16:9 picture's height."""
    min_frames: int = 2
    """Looks in a row that must see it before it is a region; until then it is a suspect."""
    masks: tuple[Polygon, ...] = field(default=())
    """Polygons, 0–1 of the picture, where motion does not count."""
    overlay: bool = True
    """Learn and ignore an on-screen clock."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What one look saw. Boxes are 0–1 of the frame."""

    amount: float = 0.0
    """Share of the unmasked picture that is in motion."""
    regions: tuple[Box, ...] = ()
    """Confirmed motion, largest first, at most eight boxes that do not overlap."""
    suspects: tuple[Box, ...] = ()
    """Seen in this look but in too few before it. Reason to look again, not yet motion."""
    light_jump: bool = False
    """The light changed (lamp, cloud, infrared switch): the background was learned anew."""

    @property
    def anything(self) -> bool:
        """Whether it is worth staying awake."""
        return bool(self.regions or self.suspects)


class MotionDetector:
    """The background of one camera and what moves before it."""

    def __init__(self, settings: MotionSettings | None = None) -> None:
        self._settings = settings or MotionSettings()
        self._floor = 24.0 * 0.035 ** (min(100, max(1, self._settings.sensitivity)) / 100)
        self._shape = (0, 0)
        self._time = 0
        self._looks = 0
        self._chroma = 0.0
        self._mean: _Real = np.zeros((0, 0), np.float32)
        self._noise = self._mean
        """How far a pixel strays from its mean, levels."""
        self._known: tuple[_Gray, _Gray] | None = None
        """Mean and limit of change as they are now, 8 bit; None when they must be worked out again."""
        self._before: _Gray = np.zeros((0, 0), np.uint8)
        """The view of the last look that learned."""
        self._open = self._before
        """255 where motion counts."""
        self._open_share = 1.0
        self._aged: list[tuple[Box, int]] = []
        """What the last look found, and for how many looks in a row."""
        self._overlay = Overlay()

    def look(self, frame: Frame, *, learn: bool = True) -> Motion:
        """Hold a frame against the background, then learn from it.

        `learn=False` is for a picture decoded without its predecessors: every change is a suspect and nothing is remembered. The
        first frame of a size is only learned. Times may jump either way.
        """
        view = _view(frame)
        if view.shape != self._shape:
            self._begin(view)
            self._restart(view, frame)
            return Motion()
        strays, changed = self._changed(view)
        share = cv2.countNonZero(changed) / changed.size / self._open_share
        if self._is_light(frame, view, changed, share):
            self._restart(view, frame)
            return Motion(light_jump=True)
        found, lit = self._things(view, changed, 1.0 if learn else _GLANCE) if share else ([], [])
        if not learn:
            return Motion(share, (), tuple(box for box in found if not self._overlay.covers(box)))
        self._learn(view, strays, changed, min(10.0, max(0.0, (frame.time - self._time) / US_PER_S)))
        for part in lit:
            self._mean[part] = view[part]
        self._time = frame.time
        if self._settings.overlay and found:
            found = self._overlay.sift([(box, self._differs(view, box)) for box in found], frame.time)
        self._before = view
        return self._confirmed(found, share)

    def _begin(self, view: _Gray) -> None:
        rows, columns = view.shape
        self._shape = (rows, columns)
        self._noise = np.full(view.shape, 2.0, np.float32)
        self._open = _unmasked(self._settings.masks, rows, columns)
        self._open_share = max(1e-6, cv2.countNonZero(self._open) / view.size)
        self._overlay = Overlay()

    def _restart(self, view: _Gray, frame: Frame) -> None:
        """Take this picture as the background."""
        self._mean = view.astype(np.float32)
        self._before = view
        self._known = None
        self._aged = []
        self._looks = 1
        self._time = frame.time
        self._chroma = _chroma(frame)

    def _changed(self, view: _Gray) -> tuple[_Gray, _Gray]:
        """How far each pixel is off its mean, without what moved the whole picture alike; and where that is more than noise."""
        if self._known is None:
            limit = cv2.max(cv2.convertScaleAbs(self._noise, alpha=_NOISES), self._floor)
            self._known = cv2.convertScaleAbs(self._mean), limit
        mean, limit = self._known
        rows, columns = view.shape
        sample = slice(min(4, rows // 2), None, 8), slice(min(4, columns // 2), None, 8)
        drift = round(float(np.median(view[sample].astype(np.int16) - mean[sample])))
        if drift:
            view = cv2.subtract(view, float(drift)) if drift > 0 else cv2.add(view, float(-drift))
        strays = cv2.absdiff(view, mean)
        changed = cv2.bitwise_and(cv2.compare(strays, limit, cv2.CMP_GT), self._open)
        return strays, changed

    def _is_light(self, frame: Frame, view: _Gray, changed: _Gray, share: float) -> bool:
        """Whether the light changed and nothing else: infrared switched, or much of the picture changed but kept its detail."""
        if share < 0.02 and self._looks % 16:
            return False
        before, self._chroma = self._chroma, _chroma(frame)
        if min(before, self._chroma) < _GREY and max(before, self._chroma) > _COLOUR:
            return True
        return share > _JUMP or (share > _LAMP and _texture(view, self._mean, changed) > _SAME_TEXTURE)

    def _things(self, view: _Gray, changed: _Gray, scale: float) -> tuple[list[Box], list[tuple[slice, slice]]]:
        """Boxes of what changed, and the parts of the view where only the light did."""
        rows, columns = self._shape
        outlines, _ = cv2.findContours(cv2.dilate(changed, _REACH), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        least = scale * max(4.0, 0.8 * self._settings.min_area * changed.size)
        things: list[Box] = []
        lit: list[tuple[slice, slice]] = []
        for left, top, width, height in sorted(map(cv2.boundingRect, outlines), key=lambda b: -b[2] * b[3])[
            :_CANDIDATES
        ]:
            part = (slice(top, top + height), slice(left, left + width))
            pixels = cv2.countNonZero(changed[part])
            if pixels < least:
                continue
            if pixels > 0.004 * changed.size and _texture(view[part], self._mean[part], changed[part]) > _SAME_TEXTURE:
                lit.append(part)
            else:
                things.append(Box(left / columns, top / rows, (left + width) / columns, (top + height) / rows))
        return _merged(things), lit

    def _learn(self, view: _Gray, strays: _Gray, changed: _Gray, elapsed: float) -> None:
        """Move mean and deviation towards the picture: slowly where things move."""
        rate = max(_share(elapsed, _LEARN_S), 1 / (self._looks + 1) if self._looks < 8 else 0.0)
        self._looks += 1
        self._known = None
        calm = cv2.bitwise_not(changed)
        slow = _share(elapsed, _ABSORB_S)
        cv2.accumulateWeighted(view, self._mean, rate, calm)
        cv2.accumulateWeighted(view, self._mean, slow, changed)
        beyond = cv2.compare(strays, cv2.convertScaleAbs(self._noise), cv2.CMP_GT)
        cv2.accumulateWeighted(strays, self._noise, _share(elapsed, _NOISE_UP_S) / 2, cv2.bitwise_and(beyond, calm))
        cv2.accumulateWeighted(strays, self._noise, max(0.01, _share(elapsed, _NOISE_DOWN_S)), cv2.bitwise_not(beyond))
        cv2.accumulateWeighted(strays, self._noise, slow, changed)

    def _differs(self, view: _Gray, box: Box) -> bool:
        """Whether this part of the picture has changed since the last look."""
        rows, columns = self._shape
        part = (slice(int(box.y1 * rows), round(box.y2 * rows)), slice(int(box.x1 * columns), round(box.x2 * columns)))
        change = cv2.absdiff(view[part], self._before[part])
        return cv2.countNonZero(cv2.compare(change, 4 * self._floor, cv2.CMP_GT)) >= 4

    def _confirmed(self, found: list[Box], share: float) -> Motion:
        self._aged = [(box, 1 + max((age for old, age in self._aged if _near(old, box)), default=0)) for box in found]
        enough = self._settings.min_frames
        regions = tuple(box for box, age in self._aged if age >= enough)
        suspects = tuple(box for box, age in self._aged if age < enough)
        return Motion(share if found else 0.0, regions, suspects)


_REACH = np.ones((5, 7), np.uint8)
"""What is nearer than this in the view is one thing."""


def _share(elapsed: float, constant: float) -> float:
    """How much of the way an exponential average goes in this time."""
    return 1 - exp(-elapsed / constant)


def _view(frame: Frame) -> _Gray:
    step = max(1, frame.width // _WIDTH)
    view: _Gray = cv2.blur(np.ascontiguousarray(frame.y[step // 2 :: step, step // 2 :: step]), (3, 3))
    return view


def _chroma(frame: Frame) -> float:
    """Mean distance of a sparse sample of both chroma planes from neutral."""
    step = max(1, frame.width // 80)
    parts = [np.ascontiguousarray(plane[step // 2 :: step, step // 2 :: step]) for plane in (frame.u, frame.v)]
    return float(sum(cv2.norm(part, np.full_like(part, 128), cv2.NORM_L1) / part.size for part in parts))


def _unmasked(masks: Sequence[Polygon], rows: int, columns: int) -> _Gray:
    """255 where motion counts."""
    view = np.full((rows, columns), 255, np.uint8)
    for polygon in masks:
        points = np.array([(x * columns, y * rows) for x, y in polygon])
        cv2.fillPoly(view, [np.round(points).astype(np.int32)], 0)
    return view


def _texture(view: _Gray, mean: _Real, changed: _Gray) -> float:
    """Correlation, -1 to 1, of the fine detail before and after where something changed; 0 when there is no detail to hold on to."""
    now, before = view.astype(np.float32), mean
    now, before = now - cv2.blur(now, (9, 9)), before - cv2.blur(before, (9, 9))
    inside = changed > 0
    a, b = now[inside], before[inside]
    strength = float(np.sqrt((a @ a) * (b @ b)))
    flat = 1.5 * 1.5 * a.size
    return float(a @ b) / strength if strength > flat else 0.0


def _near(a: Box, b: Box) -> bool:
    """Whether b may be the thing that was at a one look ago: the boxes, each grown by half its size, meet."""
    x, y = (a.width + b.width) / 4, (a.height + b.height) / 4
    return a.x1 - x <= b.x2 and b.x1 - x <= a.x2 and a.y1 - y <= b.y2 and b.y1 - y <= a.y2


def _merged(boxes: list[Box]) -> list[Box]:
    """Largest first; overlapping ones become one, and beyond the limit each joins the one it enlarges least."""
    result: list[Box] = []
    for box in sorted(boxes, key=lambda b: -b.area):
        meeting = [other for other in result if _meet(other, box)]
        if not meeting and len(result) >= _MOST:
            meeting = [min(result, key=lambda other: _around(other, box).area - other.area)]
        while meeting:
            for other in meeting:
                result.remove(other)
                box = _around(other, box)
            meeting = [other for other in result if _meet(other, box)]
        result.append(box)
    return sorted(result, key=lambda b: -b.area)


def _meet(a: Box, b: Box) -> bool:
    return a.x1 < b.x2 and b.x1 < a.x2 and a.y1 < b.y2 and b.y1 < a.y2


def _around(a: Box, b: Box) -> Box:
    return Box(min(a.x1, b.x1), min(a.y1, b.y1), max(a.x2, b.x2), max(a.y2, b.y2))
