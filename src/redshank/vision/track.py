"""From detections to objects over time: our own tracker in the manner of ByteTrack.

ByteTrack (Y. Zhang et al., ECCV 2022) joins sure detections to known objects first, then lets the doubtful ones continue what
is already known but never begin anything. On top of it: real time steps (a camera is looked at 5 times a second, a clip 25
times, an idle camera after a minute), looks at parts of the picture, kinds of labels that a detector confuses, appearance where
the caller has it, a camera that is pushed, and the register of still objects (`vision.still`).

One `Tracker` per camera, owned by its analysis thread. Pure: time comes with the detections. Why each setting has its value, and
what was measured: docs/design/tracking.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from redshank.clock import US_PER_S
from redshank.geometry import clip, intersection, iou
from redshank.model import Box, Detection, Track, TrackState
from redshank.vision.kalman import Filters, MotionModel
from redshank.vision.still import Register, StillObject
from redshank.vision.track_match import Pairs, assign, camera_shift, centred, cornered, duplicates, overlaps, unlike
from redshank.vision.track_object import Object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WHOLE = (Box(0.0, 0.0, 1.0, 1.0),)
KINDS = (
    frozenset({"car", "truck", "bus", "van", "train"}),
    frozenset({"bicycle", "motorcycle", "motorbike"}),
    frozenset({"cat", "dog", "horse", "sheep", "cow", "bear", "zebra", "giraffe", "elephant"}),
)
"""Labels (of COCO) that a detector takes for one another: within a kind a new label is no new object."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """Defaults hold for every camera. Overlaps are IoU, times are seconds."""

    aspect: float = 16 / 9
    """Width by height of the picture in pixels."""
    low_score: float = 0.2
    """Detections below are ignored."""
    high_score: float = 0.5
    """From here a detection is sure; a doubtful one only continues an object."""
    birth_score: float = 0.5
    """From here a detection that belongs to nothing begins an object."""
    confirm_hits: int = 3
    confirm_score: float = 0.7
    """A new object is confirmed after so many detections, the best at least this good …"""
    confirm_s: float = 1.0
    """… or seen for so long: a faint one that stays is real too."""
    overlap: float = 0.1
    """Least overlap of a sure detection with where the object is expected …"""
    overlap_new: float = 0.2
    """… when the object is not confirmed yet, so that its speed is hardly known …"""
    overlap_doubtful: float = 0.4
    """… of a doubtful detection, and of any with an object that stood still: what passes in front is another."""
    merge: float = 0.75
    """Detections of one kind that overlap more are one."""
    unlikeness: float = 0.7
    """Share of the overlap that a detection of quite another appearance loses."""
    unlikeness_lost: float = 0.9
    """The same for an object that was lost, whose place is a guess."""
    again_likeness: float = 0.45
    again_reach: float = 0.5
    """A lost object is found again by appearance alone, this like or more (0–1), within so many of its sizes."""
    doubt_s: float = 0.3
    """So long after a sure detection doubtful ones may continue an object that moves."""
    lost_new_s: float = 0.5
    """An object not confirmed yet ends after being looked for so long in vain …"""
    lost_s: float = 2.0
    """… an active one …"""
    still_lost_s: float = 120.0
    """… a stationary one, whose place is then remembered."""
    miss_most_s: float = 1.0
    """One look in vain counts as no more than this, however long ago the look before was."""
    still_s: float = 5.0
    """An object that kept its place so long is stationary."""
    still_overlap: float = 0.6
    """It keeps its place while its box overlaps the place so much."""
    still_leave_s: float = 0.5
    """It left once it was seen outside for so long."""
    remember_s: float = 43_200.0
    """For so long a stationary object is known again when it is seen in its place."""
    kinds: tuple[frozenset[str], ...] = KINDS
    motion: MotionModel = field(default_factory=MotionModel)


@dataclass(slots=True)
class _Found:
    """The usable detections of one look, best first; row j of each belongs together."""

    detections: list[Detection]
    boxes: Floats
    """(m, 4) corners in picture heights."""
    kinds: NDArray[np.int64]
    looks: list[Floats | None]
    alone: list[bool]
    """No other detection hides part of it: its appearance is its own."""
    taken: list[bool]


class Tracker:
    """The objects of one camera. Not thread-safe."""

    def __init__(self, settings: TrackSettings, new_id: Callable[[int], str]) -> None:
        """`new_id` makes the id of an object from its start time, see `clock.new_id`."""
        self._settings = settings
        self._new_id = new_id
        self._filters = Filters(settings.motion)
        self._objects: list[Object] = []
        """Row i of the filters is object i."""
        self._register = Register(settings.remember_s)
        self._time: int | None = None
        self._gap_s = 0.0
        self._numbers = 0
        self._usual_change = 0.03
        """Usual unlikeness of an object to itself on this camera: small in the dark, large where light and shade alternate."""
        self._kinds = {label: i for i, kind in enumerate(settings.kinds) for label in kind}

    def update(
        self,
        time: int,
        detections: Sequence[Detection],
        *,
        looked: Sequence[Box] = WHOLE,
        appearance: NDArray[np.float32] | None = None,
    ) -> tuple[Track, ...]:
        """One look at the picture of `time`; all live objects, and those that ended now.

        `looked` are the parts of the picture that the detector saw: objects elsewhere are neither missed nor confirmed.
        `appearance` (number of detections, any length) holds a vector per detection (`track_look.look`), a row of NaN or zeros
        meaning unknown. A time before the last one counts as no time passing.
        """
        self._gap_s = 0.0 if self._time is None else max(0, time - self._time) / US_PER_S
        self._time = time
        self._filters.predict(self._gap_s)
        found = self._sift(detections, appearance)
        for one in self._objects:
            one.seen = False
        self._follow_camera(found)
        self._match(time, found)
        self._begin(time, found)
        ended = self._miss(looked)
        self._register.expire(time)
        tracks = tuple(one.track(box) for one, box in zip(self._objects, self._boxes(), strict=True))
        self._drop(ended)
        return tracks

    def still(self) -> tuple[StillObject, ...]:
        """The register: every stationary object, seen or only remembered. Written down, it lets `restore` know them again."""
        live = [one.still() for one in self._objects if one.state is TrackState.STATIONARY]
        return (*live, *self._register)

    def restore(self, objects: Iterable[StillObject], time: int) -> None:
        """Before the first update: these were still when the program stopped. They are tracks again at once, stationary and
        not seen, and end in the usual way when they are not there any more."""
        for known in objects:
            if time - known.last_seen <= self._settings.remember_s * US_PER_S:
                self._return(known)

    # --- one look, step by step -------------------------------------------------------------------------------------

    def _sift(self, detections: Sequence[Detection], appearance: NDArray[np.float32] | None) -> _Found:
        """The usable detections without doubles."""
        order = sorted(
            (i for i, one in enumerate(detections) if one.score >= self._settings.low_score and _usable(one.box)),
            key=lambda i: -detections[i].score,
        )
        boxes = self._array([detections[i].box for i in order])
        kinds = np.array([self._kind(detections[i].label) for i in order], dtype=np.int64)
        among = overlaps(boxes, boxes)
        keep = np.flatnonzero(~duplicates(among, kinds, self._settings.merge))
        chosen = [order[k] for k in keep]
        near = among[np.ix_(keep, keep)] > 0.3
        return _Found(
            detections=[detections[i] for i in chosen],
            boxes=boxes[keep],
            kinds=kinds[keep],
            looks=_looks(appearance, chosen),
            alone=(near.sum(axis=1) <= 1).tolist(),
            taken=[False] * len(chosen),
        )

    def _follow_camera(self, found: _Found) -> None:
        """Where the camera was pushed, everything is expected, and is still, that much further on."""
        known = [i for i, o in enumerate(self._objects) if o.missing_s == 0 and o.state is not TrackState.NEW]
        sure = [j for j, one in enumerate(found.detections) if one.score >= self._settings.high_score]
        shift = camera_shift(cornered(self._filters.at[known]), found.boxes[sure])
        if shift.any():
            self._filters.at[:, :2] += shift
            dx, dy = float(shift[0]) / self._settings.aspect, float(shift[1])
            for one in self._objects:
                one.rest = one.rest.shifted(dx, dy)
            self._register.shift(dx, dy)

    def _match(self, time: int, found: _Found) -> None:
        """Join detections to objects: sure to known ones, doubtful to those just seen, sure to lost ones by their looks, sure to
        new ones. Each step has what the steps before left over."""
        s = self._settings
        sure = [one.score >= s.high_score for one in found.detections]
        doubtful = [not one for one in sure]
        new, active, stationary = TrackState.NEW, TrackState.ACTIVE, TrackState.STATIONARY
        steps: tuple[tuple[Callable[[Object], bool], list[bool], Callable[..., Floats], float], ...] = (
            (lambda o: o.state is not new, sure, self._overlap, s.overlap),
            (
                lambda o: o.state is stationary or (o.state is active and o.missing_s <= s.doubt_s),
                doubtful,
                self._overlap,
                s.overlap_doubtful,
            ),
            (lambda o: o.state is active and o.look is not None, sure, self._likeness, s.again_likeness),
            (lambda o: o.state is new, sure, self._overlap, s.overlap_new),
        )
        for wanted, eligible, gain, least in steps:
            rows = [i for i, one in enumerate(self._objects) if not one.seen and wanted(one)]
            columns = [j for j, fits in enumerate(eligible) if fits and not found.taken[j]] if rows else []
            if columns:
                pairs = assign(gain(rows, columns, found), least)
                self._see(time, found, [(rows[i], columns[j]) for i, j in pairs])

    def _overlap(self, rows: list[int], columns: list[int], found: _Found) -> Floats:
        """How well each object fits each detection by place, 0–1."""
        s = self._settings
        gain = overlaps(cornered(self._filters.at[rows]), found.boxes[columns])
        still = np.array([self._objects[i].state is TrackState.STATIONARY for i in rows])
        gain[still[:, None] & (gain < s.overlap_doubtful)] = 0.0
        lost = np.array([self._objects[i].missing_s > s.doubt_s for i in rows])
        weight = np.where(lost, s.unlikeness_lost, s.unlikeness)[:, None]
        gain *= 1.0 - weight * self._strangeness(rows, columns, found, unknown=0.0)
        return np.where(self._same_kind(rows, columns, found), gain, 0.0)

    def _likeness(self, rows: list[int], columns: list[int], found: _Found) -> Floats:
        """How like each object is to each detection near where it was lost and of about its height, 0–1."""
        expected, seen = self._filters.at[rows], centred(found.boxes[columns])
        off = expected[:, None, :2] - seen[None, :, :2]
        near = np.hypot(off[..., 0], off[..., 1]) <= self._settings.again_reach * expected[:, None, 2:].max(axis=2)
        near &= np.abs(np.log(expected[:, None, 3] / seen[None, :, 3])) < 0.35
        gain = 1.0 - self._strangeness(rows, columns, found, unknown=1.0)
        return np.where(near & self._same_kind(rows, columns, found), gain, 0.0)

    def _see(self, time: int, found: _Found, pairs: Pairs) -> None:
        """Of each pair, the detection is the object."""
        columns = [j for _, j in pairs]
        self._filters.correct([i for i, _ in pairs], centred(found.boxes[columns]))
        boxes = self._boxes()
        for i, j in pairs:
            found.taken[j] = True
            self._live(self._objects[i], boxes[i], time, found, j)

    def _live(self, one: Object, box: Box, time: int, found: _Found, j: int) -> None:
        """What detection j changes in an object, whose box it made `box`."""
        s, seen = self._settings, found.detections[j]
        sure = seen.score >= s.high_score
        one.see(seen, time, found.looks[j] if sure and found.alone[j] else None)
        # Doubtful detections alone do not keep a moving object alive: most of those after the last sure one are wrong.
        known = sure or one.state is TrackState.STATIONARY
        one.missing_s = 0.0 if known else one.missing_s + min(self._gap_s, s.miss_most_s)
        self._usual_change += 0.02 * (max(0.003, one.changed) - self._usual_change)
        one.go(box, s.aspect)
        one.rest = one.rest.step(box, time, s.still_overlap, s.still_leave_s)
        good = one.top_score >= s.confirm_score or time - one.start >= s.confirm_s * US_PER_S
        if one.state is TrackState.NEW and (one.hits < s.confirm_hits or not good):
            return
        leaving = one.rest.left_at is not None and one.state is not TrackState.STATIONARY
        still = time - one.rest.since >= s.still_s * US_PER_S and not leaving
        one.state = TrackState.STATIONARY if still else TrackState.ACTIVE

    def _begin(self, time: int, found: _Found) -> None:
        """New objects, and remembered ones found in their place, from the sure detections that belong to nothing."""
        s = self._settings
        for j, seen in enumerate(found.detections):
            if found.taken[j] or seen.score < s.birth_score:
                continue
            kind = int(found.kinds[j])
            known = self._register.take(seen.box, partial(self._is_kind, kind), s.still_overlap)
            if known is not None:
                self._return(known)
                self._see(time, found, [(len(self._objects) - 1, j)])
                continue
            self._numbers += 1
            one = Object.begin(self._new_id(time), self._numbers, kind, seen, time)
            one.look = found.looks[j]
            one.go(seen.box, s.aspect)
            if s.confirm_hits <= 1 and seen.score >= s.confirm_score:
                one.state = TrackState.ACTIVE
            self._objects.append(one)
            self._filters.add(centred(found.boxes[[j]]))

    def _miss(self, looked: Sequence[Box]) -> list[int]:
        """Count the look against every object that it should have shown; those that end now."""
        s = self._settings
        limits = {TrackState.NEW: s.lost_new_s, TrackState.ACTIVE: s.lost_s, TrackState.STATIONARY: s.still_lost_s}
        ended: list[int] = []
        if all(one.seen for one in self._objects):
            return ended
        boxes = self._boxes()
        for i, one in enumerate(self._objects):
            if one.seen or not _covered(boxes[i], looked):
                continue
            one.missing_s += min(self._gap_s, s.miss_most_s)
            replaced = one.state is TrackState.STATIONARY and self._taken_over(one)
            if not replaced and one.missing_s < limits[one.state]:
                continue
            if one.state is TrackState.STATIONARY and not replaced:
                self._register.add(one.still())
            one.state = TrackState.ENDED
            ended.append(i)
        return ended

    def _taken_over(self, one: Object) -> bool:
        """Whether another, seen one of its kind has settled in the place of a still object that is not seen."""
        return any(
            other.seen
            and other.kind == one.kind
            and other.state is TrackState.STATIONARY
            and iou(other.rest.place, one.rest.place) >= self._settings.still_overlap
            for other in self._objects
        )

    def _drop(self, ended: list[int]) -> None:
        if ended:
            rows = [i for i in range(len(self._objects)) if i not in ended]
            self._objects = [self._objects[i] for i in rows]
            self._filters.keep(rows)

    def _return(self, known: StillObject) -> None:
        """A still object is live again, in its place."""
        self._numbers += 1
        self._objects.append(Object.back(known, self._numbers, self._kind(known.label)))
        self._filters.add(centred(self._array([known.box])))

    # --- values -----------------------------------------------------------------------------------------------------

    def _strangeness(self, rows: list[int], columns: list[int], found: _Found, unknown: float) -> Floats:
        """How unlike each object is to each detection: 0 the same, 1 quite another; told by how much objects usually differ from
        themselves here."""
        change = unlike([self._objects[i].look for i in rows], [found.looks[j] for j in columns])
        change /= 6.0 * self._usual_change
        return np.where(np.isnan(change), unknown, np.clip(change, 0.0, 1.0))

    def _same_kind(self, rows: list[int], columns: list[int], found: _Found) -> NDArray[np.bool_]:
        kinds = np.array([self._objects[i].kind for i in rows])
        same: NDArray[np.bool_] = kinds[:, None] == found.kinds[columns][None, :]
        return same

    def _boxes(self) -> list[Box]:
        """Of every object, where its filter has it."""
        corners = cornered(self._filters.at)
        corners[:, ::2] /= self._settings.aspect
        return [Box(*sides) for sides in corners.tolist()]

    def _array(self, boxes: Sequence[Box]) -> Floats:
        """(n, 4) corners in picture heights."""
        corners: Floats = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], dtype=np.float64).reshape(-1, 4)
        corners[:, ::2] *= self._settings.aspect
        return corners

    def _kind(self, label: str) -> int:
        """A number per kind; labels outside every kind are a kind each."""
        return self._kinds.setdefault(label, len(self._kinds) + len(self._settings.kinds))

    def _is_kind(self, kind: int, label: str) -> bool:
        return self._kind(label) == kind


def _usable(box: Box) -> bool:
    """Finite and not empty."""
    return isfinite(box.x1 + box.y1 + box.x2 + box.y2) and box.width > 0 and box.height > 0


def _looks(appearance: NDArray[np.float32] | None, chosen: list[int]) -> list[Floats | None]:
    """The vectors of the chosen detections, of length one; None where unknown."""
    if appearance is None or not chosen:
        return [None] * len(chosen)
    values: Floats = np.asarray(appearance, dtype=np.float64)[chosen]
    lengths = np.sqrt((values * values).sum(axis=1))
    known = np.isfinite(lengths) & (lengths > 0)
    return [row / length if ok else None for row, length, ok in zip(values, lengths, known, strict=True)]


def _covered(box: Box, looked: Sequence[Box]) -> bool:
    """Whether the detector saw at least most of where the object should be. One that left the picture was looked for."""
    visible = clip(box)
    return visible.area <= 0 or any(intersection(visible, part) >= 0.8 * visible.area for part in looked)
