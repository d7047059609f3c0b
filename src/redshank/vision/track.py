"""From detections to objects over time: our own tracker in the manner of ByteTrack.

ByteTrack (Y. Zhang et al., ECCV 2022) joins sure detections to known objects first, then lets the doubtful ones continue what
is already known but never begin anything. On top of it: real time steps (a camera is looked at 5 times a second, a clip 25
times, an idle camera after a minute), looks at parts of the picture, kinds of labels that a detector confuses, appearance when
the caller has it, and the register of still objects (`vision.still`).

One `Tracker` per camera, owned by its analysis thread. Pure: time comes with the detections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from redshank.clock import US_PER_S
from redshank.geometry import intersection, iou
from redshank.model import Box, Detection, Track, TrackState
from redshank.vision.kalman import Filters, MotionModel
from redshank.vision.still import Register, Rest, StillObject
from redshank.vision.track_match import Pairs, assign, duplicates, overlaps

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
    """Defaults hold for every camera; why each has its value: docs/design/tracking.md."""

    aspect: float = 16 / 9
    """Width by height of the picture in pixels."""
    low_score: float = 0.1
    """Detections below are ignored."""
    high_score: float = 0.5
    """From here a detection is sure: it may find lost objects again."""
    birth_score: float = 0.5
    """From here a sure detection that belongs to nothing begins an object."""
    confirm_hits: int = 3
    confirm_score: float = 0.6
    """A new object is confirmed after so many detections, the best at least this good."""
    overlap: float = 0.2
    """Least overlap (IoU) of a sure detection with where the object is expected."""
    overlap_low: float = 0.4
    """The same for a doubtful detection, and for objects not confirmed yet."""
    merge: float = 0.75
    """Detections of one kind that overlap more are one."""
    lost_s: float = 2.0
    """A confirmed object ends after being looked for so long in vain."""
    lost_new_s: float = 0.5
    miss_most_s: float = 1.0
    """One look in vain counts as no more than this, however long ago the look before was."""
    likeness: float = 0.3
    """Weight of appearance against overlap where both are known."""
    still_s: float = 5.0
    """An object that kept its place so long is stationary."""
    still_overlap: float = 0.6
    """It keeps its place while its box overlaps the place so much."""
    still_leave_s: float = 0.5
    still_lost_s: float = 120.0
    """A stationary object ends after being looked for so long in vain, but its place is remembered."""
    remember_s: float = 43_200.0
    """For so long a stationary object is known again when it is seen in its place."""
    kinds: tuple[frozenset[str], ...] = KINDS
    motion: MotionModel = field(default_factory=MotionModel)


@dataclass(slots=True)
class _Object:
    """What the tracker knows of one object besides its filter."""

    id: str
    number: int
    kind: int
    votes: dict[str, float]
    state: TrackState
    score: float
    top_score: float
    top_time: int
    start: int
    last_seen: int
    rest: Rest
    path_end: tuple[float, float]
    seen: bool = True
    hits: int = 1
    moved: float = 0.0
    missing_s: float = 0.0
    look: Floats | None = None

    @property
    def label(self) -> str:
        return max(self.votes, key=self.votes.__getitem__)


class Tracker:
    """The objects of one camera. Not thread-safe."""

    def __init__(self, settings: TrackSettings, new_id: Callable[[int], str]) -> None:
        """`new_id` makes the id of an object from its start time, see `clock.new_id`."""
        self._settings = settings
        self._new_id = new_id
        self._filters = Filters(settings.motion)
        self._objects: list[_Object] = []
        self._register = Register(settings.remember_s)
        self._time: int | None = None
        self._numbers = 0
        self._kinds: dict[str, int] = {label: i for i, kind in enumerate(settings.kinds) for label in kind}

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
        `appearance` (number of detections, any length) holds a vector per detection, rows of length one; a row of NaN or zeros
        means unknown. A time before the last one counts as no time passing.
        """
        gap_s = 0.0 if self._time is None else max(0, time - self._time) / US_PER_S
        self._time = time
        self._filters.predict(gap_s)
        found = self._sift(detections, appearance)
        for one in self._objects:
            one.seen = False
        for pairs in self._pairs(found):
            self._see(time, found, pairs)
        self._begin(time, found)
        ended = self._miss(gap_s, looked)
        self._register.expire(time)
        tracks = tuple(self._track(i, one) for i, one in enumerate(self._objects))
        self._drop(ended)
        return tracks

    def still(self) -> tuple[StillObject, ...]:
        """The register: every stationary object, seen or only remembered. Written down, it lets `restore` know them again."""
        live = [self._still(i) for i, one in enumerate(self._objects) if one.state is TrackState.STATIONARY]
        return (*live, *self._register)

    def restore(self, objects: Iterable[StillObject], time: int) -> None:
        """Before the first update: these were still when the program stopped. They are tracks again at once, stationary and
        not seen, and end in the usual way when they are not there any more."""
        for known in objects:
            if time - known.last_seen <= self._settings.remember_s * US_PER_S:
                self._return(known)
                self._objects[-1].seen = False

    # --- one look, step by step -------------------------------------------------------------------------------------

    def _sift(self, detections: Sequence[Detection], appearance: NDArray[np.float32] | None) -> _Found:
        """The usable detections, best first, without doubles."""
        floor = self._settings.low_score
        order = sorted(
            (i for i, seen in enumerate(detections) if seen.score >= floor and _usable(seen.box)),
            key=lambda i: -detections[i].score,
        )
        chosen = [detections[i] for i in order]
        boxes = self._array([seen.box for seen in chosen])
        kinds = np.array([self._kind(seen.label) for seen in chosen], dtype=np.int64)
        keep = np.flatnonzero(~duplicates(boxes, kinds, self._settings.merge))
        looks = [None if appearance is None else _look(appearance[order[i]]) for i in keep]
        scores = np.array([chosen[i].score for i in keep])
        return _Found([chosen[i] for i in keep], boxes[keep], kinds[keep], scores, looks)

    def _pairs(self, found: _Found) -> Iterable[Pairs]:
        """(object, detection) pairs: sure with known, then doubtful with known, then sure with new. Lazy: each step leaves out
        what the caller took from the step before."""
        s = self._settings
        sure = found.scores >= s.high_score
        steps = ((False, sure, s.overlap), (False, ~sure, s.overlap_low), (True, sure, s.overlap_low))
        for new, eligible, least in steps:
            rows = [i for i, o in enumerate(self._objects) if not o.seen and (o.state is TrackState.NEW) == new]
            columns = [int(j) for j in np.flatnonzero(eligible) if j not in found.taken]
            if rows and columns:
                gain = self._gain(rows, columns, found)
                yield [(rows[i], columns[j]) for i, j in assign(gain, least)]

    def _gain(self, rows: list[int], columns: list[int], found: _Found) -> Floats:
        """How well each object fits each detection, 0–1."""
        gain = overlaps(_corners(self._filters.at[rows]), found.boxes[columns])
        kinds = np.array([self._objects[i].kind for i in rows])
        return np.where(kinds[:, None] == found.kinds[columns][None, :], gain, 0.0)

    def _see(self, time: int, found: _Found, pairs: Pairs) -> None:
        self._filters.correct([i for i, _ in pairs], _centred(found.boxes[[j for _, j in pairs]]))
        for i, j in pairs:
            found.taken.add(j)
            one, seen = self._objects[i], found.detections[j]
            one.seen, one.missing_s, one.last_seen, one.score = True, 0.0, time, seen.score
            one.hits += 1
            one.votes[seen.label] = one.votes.get(seen.label, 0.0) + seen.score
            if seen.score > one.top_score:
                one.top_score, one.top_time = seen.score, time
            self._settle(i, one, time)

    def _settle(self, i: int, one: _Object, time: int) -> None:
        """The state of an object just seen."""
        s = self._settings
        box = self._box(i)
        x, y = (box.x1 + box.x2) / 2 * s.aspect, (box.y1 + box.y2) / 2
        step = float(np.hypot(x - one.path_end[0], y - one.path_end[1]))
        if step >= 0.1 * max(box.width * s.aspect, box.height):
            one.moved += step
            one.path_end = (x, y)
        if one.state is TrackState.NEW and one.hits >= s.confirm_hits and one.top_score >= s.confirm_score:
            one.state = TrackState.ACTIVE
        one.rest = one.rest.step(box, time, s.still_overlap, s.still_leave_s)
        if one.state is not TrackState.NEW:
            still = time - one.rest.since >= s.still_s * US_PER_S
            one.state = TrackState.STATIONARY if still else TrackState.ACTIVE

    def _begin(self, time: int, found: _Found) -> None:
        """New objects, and old ones found in their place, from the sure detections that belong to nothing."""
        s = self._settings
        for j, seen in enumerate(found.detections):
            if j in found.taken or seen.score < s.birth_score:
                continue
            kind = int(found.kinds[j])
            known = self._register.take(seen.box, partial(self._is_kind, kind), s.still_overlap)
            if known is not None:
                self._return(known)
                self._objects[-1].last_seen, self._objects[-1].score = time, seen.score
                continue
            self._filters.add(_centred(found.boxes[[j]]))
            self._numbers += 1
            foot = (seen.box.x1 + seen.box.x2) / 2 * s.aspect, (seen.box.y1 + seen.box.y2) / 2
            one = _Object(
                self._new_id(time), self._numbers, kind, {seen.label: seen.score}, TrackState.NEW, seen.score, seen.score,
                time, time, time, Rest(seen.box, time), foot, look=found.looks[j],
            )  # fmt: skip
            self._objects.append(one)
            if s.confirm_hits <= 1 and seen.score >= s.confirm_score:
                one.state = TrackState.ACTIVE

    def _miss(self, gap_s: float, looked: Sequence[Box]) -> list[int]:
        """Count the look against every object that it should have shown; those that end now."""
        s = self._settings
        limits = {TrackState.NEW: s.lost_new_s, TrackState.ACTIVE: s.lost_s, TrackState.STATIONARY: s.still_lost_s}
        ended = []
        for i, one in enumerate(self._objects):
            if one.seen or not _covered(self._box(i), looked):
                continue
            one.missing_s += min(gap_s, s.miss_most_s)
            if one.missing_s >= limits[one.state] or self._replaced(i):
                ended.append(i)
        for i in ended:
            if self._objects[i].state is TrackState.STATIONARY and not self._replaced(i):
                self._register.add(self._still(i))
            self._objects[i].state = TrackState.ENDED
        return ended

    def _replaced(self, i: int) -> bool:
        """Whether a still object that is not seen has another, seen one of its kind settled in its place."""
        one = self._objects[i]
        return one.state is TrackState.STATIONARY and any(
            other.seen
            and other.kind == one.kind
            and other.state is TrackState.STATIONARY
            and iou(self._box(k), one.rest.place) >= self._settings.still_overlap
            for k, other in enumerate(self._objects)
            if k != i
        )

    def _drop(self, ended: list[int]) -> None:
        if ended:
            rows = [i for i in range(len(self._objects)) if i not in ended]
            self._objects = [self._objects[i] for i in rows]
            self._filters.keep(rows)

    # --- values -----------------------------------------------------------------------------------------------------

    def _return(self, known: StillObject) -> None:
        """A still object is live again, in its place."""
        self._filters.add(_centred(self._array([known.box])))
        self._numbers += 1
        x, y = (known.box.x1 + known.box.x2) / 2 * self._settings.aspect, (known.box.y1 + known.box.y2) / 2
        one = _Object(
            known.id, self._numbers, self._kind(known.label), {known.label: known.score * known.hits},
            TrackState.STATIONARY, known.score, known.top_score, known.top_time, known.start, known.last_seen,
            Rest(known.box, known.since), (x, y), hits=known.hits, moved=known.moved,
        )  # fmt: skip
        self._objects.append(one)

    def _still(self, i: int) -> StillObject:
        one = self._objects[i]
        return StillObject(
            one.id, one.label, one.rest.place, one.score, one.top_score, one.top_time, one.start, one.rest.since,
            one.last_seen, one.hits, one.moved,
        )  # fmt: skip

    def _track(self, i: int, one: _Object) -> Track:
        return Track(
            one.id, one.number, one.label, one.state, self._box(i), one.score, one.top_score, one.top_time, one.start,
            one.last_seen, one.seen, one.hits, one.moved,
        )  # fmt: skip

    def _box(self, i: int) -> Box:
        x, y, w, h = self._filters.at[i].tolist()
        aspect = self._settings.aspect
        return Box((x - w / 2) / aspect, y - h / 2, (x + w / 2) / aspect, y + h / 2)

    def _array(self, boxes: Sequence[Box]) -> Floats:
        scale = np.array([self._settings.aspect, 1.0, self._settings.aspect, 1.0])
        corners: Floats = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], dtype=np.float64).reshape(-1, 4)
        return corners * scale

    def _is_kind(self, kind: int, label: str) -> bool:
        return self._kind(label) == kind

    def _kind(self, label: str) -> int:
        """A number per kind; labels outside every kind are a kind each."""
        return self._kinds.setdefault(label, len(self._kinds) + len(self._settings.kinds))


@dataclass(slots=True)
class _Found:
    """The usable detections of one look; row j of each belongs together."""

    detections: list[Detection]
    boxes: Floats
    """(m, 4) corners in picture heights."""
    kinds: NDArray[np.int64]
    scores: Floats
    looks: list[Floats | None]
    taken: set[int] = field(default_factory=set)


def _centred(corners: Floats) -> Floats:
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


def _corners(centred: Floats) -> Floats:
    half = centred[:, 2:] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)


def _usable(box: Box) -> bool:
    return bool(np.isfinite([box.x1, box.y1, box.x2, box.y2]).all()) and box.width > 0 and box.height > 0


def _look(row: NDArray[np.float32]) -> Floats | None:
    values: Floats = np.asarray(row, dtype=np.float64)
    length = float(np.linalg.norm(values))
    if not np.isfinite(length) or length == 0:
        return None
    unit: Floats = values / length
    return unit


def _covered(box: Box, looked: Sequence[Box]) -> bool:
    """Whether the detector saw at least most of where the object should be."""
    return any(intersection(box, part) >= 0.8 * box.area for part in looked)
